"""Requests of a batch: what they cost is told by its results, days later.

So each has a row when the batch is created, under the id that its result will have: the batch's
id and the client's ``custom_id``. Where nobody saw the batch's id, the sidecar's own takes its
place: the batch costs all the same, and no result corrects such a row. Requests beyond a bound
share rows that no result corrects either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_TOGETHER = 10_000_000  # tokens of one class in one row; the ledger takes twice as many
KEPT = 8  # rows of a batch while it is created, for the case that the sidecar is killed


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One request inside a batch; tokens."""

    custom_id: str
    model: str
    input_estimate: int
    allowance: int


def bounded(items: Sequence[BatchItem], most: int) -> tuple[BatchItem, ...]:
    """The first ``most`` of them, and the others as few that share a row."""
    return (*items[:most], *_together(items[most:]))


def _together(items: Sequence[BatchItem]) -> Iterator[BatchItem]:
    given = allowed = number = 0
    for at, item in enumerate(items):
        given, allowed = given + item.input_estimate, allowed + item.allowance
        if at + 1 == len(items) or max(given, allowed) > MOST_TOGETHER:
            number += 1
            yield BatchItem(f"(rest {number})", items[0].model, given, allowed)
            given = allowed = 0
