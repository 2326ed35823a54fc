"""Bottles that should not run: stopped, frozen, killed, or no longer declared."""

from __future__ import annotations

from botbottle.model import fragment
from botbottle.model.ledger_view import LedgerView
from botbottle.model.plan import (
    Action,
    Ref,
    RemoveContainer,
    RemoveVolume,
    RetireAccount,
    StopContainer,
)
from botbottle.model.resources import ObservedContainer, ObservedVolume
from botbottle.planner.draft import Draft
from botbottle.planner.freeze import ALIVE, plan_freeze
from botbottle.planner.network import drop_network
from botbottle.planner.wanted import Wanted

ROLES = ("agent", "supervise", "git-gate", "egress")  # the agent goes first


def plan_stopped(draft: Draft, want: Wanted, view: LedgerView) -> None:
    """Stop what runs, agent first; create nothing. A freeze takes its snapshot on the way."""
    name = want.spec.name
    freezing = want.standing.policy == "freeze"
    reason = "frozen" if freezing else "should-not-run"
    previous = plan_freeze(draft, want, view) if freezing else ()
    for role in ROLES[1:] if freezing else ROLES:
        for found in draft.mine(name, role):
            if found.state in ALIVE:
                previous = (*previous, _stop(draft, found, name, role, previous, reason))


def _stop(
    draft: Draft,
    found: ObservedContainer,
    name: str,
    role: str,
    after: tuple[str, ...],
    reason: str,
) -> str:
    draft.change(f"{name}/{role}", name, Action.STOP, reason)
    return draft.add(
        StopContainer(
            id=f"stop:{name}/{role}:{found.id[:12]}",
            resource=f"{name}/{role}",
            bottle=name,
            reason=reason,
            after=after,
            ref=Ref(found.name, found.id),
        )
    )


def plan_absent(draft: Draft, name: str, account: str, reason: str, *, registered: bool) -> None:
    """Remove a bottle: agent, sidecars, network, volumes; then close its account's socket."""
    removed: tuple[str, ...] = ()
    for role in (*ROLES, "restore"):
        for found in draft.mine(name, role):
            removed = (*removed, _remove(draft, found, name, role, removed, reason))
    networks = tuple(
        drop_network(draft, network, name, removed, reason) for network in draft.my_networks(name)
    )
    gone = (*removed, *(n for n in networks if n))
    for volume in draft.my_volumes(name):
        gone = (*gone, _remove_volume(draft, volume, name, removed, reason))
    if registered:
        draft.add(
            RetireAccount(
                id=f"retire:{name}",
                resource=f"{name}/account",
                bottle=name,
                reason=reason,
                after=gone,
                account=account,
            )
        )
        draft.change(f"{name}/account", name, Action.REMOVE, reason)


def _remove(
    draft: Draft,
    found: ObservedContainer,
    name: str,
    role: str,
    after: tuple[str, ...],
    reason: str,
) -> str:
    draft.change(f"{name}/{role}", name, Action.REMOVE, reason)
    return draft.add(
        RemoveContainer(
            id=f"remove:{name}/{role}:{found.id[:12]}",
            resource=f"{name}/{role}",
            bottle=name,
            reason=reason,
            after=after if role == "egress" else (),
            ref=Ref(found.name, found.id),
            kill=True,
        )
    )


def _remove_volume(
    draft: Draft, volume: ObservedVolume, name: str, after: tuple[str, ...], reason: str
) -> str:
    draft.change(f"{name}/volume", name, Action.REMOVE, reason, note=volume.name)
    return draft.add(
        RemoveVolume(
            id=f"remove:volume:{volume.name}",
            resource=f"{name}/volume",
            bottle=name,
            reason=reason,
            after=after,
            expect=fragment.volume(volume.name, volume.labels),
            name=volume.name,
        )
    )
