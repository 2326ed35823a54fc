"""A freeze: pause, snapshot, stop. Pure.

The agent is stopped with a kill: it executes nothing after the pause, so the image, the volumes
and what stays behind agree. Volumes are copied when it has stopped, so that however long that
takes, nobody waits for it. An agent that was not running is copied as it is.
"""

from __future__ import annotations

from botbottle.model import canonical, labels
from botbottle.model.ledger_view import EnforcementRecord, LedgerView
from botbottle.model.plan import (
    Action,
    CommitImage,
    PauseContainer,
    Ref,
    SaveVolumes,
    StopContainer,
)
from botbottle.model.resources import ObservedContainer
from botbottle.planner.draft import Draft, owner_labels
from botbottle.planner.resume import volumes_tag
from botbottle.planner.wanted import Wanted

ALIVE = ("running", "paused", "restarting")


def plan_freeze(draft: Draft, want: Wanted, view: LedgerView) -> tuple[str, ...]:
    """Snapshot one agent and stop all; ids of the ops after which none runs. One that is still
    there but stopped is copied only until the ledger says that this freeze was carried out."""
    agents = sorted(draft.mine(want.spec.name, "agent"), key=lambda c: c.state not in ALIVE)
    if not agents:
        return ()
    source, stops = agents[0], []
    committed: tuple[str, ...] = ()
    if source.state in ALIVE or not carried_out(want, view.enforced.get(want.account)):
        committed = _commit(draft, want, source, view)
    for agent in agents:
        if agent.state in ALIVE:
            stops.append(_stop(draft, want, agent, committed))
    if committed:
        _save(draft, want, source, (*committed, *stops), view)
    return tuple(stops)


def carried_out(want: Wanted, record: EnforcementRecord | None) -> bool:
    """Whether the ledger has a row of this very freeze."""
    return (
        record is not None
        and record.policy == "freeze"
        and record.trigger_id in ("", want.standing.trigger_id)
    )


def snapshot_tag(want: Wanted, home_id: str) -> str:
    """Deterministic for one trigger, so that a repeated freeze writes the same snapshot; two
    homes on one engine never write the same tag."""
    tail = canonical.digest([home_id, want.account, want.standing.trigger_id], 12)
    return f"botbottle/snapshot-{want.spec.name}:{tail}"


def _commit(
    draft: Draft, want: Wanted, found: ObservedContainer, view: LedgerView
) -> tuple[str, ...]:
    """Pause what runs, then commit."""
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
    committed = draft.add(
        CommitImage(
            id=f"commit:{resource}",
            resource=resource,
            bottle=name,
            reason="frozen",
            after=paused,
            ref=ref,
            tag=snapshot_tag(want, draft.facts.paths.home_id),
            labels=_marks(draft, want, "snapshot", view),
        )
    )
    return (committed,)


def _stop(draft: Draft, want: Wanted, found: ObservedContainer, after: tuple[str, ...]) -> str:
    name = want.spec.name
    draft.change(f"{name}/agent", name, Action.STOP, "frozen")
    return draft.add(
        StopContainer(
            id=f"stop:{name}/agent:{found.id[:12]}",
            resource=f"{name}/agent",
            bottle=name,
            reason="frozen",
            after=after,
            ref=Ref(found.name, found.id),
            kill=True,
        )
    )


def _save(
    draft: Draft, want: Wanted, found: ObservedContainer, after: tuple[str, ...], view: LedgerView
) -> str:
    name = want.spec.name
    tag = snapshot_tag(want, draft.facts.paths.home_id)
    return draft.add(
        SaveVolumes(
            id=f"save:{name}/agent",
            resource=f"{name}/agent",
            bottle=name,
            reason="frozen",
            after=after,
            ref=Ref(found.name, found.id),
            tag=volumes_tag(tag),
            snapshot=tag,
            paths=tuple(sorted(m.target for m in want.agent.mounts if m.kind == "volume")),
            labels=_marks(draft, want, "snapshot-volumes", view),
        )
    )


def _marks(draft: Draft, want: Wanted, kind: str, view: LedgerView) -> tuple[tuple[str, str], ...]:
    """Owner, the agent's spec, and where its budgets stood."""
    keys = {scope.key for scope in want.spec.scopes}
    position = [
        {"scope": p.scope, "provider": p.provider, "window": p.window,
         "spent": p.spent, "limit": p.limit}
        for p in sorted(view.pools)
        if p.scope in keys
    ]  # fmt: skip
    made = owner_labels(draft.facts, want.spec.project, want.spec.name, kind) | {
        labels.SPEC: canonical.canonical(want.agent.immutable),
        labels.BUDGET: canonical.canonical(position),
    }
    return tuple(sorted(made.items()))
