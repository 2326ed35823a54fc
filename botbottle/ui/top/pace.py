"""When to look again: often enough to be fresh, seldom enough to cost nothing. Pure."""

from __future__ import annotations

from msgspec import Struct


class Pace(Struct):
    """A look is due ``floor`` seconds after the last one when something hinted at news, after
    ``ceiling`` seconds in any case, and never so often that looking uses more than ``share`` of
    a core: a look that cost ``c`` seconds of CPU is followed by a pause of ``c / share``."""

    floor: float
    ceiling: float
    share: float
    _next: float = 0.0
    _latest: float = 0.0

    def due(self, now: float, *, hint: bool) -> bool:
        """Whether to look at ``now`` (any clock in seconds that never goes back)."""
        return now >= (self._next if hint else self._latest)

    def looked(self, now: float, cost: float) -> None:
        """A look ended at ``now`` and cost ``cost`` seconds of CPU."""
        rest = cost / self.share
        self._next = now + max(self.floor, rest)
        self._latest = now + max(self.ceiling, rest)
