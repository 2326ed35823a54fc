"""Bottles that should not run: stopped, frozen, killed, or no longer declared."""

from __future__ import annotations

from botbottle.model import canonical, labels
from botbottle.model.plan import (
    Action,
    CommitImage,
    PauseContainer,
    Ref,
    RemoveContainer,
    RemoveVolume,
    RetireAccount,
    StopContainer,
)
from botbottle.model.resources import ObservedContainer
from botbottle.planner.draft import Draft, owner_labels
from botbottle.planner.network import drop_network
from botbottle.planner.wanted import Wanted

ROLES = ("agent", "supervise", "git-gate", "egress")  # the agent goes first
ALIVE = ("running", "paused", "restarting")


def plan_stopped(draft: Draft, want: Wanted) -> None:
    """Stop what runs, agent first; create nothing. A freeze takes its snapshot on the way."""
    name = want.spec.name
    freezing = want.standing.policy == "freeze"
    previous: tuple[str, ...] = ()
    for role in ROLES:
        for found in draft.mine(name, role):
            if found.state not in ALIVE:
                continue
            before = previous
            if role == "agent" and freezing:
                before = _snapshot(draft, want, found)
            previous = (*previous, _stop(draft, found, name, role, before, freezing))


def _stop(
    draft: Draft,
    found: ObservedContainer,
    name: str,
    role: str,
    after: tuple[str, ...],
    freezing: bool,
) -> str:
    reason = "frozen" if freezing else "should-not-run"
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


def snapshot_tag(want: Wanted, home_id: str) -> str:
    """Deterministic for one trigger, so that a repeated freeze writes the same snapshot; two
    homes on one engine never write the same tag."""
    tail = canonical.digest([home_id, want.account, want.standing.trigger_id], 12)
    return f"botbottle/snapshot-{want.spec.name}:{tail}"


def _snapshot(draft: Draft, want: Wanted, found: ObservedContainer) -> tuple[str, ...]:
    """Pause, then commit. The engine unpauses a paused container when it stops it."""
    name, ref = want.spec.name, Ref(found.name, found.id)
    resource = f"{name}/agent"
    paused: tuple[str, ...] = ()
    if found.state == "running":
        paused = (
            draft.add(
                PauseContainer(
                    id=f"pause:{resource}", resource=resource, bottle=name, reason="frozen", ref=ref
                )
            ),
        )
    made = owner_labels(draft.facts, want.spec.project, name, "snapshot") | {
        labels.SPEC: canonical.canonical(want.agent.immutable)
    }
    committed = draft.add(
        CommitImage(
            id=f"commit:{resource}",
            resource=resource,
            bottle=name,
            reason="frozen",
            after=paused,
            ref=ref,
            tag=snapshot_tag(want, draft.facts.paths.home_id),
            labels=tuple(sorted(made.items())),
        )
    )
    return (*paused, committed)


def plan_absent(draft: Draft, name: str, account: str, reason: str, *, registered: bool) -> None:
    """Remove a bottle: agent, sidecars, network, volumes; then close its account's socket."""
    removed: tuple[str, ...] = ()
    for role in ROLES:
        for found in draft.mine(name, role):
            removed = (*removed, _remove(draft, found, name, role, removed, reason))
    networks = tuple(
        drop_network(draft, network, name, removed, reason) for network in draft.my_networks(name)
    )
    gone = (*removed, *(n for n in networks if n))
    for volume in draft.my_volumes(name):
        gone = (*gone, _remove_volume(draft, volume.name, name, removed, reason))
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
    draft: Draft, volume: str, name: str, after: tuple[str, ...], reason: str
) -> str:
    draft.change(f"{name}/volume", name, Action.REMOVE, reason, note=volume)
    return draft.add(
        RemoveVolume(
            id=f"remove:volume:{volume}",
            resource=f"{name}/volume",
            bottle=name,
            reason=reason,
            after=after,
            name=volume,
        )
    )
