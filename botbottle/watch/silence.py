"""Sidecars that should refuse and do not answer: how long a watch has found each of them silent.

A pass never waits for one, as that would hold up all other bottles (and outlast the lease): each
asks once, and a later one stops it if it was silent in all of them, for as long as ``bb apply``
would have gone on asking. Pure.
"""

from __future__ import annotations

from msgspec import Struct, field

from botbottle.model.plan import Plan
from botbottle.patience import PATIENCE, silenced

AGAIN = 0.5  # seconds until it is asked again
ENOUGH = 5 * PATIENCE  # seconds in which a watch of one pass looks again: several may take turns


class Silences(Struct):
    """Since when each was silent at every look, by container id. Times are the loop's."""

    _since: dict[str, float] = field(default_factory=dict)

    def fresh(self, plan: Plan, now: float) -> frozenset[str]:
        """Ids of those that ``plan`` stops for a silence that is younger than ``PATIENCE``."""
        self._since = {i: self._since.get(i, now) for i in silenced(plan)}
        return frozenset(i for i, since in self._since.items() if now - since < PATIENCE)
