"""Why a value is what it is: the winner's place, then everything it overrode."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from botbottle.errors import UsageError
from botbottle.load.findings import did_you_mean
from botbottle.load.flatten import flatten
from botbottle.model.bottle import BottleSpec, Declared
from botbottle.model.diagnostic import Origin

DEFAULT = Origin("")


class Said(Struct, frozen=True):
    """One place that says something about a value; ``text`` is empty when it was not kept."""

    origin: Origin
    text: str = ""


class Explained(Struct, frozen=True):
    """One leaf: its key path, effective value, the place that won, and those that lost."""

    path: str
    value: str
    winner: Origin
    losers: tuple[Said, ...] = ()


def explain(declared: Declared, query: str) -> tuple[Explained, ...]:
    """Explain ``BOTTLE.KEY.PATH``: the leaf, or every leaf below it (``web``: all of them).

    Raises UsageError for an unknown bottle or path.
    """
    name, _, path = query.partition(".")
    bottles = {b.name: b for b in declared.bottles}
    if name not in bottles:
        raise UsageError(f"there is no bottle {name!r}", hint=did_you_mean(name, bottles))
    return explain_bottle(bottles[name], path)


def explain_bottle(spec: BottleSpec, path: str = "") -> tuple[Explained, ...]:
    """Explain the leaves of one bottle at or below ``path`` (empty: all)."""
    leaves = flatten(spec)
    wanted = [p for p in leaves if not path or p == path or p.startswith((f"{path}.", f"{path}["))]
    if not wanted:
        raise UsageError(f"{spec.name} has no {path!r}", hint=did_you_mean(path, leaves))
    return tuple(_explained(p, leaves[p], spec) for p in wanted)


def _explained(path: str, value: str, spec: BottleSpec) -> Explained:
    origins = _nearest(path, spec.origins)
    if not origins:
        return Explained(path, value, DEFAULT)
    kept = getattr(spec.origins, "texts", None)
    texts: Mapping[Origin, str] = kept(path) if kept else {}
    losers = tuple(Said(o, texts.get(o, "")) for o in origins[1:])
    return Explained(path, value, origins[0], losers)


def _nearest(path: str, origins: Mapping[str, tuple[Origin, ...]]) -> tuple[Origin, ...]:
    """Origins of ``path`` or of the nearest key above it inside one route or list."""
    while path:
        if path in origins:
            return origins[path]
        if not path.startswith("egress.routes["):
            return ()
        path = path.rpartition(".")[0]
    return ()
