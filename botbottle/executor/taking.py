"""Ops that only take away: they go on where nothing can be recorded. Pure.

An emergency stop must not depend on a disk that an agent may have filled. A removal needs no record
to be repeated or finished: the next plan looks at what is there. What makes something still has
to be written down first, so it is refused. So is the removal of a volume that nobody ordered to go:
a ledger may be only busy (a backup), data does not come back, and a volume runs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from botbottle.model.plan import (
    ConnectNetwork,
    DisconnectNetwork,
    Op,
    PauseContainer,
    PushConfig,
    RemoveContainer,
    RemoveNetwork,
    RemoveVolume,
    StartContainer,
    StopContainer,
    UnpauseContainer,
)
from botbottle.planner.about import SILENT
from botbottle.planner.freeze import FROZEN
from botbottle.planner.order import STRAY

_KINDS = (
    StopContainer,
    PauseContainer,
    RemoveContainer,
    RemoveNetwork,
    DisconnectNetwork,
)
_ORDERED = ("killed", "destroy")  # reasons of removals that an order or a budget asks for by itself


def taking(ops: Sequence[Op]) -> frozenset[str]:
    """Ids of the ops that take away for good. Not among them is what makes room for something that
    starts or is connected later: without a record it would not be, and a bottle that works would
    be down."""
    joins = _before(ops, (ConnectNetwork,))
    rising = joins | _before(ops, (StartContainer, UnpauseContainer))
    return frozenset(
        op.id for op in ops if _cuts(op, joins) or (_removes(op) and op.id not in rising)
    )


def only_taking(ops: Sequence[Op]) -> tuple[Op, ...]:
    """Those of them that need nothing else to be done first, for a run of their own. A stop that
    loses the snapshot after it is a plain one: what it leaves is copied by a later freeze."""
    chosen, kept = taking(ops), dict[str, Op]()
    for op in ops:  # in the plan's order, so after all it needs
        if op.id in chosen and kept.keys() >= set(op.after):
            kept[op.id] = replace(op, reason="stopped") if op.reason == FROZEN else op
    return tuple(kept.values())


def _removes(op: Op) -> bool:
    if isinstance(op, RemoveVolume):
        return op.reason in _ORDERED
    return isinstance(op, _KINDS)


def _cuts(op: Op, joins: set[str]) -> bool:
    """Whether it takes reach away, whatever follows: a configuration under which nothing leaves,
    the end of a sidecar that should refuse and does not answer, a network where an agent, or
    nobody, belongs. A sidecar that is to change networks keeps the one that it has."""
    if isinstance(op, PushConfig):
        return bool(op.config.hold.policy)
    if isinstance(op, DisconnectNetwork) and op.reason == STRAY:
        return op.resource.endswith("/agent") or op.id not in joins
    return isinstance(op, StopContainer) and op.reason == SILENT


def _before(ops: Sequence[Op], kinds: tuple[type[Op], ...]) -> set[str]:
    """Ids of everything that is done for an op of these kinds."""
    needs = {op.id: op.after for op in ops}
    found: set[str] = set()
    left = [op.id for op in ops if isinstance(op, kinds)]
    while left:
        for needed in needs[left.pop()]:
            if needed not in found:
                found.add(needed)
                left.append(needed)
    return found
