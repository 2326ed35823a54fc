"""The records that the loop writes of itself: flat, and one for each thing worth knowing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from botbottle.watch.select import counts

if TYPE_CHECKING:
    from collections.abc import Collection

    from botbottle.executor import Result
    from botbottle.watch.select import Decision


class Pass(Struct, frozen=True, kw_only=True):
    """One pass: what set it off, and when it began, had observed and ended; ``resync``: when the
    next one is due at the latest. All in seconds of the loop's clock."""

    number: int
    keys: tuple[str, ...]
    start: float
    observed: float
    end: float
    resync: float
    stale: bool  # on the last good manifests


def passed(made: Pass, decision: Decision, result: Result | None) -> dict[str, Any]:
    """What a pass has done."""
    return {
        "event": "pass",
        "pass": made.number,
        "trigger": list(made.keys),
        "observed_ms": round(1000 * (made.observed - made.start), 1),
        **counts(decision, result),
        "ms": round(1000 * (made.end - made.start), 1),
        "next": round(max(0.0, made.resync - made.end), 1),
        **({"manifests": "last good"} if made.stale else {}),
    }


def invalid(why: str, *, kept: bool) -> dict[str, Any]:
    """Manifests that do not load; ``kept``: there are good ones from before."""
    left = "the last good manifests stay in force" if kept else "nothing to enforce"
    return {"event": "manifests-invalid", "level": "error", "why": why, "kept": left}


def damped(bottle: str, what: str) -> dict[str, Any]:
    """Drift that keeps coming back and is not repaired any more."""
    way_out = f"bb resume-watch {bottle}"
    return {"event": "damped", "level": "warning", "bottle": bottle, "what": what, "next": way_out}


def unknown(bottles: Collection[str]) -> frozenset[tuple[str, str]]:
    """(bottle, why) of those that no manifest and no kept apply tells of: an order or a budget
    cuts them off, which is their sidecar's own work, and a watch cannot freeze or kill them."""
    why = "not declared any more, and no kept apply tells what it was: bb apply removes it"
    return frozenset((bottle, why) for bottle in bottles)


def alone(bottle: str, why: str) -> dict[str, Any]:
    """What the loop will not do by itself."""
    return {"event": "left-alone", "level": "warning", "bottle": bottle, "why": why}
