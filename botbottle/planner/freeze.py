"""A freeze: kill, then snapshot. Pure.

The agent ends with a kill: no instruction of it runs after that, so the image, the volumes and
what stays behind agree, just as after a pause. The engine's pause is not used, because it can
fail: on a busy machine, and whenever the agent forks faster than the kernel freezes, which an
agent could do on purpose. An agent that was not running any more is copied as it is.
"""

from __future__ import annotations

from botbottle.model import canonical, labels
from botbottle.model.ledger_view import EnforcementRecord, LedgerView
from botbottle.model.plan import CommitImage, Ref, SaveVolumes
from botbottle.model.resources import ObservedContainer
from botbottle.planner.about import about, stop
from botbottle.planner.draft import Draft, owner_labels
from botbottle.planner.resume import volumes_tag
from botbottle.planner.wanted import Wanted

ALIVE = ("running", "paused", "restarting")
FROZEN = "frozen"


def plan_freeze(draft: Draft, want: Wanted, view: LedgerView) -> tuple[str, ...]:
    """Snapshot one agent and stop all; ids of the ops after which the sidecars stop: stopping
    them meanwhile would slow the commit down. An agent that is still there but stopped is copied
    only until the ledger says that this freeze was carried out; also one that never ran, as its
    volumes hold the work of the one that it replaces."""
    name = want.spec.name
    agents = sorted(draft.mine(name, "agent"), key=_idleness)
    alive = [agent for agent in agents if agent.state in ALIVE]
    stops = tuple(stop(draft, agent, name, "agent", FROZEN, kill=True) for agent in alive)
    if stops or (agents and not carried_out(want, view.enforced.get(want.account))):
        committed = _commit(draft, want, agents[0], stops, view)
        _save(draft, want, agents[0], (committed,), view)
        return (*stops, committed)
    return stops


def _idleness(agent: ObservedContainer) -> int:
    """What runs comes first, and what never ran last."""
    return 0 if agent.state in ALIVE else 2 if agent.state == "created" else 1


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
    draft: Draft, want: Wanted, found: ObservedContainer, after: tuple[str, ...], view: LedgerView
) -> str:
    name = want.spec.name
    return draft.add(
        CommitImage(
            **about(f"commit:{name}/agent", name, "agent", FROZEN, after),
            ref=Ref(found.name, found.id),
            tag=snapshot_tag(want, draft.facts.paths.home_id),
            labels=_marks(draft, want, found, "snapshot", view),
        )
    )


def _save(
    draft: Draft, want: Wanted, found: ObservedContainer, after: tuple[str, ...], view: LedgerView
) -> str:
    name = want.spec.name
    tag = snapshot_tag(want, draft.facts.paths.home_id)
    return draft.add(
        SaveVolumes(
            **about(f"save:{name}/agent", name, "agent", FROZEN, after),
            ref=Ref(found.name, found.id),
            tag=volumes_tag(tag),
            snapshot=tag,
            paths=tuple(sorted(m.target for m in want.agent.mounts if m.kind == "volume")),
            labels=_marks(draft, want, found, "snapshot-volumes", view),
        )
    )


def _marks(
    draft: Draft, want: Wanted, found: ObservedContainer, kind: str, view: LedgerView
) -> tuple[tuple[str, str], ...]:
    """Owner, the spec that this agent was made from, and where its budgets stood."""
    keys = {scope.key for scope in want.spec.scopes}
    position = [
        {"scope": p.scope, "provider": p.provider, "window": p.window,
         "spent": p.spent, "limit": p.limit}
        for p in sorted(view.pools)
        if p.scope in keys
    ]  # fmt: skip
    made = owner_labels(draft.facts, want.spec.project, want.spec.name, kind) | {
        labels.SPEC: found.labels.get(labels.SPEC, ""),
        labels.BUDGET: canonical.canonical(position),
    }
    return tuple(sorted(made.items()))
