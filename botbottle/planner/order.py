"""Order between bottles: a stray is cut from a network before anything starts on that network.

A stray holds an address that the rightful container may need, and sees what that one sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from botbottle.model.plan import DisconnectNetwork, Op, StartContainer

STRAY = "not-wanted"


def cuts_first(ops: Iterable[Op], networks: Mapping[str, frozenset[str]]) -> tuple[Op, ...]:
    """``ops`` with each start made dependent on the cuts on its bottle's networks (bottle →
    network names). A cut depends on nothing, so no cycle can arise."""
    planned = tuple(ops)
    cuts: dict[str, list[str]] = {}
    for op in planned:
        if isinstance(op, DisconnectNetwork) and op.reason == STRAY and not op.after:
            cuts.setdefault(op.network.name, []).append(op.id)
    return tuple(_after(op, cuts, networks) for op in planned) if cuts else planned


def _after(op: Op, cuts: Mapping[str, list[str]], networks: Mapping[str, frozenset[str]]) -> Op:
    if not isinstance(op, StartContainer):
        return op
    needed = {i for name in networks.get(op.bottle, ()) for i in cuts.get(name, ())}
    return replace(op, after=tuple(sorted({*op.after, *needed}))) if needed else op
