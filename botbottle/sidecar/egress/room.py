"""Room for what is kept whole until it can be judged: request bodies, messages of WebSockets and
of gRPC, of all connections of a sidecar together.

It is counted anew whenever a step of bytes came, whoever they came to: many small ones are as much
as a few large ones. Where there is no room the one that grew is refused, which makes some.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# bytes: a quarter of what a sidecar's container has. The sidecar itself needs some 70 MiB, the
# agent's connections up to 80, responses that the agent does not take 32, and each body that is
# judged or sealed is there twice for a moment.
MAX_KEPT = 128 * 1024 * 1024
STEP = 256 * 1024  # bytes that may come between two counts
REST = 20  # times as long as a count took until the next one, while there is no room


class Room:
    """``count``: bytes that are kept now. ``clock``: seconds that only grow."""

    def __init__(
        self, count: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._count, self._clock = count, clock
        self._came = 0  # bytes since it was counted
        self._full = False
        self._again = 0.0  # when it may be counted although less than a step came

    def full(self, more: int) -> bool:
        """Whether there is no room for ``more`` bytes, which came: then what they belong to must
        go. Counting looks at all streams, so a flood of refusals must not count at each."""
        self._came += more
        if self._came >= STEP or (self._full and self._clock() >= self._again):
            self._look()
        return self._full

    def _look(self) -> None:
        started, self._came = self._clock(), 0
        self._full = self._count() > MAX_KEPT
        now = self._clock()
        self._again = now + REST * (now - started)
