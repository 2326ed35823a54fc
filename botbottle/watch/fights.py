"""Whom a pass leaves out: bottles in back-off, and drift that somebody keeps bringing back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botbottle.executor import Result
    from botbottle.model.plan import Plan
    from botbottle.watch.backoff import Backoff, Damper


def waiting(plan: Plan, backoff: Backoff, damper: Damper, now: float) -> frozenset[str]:
    """Bottles in back-off, and those whose drift keeps coming back. Enforcement is never held up
    by the damper."""
    bottles = {op.bottle for op in plan.ops if op.bottle}
    held = {h.bottle for h in plan.held}
    return frozenset(
        b for b in bottles if not backoff.ready(b, now) or (damper.tripped(b) and b not in held)
    )


def given_up(part: Plan, result: Result, damper: Damper, now: float) -> Iterator[tuple[str, str]]:
    """(bottle, what) of each drift that was repaired now for the last time."""
    done = {op.resource for op in result.done}
    for change in part.changes:
        # What is shared (the ledger service) has no bottle: without it nothing is enforced, so
        # it is repaired for ever.
        if change.drift and change.bottle and change.resource in done:
            what = f"{change.resource} {change.reason}"
            if damper.repaired(change.bottle, what, now):
                yield change.bottle, what
