"""Rows from what is declared, observed and recorded. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from botbottle.ledger.records import Heartbeat, Proposal
from botbottle.model.bottle import BottleSpec, Declared
from botbottle.model.ledger_view import LedgerView, Pool
from botbottle.model.paths import account
from botbottle.model.plan import Plan
from botbottle.model.resources import Observed, ObservedContainer
from botbottle.planner.enforce import Standing, governing, pools_by_scope
from botbottle.planner.names import Names, names
from botbottle.planner.plan import states_of
from botbottle.planner.wanted import providers_of
from botbottle.ui.top.activity import Activity
from botbottle.ui.top.model import Ask, Fleet, Hold, Row, budget_of

REMOVES = "bb apply removes it"  # a bottle that is not declared any more


class Seen(Struct, frozen=True):
    """Everything a picture is made of. ``observed`` and ``plan`` are None until the engine
    answered for the first time. ``former``: bottles that are there, as they were last applied, and
    not declared any more."""

    declared: Declared
    home_id: str
    view: LedgerView = field(default_factory=LedgerView)
    observed: Observed | None = None
    observed_at: float = 0.0
    plan: Plan | None = None
    proposals: Sequence[Proposal] = ()
    heartbeats: Mapping[str, Heartbeat] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    former: tuple[BottleSpec, ...] = ()

    @property
    def everyone(self) -> Declared:
        """Also what is not declared any more."""
        return replace(self.declared, bottles=(*self.declared.bottles, *self.former))


def fleet(seen: Seen, activity: Activity, now: float) -> Fleet:
    """The picture at ``now``, bottles by name."""
    project = seen.declared.project.id
    pools, states = pools_by_scope(seen.view), states_of(seen.everyone, seen.view)
    bottles = sorted(seen.everyone.bottles, key=lambda b: b.name)
    live = {c.name: c for c in seen.observed.containers} if seen.observed else {}
    parts = {
        b.name: places(seen.observed, live, names(seen.home_id, project, b.name)) for b in bottles
    }
    return Fleet(
        project=project,
        now=now,
        rows=tuple(
            row(b, parts[b.name], pools, states[b.name], seen, activity, now) for b in bottles
        ),
        proposals=tuple(ask(p) for p in seen.proposals if p.account.startswith(f"{project}/")),
        watch_alive=seen.view.watch_alive,
        observed_at=seen.observed_at,
        problems=seen.problems,
    )


def row(
    spec: BottleSpec,
    parts: tuple[str, str],
    pools: Mapping[tuple[str, str], tuple[Pool, ...]],
    held: Standing,
    seen: Seen,
    activity: Activity,
    now: float,
) -> Row:
    """One bottle; ``parts`` are the states of its agent and sidecar."""
    key = account(spec.project, spec.name)
    mode = seen.declared.settings.budget_mode
    providers = providers_of(spec)
    beat = seen.heartbeats.get(key)
    status = beat.status if beat else {}
    gone = spec in seen.former  # and no order on it is lifted before it is declared
    out = REMOVES if gone else held.way_out
    return Row(
        bottle=spec.name,
        account=key,
        agent=spec.agent,
        provider=spec.template,
        declared="no" if gone else spec.state,
        state=state(spec.state, *parts, held),
        agent_state=parts[0],
        sidecar=parts[1],
        model=activity.model(key),
        budgets=tuple(budget_of(p, now) for p in governing(spec, providers, mode, pools)),
        burn=activity.burn(key, now),
        last_activity=activity.last(key),
        streams=number(status.get("streams")) or 0,
        denials=number(status.get("denied")),
        proposals=sum(1 for p in seen.proposals if p.account == key),
        drift=drift(seen.plan, spec.name),
        held=None if held.free else Hold(held.policy, held.message, out),
    )


def number(value: object) -> int | None:
    """A count from a sidecar's own report, which may be anything."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def places(
    observed: Observed | None, live: Mapping[str, ObservedContainer], called: Names
) -> tuple[str, str]:
    """States of the agent and of the sidecar; ``?`` before the engine answered."""
    if observed is None:
        return "?", "?"
    agent, egress = live.get(called.agent), live.get(called.egress)
    return (agent.state if agent else "absent"), sidecar(observed, egress)


def sidecar(observed: Observed, egress: ObservedContainer | None) -> str:
    """The words of ``bb status``."""
    if egress is None:
        return "absent"
    status = observed.sidecars.get(egress.id)
    if status is None:
        return "not answering"
    return "ready" if status.ready and status.ledger else "refusing"


def state(declared: str, agent: str, sidecar: str, held: Standing) -> str:
    """One word for a bottle; what holds it back goes before what it does."""
    there = agent not in ("absent", "?")
    match held.policy:
        case "cutoff":
            return "cut off"
        case "freeze":
            return "freezing" if agent in ("running", "paused") else "frozen"
        case "kill":
            return "killing" if there else "killed"
    if agent == "?":
        return "?"
    if agent == "running" and sidecar != "ready":
        return {"refusing": "refusing", "absent": "no sidecar"}.get(sidecar, "no answer")
    if not there:
        return "missing" if declared == "started" else declared
    return "stopped" if agent in ("exited", "created", "dead") else agent


def drift(plan: Plan | None, bottle: str) -> tuple[str, ...]:
    """Operations that a plan wants for a bottle."""
    return tuple(sorted({op.id for op in plan.ops if op.bottle == bottle})) if plan else ()


def ask(found: Proposal) -> Ask:
    """A proposal as shown."""
    return Ask(
        found.id,
        found.account.partition("/")[2],
        found.kind,
        json.dumps(dict(found.payload), sort_keys=True),
        found.justification,
        found.expires_at,
    )
