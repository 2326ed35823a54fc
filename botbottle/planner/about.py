"""What every op of a bottle says of itself, and the stop of one of its containers. Pure."""

from __future__ import annotations

from typing import TypedDict

from botbottle.model.plan import Action, Ref, StopContainer
from botbottle.model.resources import ObservedContainer
from botbottle.planner.draft import Draft

SILENT = "not-answering"  # why a sidecar is stopped that should refuse and does not answer


class About(TypedDict):
    """The fields that all ops have, as keywords."""

    id: str
    resource: str
    bottle: str
    reason: str
    after: tuple[str, ...]


def about(identity: str, bottle: str, part: str, reason: str, after: tuple[str, ...] = ()) -> About:
    """For an op on one part (``agent``, ``egress``, ``volume``, ...) of a bottle."""
    return About(
        id=identity, resource=f"{bottle}/{part}", bottle=bottle, reason=reason, after=after
    )


def stop(
    draft: Draft,
    found: ObservedContainer,
    bottle: str,
    role: str,
    reason: str,
    after: tuple[str, ...] = (),
    *,
    kill: bool = False,
) -> str:
    """Stop one container; the op's id. ``kill``: at once, so that nothing of it runs after."""
    draft.change(f"{bottle}/{role}", bottle, Action.STOP, reason)
    told = about(f"stop:{bottle}/{role}:{found.id[:12]}", bottle, role, reason, after)
    return draft.add(StopContainer(**told, ref=Ref(found.name, found.id), kill=kill))
