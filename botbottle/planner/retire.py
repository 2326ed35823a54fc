"""Bottles that should not run: stopped, frozen, killed, or no longer declared."""

from __future__ import annotations

from botbottle.model import fragment
from botbottle.model.ledger_view import LedgerView
from botbottle.model.plan import Action, Ref, RemoveContainer, RemoveVolume, RetireAccount
from botbottle.model.resources import ObservedContainer, ObservedVolume
from botbottle.planner.about import about, stop
from botbottle.planner.draft import Draft
from botbottle.planner.freeze import ALIVE, FROZEN, plan_freeze
from botbottle.planner.network import drop_network
from botbottle.planner.wanted import Wanted

ROLES = ("agent", "supervise", "git-gate", "egress")  # the agent goes first


def plan_stopped(draft: Draft, want: Wanted, view: LedgerView) -> None:
    """Stop what runs, agent first; create nothing. A freeze takes its snapshot on the way."""
    name = want.spec.name
    freezing = want.standing.policy == "freeze"
    reason = FROZEN if freezing else "should-not-run"
    previous = plan_freeze(draft, want, view) if freezing else ()
    for role in ROLES[1:] if freezing else ROLES:
        for found in draft.mine(name, role):
            if found.state in ALIVE:
                previous = (*previous, stop(draft, found, name, role, reason, previous))


def plan_absent(draft: Draft, name: str, account: str, reason: str, *, registered: bool) -> None:
    """Remove a bottle: agent, sidecars, network, volumes; then close its account's socket."""
    removed: tuple[str, ...] = ()
    own = [(role, found) for role in (*ROLES, "restore") for found in draft.mine(name, role)]
    for role, found in own:
        removed = (*removed, _remove(draft, found, name, role, removed, reason))
    ids = {found.id for _, found in own}
    networks = tuple(
        drop_network(draft, network, name, ids, removed, reason)
        for network in draft.my_networks(name)
    )
    gone = (*removed, *(n for n in networks if n))
    for volume in draft.my_volumes(name):
        gone = (*gone, _remove_volume(draft, volume, name, removed, reason))
    if registered:
        draft.add(
            RetireAccount(**about(f"retire:{name}", name, "account", reason, gone), account=account)
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
    needed = after if role == "egress" else ()
    told = about(f"remove:{name}/{role}:{found.id[:12]}", name, role, reason, needed)
    return draft.add(RemoveContainer(**told, ref=Ref(found.name, found.id), kill=True))


def _remove_volume(
    draft: Draft, volume: ObservedVolume, name: str, after: tuple[str, ...], reason: str
) -> str:
    draft.change(f"{name}/volume", name, Action.REMOVE, reason, note=volume.name)
    return draft.add(
        RemoveVolume(
            **about(f"remove:volume:{volume.name}", name, "volume", reason, after),
            expect=fragment.volume(volume.name, volume.labels),
            name=volume.name,
        )
    )
