"""Which part of a plan a watch may carry out by itself. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeGuard

from msgspec import Struct
from msgspec.structs import replace

from botbottle.model.plan import (
    ALARMS,
    DeliverEnv,
    Op,
    Plan,
    PushConfig,
    RecordEnforcement,
    RemoveNetwork,
    StopContainer,
)
from botbottle.planner.about import SILENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botbottle.executor import Result

type Level = Literal["none", "safe", "all"]


def blocked_bottles(plan: Plan) -> frozenset[str]:
    """Bottles that cannot be carried out now (missing credential, taken name)."""
    return frozenset(
        n.bottle for n in plan.notices if n.code == "BB290" or n.code.startswith("BB8")
    )


def unasked_bottles(plan: Plan) -> frozenset[str]:
    """Bottles whose agent would be started without its values, which only ``bb apply`` can ask
    for: it would wait for them, in the place of one that works."""
    return frozenset(
        op.bottle
        for op in plan.ops
        if isinstance(op, DeliverEnv) and op.reason == "started" and not all(m for _, m in op.names)
    )


def unapproved_bottles(plan: Plan) -> frozenset[str]:
    """Bottles whose change needs an approval that nobody gave."""
    return frozenset(n.bottle for n in plan.notices if n.needs)


def allowed(
    plan: Plan,
    level: Level,
    waiting: frozenset[str] = frozenset(),
    unheard: frozenset[str] = frozenset(),
) -> Plan:
    """The ops a watch at ``level`` may run: for blocked bottles, and those without their values,
    nothing but a cutoff, for those in ``waiting`` (back-off, damper) nothing; ``safe`` leaves out
    what needs an approval; ``none`` runs nothing. Sidecars in ``unheard`` (ids) are not stopped for
    their silence yet."""
    if level == "none":
        return replace(plan, ops=())
    out = blocked_bottles(plan) | unasked_bottles(plan) | waiting
    if level == "safe":
        out |= unapproved_bottles(plan)
    left = {
        op.id: op
        for op in plan.ops
        if (op.bottle in out and not _cuts(op, waiting)) or (_silences(op) and op.ref.id in unheard)
    }
    while more := {op.id: op for op in plan.ops if op.id not in left and _held_up(op, left)}:
        left |= more
    return replace(plan, ops=tuple(_without(op, left) for op in plan.ops if op.id not in left))


def left_alone(plan: Plan, level: Level) -> frozenset[tuple[str, str]]:
    """(bottle, why) of what a watch at ``level`` will not do by itself."""
    told = {(b, "blocked") for b in blocked_bottles(plan)}
    told |= {(b, "needs bb apply, which asks for its values") for b in unasked_bottles(plan)}
    told |= {(n.bottle, n.message) for n in plan.notices if n.code in ALARMS}
    if level == "safe":
        raised = {n.bottle for n in plan.notices if n.code == "BB310"}  # only the raise waits
        told |= {(b, "needs bb apply") for b in unapproved_bottles(plan) | raised}
    return frozenset(told)


def _cuts(op: Op, waiting: frozenset[str]) -> bool:
    """Whether it only takes away what a held bottle reaches, or tells that this is done."""
    if op.bottle in waiting:
        return False
    held = isinstance(op, PushConfig) and bool(op.config.hold.policy) and not op.config.routes
    return held or _silences(op) or (isinstance(op, RecordEnforcement) and not op.lift)


def _silences(op: Op) -> TypeGuard[StopContainer]:
    """Whether it stops a sidecar that should refuse and does not answer."""
    return isinstance(op, StopContainer) and op.reason == SILENT


def _held_up(op: Op, left: Mapping[str, Op]) -> bool:
    """Whether it waits for an op of its own bottle that is left out: what is kept of a bottle
    (``NAME/snapshots``) goes only when its replacement is there. A network that all share goes only
    when all have left it."""
    shared = isinstance(op, RemoveNetwork) and not op.bottle
    return any(shared or _name(left[a]) == _name(op) for a in op.after if a in left)


def _name(op: Op) -> str:
    return op.bottle.partition("/")[0]


def _without(op: Op, left: Mapping[str, Op]) -> Op:
    """Dependencies on ops that are left out are dropped: those belong to other bottles, or to
    shared resources that exist already."""
    return replace(op, after=tuple(a for a in op.after if a not in left))


class Decision(Struct, frozen=True, kw_only=True):
    """What a pass found and what of it the loop may do now."""

    plan: Plan
    part: Plan
    level: Level
    waiting: frozenset[str]
    unheard: frozenset[str] = frozenset()


def decide(
    plan: Plan, level: Level, waiting: frozenset[str], unheard: frozenset[str] = frozenset()
) -> Decision:
    """The decision of one pass; depends on nothing else."""
    part = allowed(plan, level, waiting, unheard)
    return Decision(plan=plan, part=part, level=level, waiting=waiting, unheard=unheard)


def counts(decision: Decision, result: Result | None) -> dict[str, int]:
    """What became of a pass, for the log; ``result`` None: nothing was carried out."""
    return {
        "planned": len(decision.plan.ops),
        "allowed": len(decision.part.ops),
        "done": len(result.done) if result else 0,
        "failed": len(result.failed) if result else 0,
        "not_started": len(result.not_started) if result else 0,
        "held": len(decision.plan.held),
    }
