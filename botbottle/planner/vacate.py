"""Containers of ours that hold each other's names make way first, under a name of their own.

Somebody renamed them, or a crash came between two renames. The name that a container leaves is
free for the rightful one whatever the cycle looks like, and a crash after any rename leaves
nothing that the next plan does not repair the same way. What is not ours keeps its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.plan import (
    Action,
    CreateContainer,
    Op,
    Ref,
    RemoveContainer,
    RenameContainer,
)
from botbottle.model.resources import ObservedContainer
from botbottle.planner.draft import Draft
from botbottle.planner.names import ledger_name
from botbottle.planner.wanted import Wanted


def make_way(draft: Draft, wants: Iterable[Wanted]) -> None:
    """Rename away every container of ours that holds a name which another one needs now."""
    for name, bottle, kind in _needed(draft, wants):
        holder = draft.index.names.get(name)
        if holder is not None and _may_move(draft, holder, bottle, kind):
            _move(draft, holder, name, bottle)


def _needed(draft: Draft, wants: Iterable[Wanted]) -> Iterator[tuple[str, str, str]]:
    """(name, bottle, kind) of every container that should exist."""
    running = [w for w in wants if w.mode == "running"]
    for want in running:
        yield want.agent.name, want.spec.name, "agent"
        yield want.egress.name, want.spec.name, "egress"
    if running:
        yield ledger_name(draft.facts.paths.home_id), "", "ledger"


def _may_move(draft: Draft, holder: ObservedContainer, bottle: str, kind: str) -> bool:
    """Ours, not the rightful holder, and not of a bottle that ``--only`` leaves alone."""
    marks, only = holder.labels, draft.facts.only
    other = (marks.get(labels.BOTTLE), marks.get(labels.KIND)) != (bottle, kind)
    return (
        draft.owns(holder) and other and (not only or marks.get(labels.BOTTLE, "") in (*only, ""))
    )


def _move(draft: Draft, holder: ObservedContainer, name: str, bottle: str) -> None:
    resource = draft.resource_of(holder)
    draft.change(
        resource,
        holder.labels.get(labels.BOTTLE, ""),
        Action.UPDATE,
        "makes-way",
        drift=True,
        note=f"holds the name {name}",
    )
    draft.vacated[holder.id] = draft.add(
        RenameContainer(
            id=f"vacate:{name}",
            resource=resource,
            bottle=bottle,  # the one that needs the name
            reason="makes-way",
            ref=Ref(holder.name, holder.id),
            name=draft.unheld(f"{name}-{holder.id[:12]}"),
        )
    )


def names_first(draft: Draft, ops: Iterable[Op]) -> tuple[Op, ...]:
    """``ops`` with whoever takes a left name, or renames or removes who left it, made to wait.
    Making way depends on nothing, so no cycle can arise."""
    planned = tuple(ops)
    if not draft.vacated:
        return planned
    left = {c.name: draft.vacated[c.id] for c in draft.observed.containers if c.id in draft.vacated}
    return tuple(_after(op, left, draft.vacated) for op in planned)


def _after(op: Op, left: dict[str, str], vacated: dict[str, str]) -> Op:
    needed = set()
    if isinstance(op, CreateContainer | RenameContainer):
        needed.add(left.get(op.name, ""))
    if isinstance(op, RemoveContainer | RenameContainer):
        needed.add(vacated.get(op.ref.id, ""))
    needed -= {"", op.id, *op.after}
    return replace(op, after=(*op.after, *sorted(needed))) if needed else op
