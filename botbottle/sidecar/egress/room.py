"""Room for what is kept whole until it can be judged: request bodies, messages of WebSockets and
of gRPC, of all connections of a sidecar together.

It is counted anew whenever a step of bytes came, whoever they came to: many small ones are as much
as a few large ones. Where there is no room the one that grew is refused, which makes some.
"""

from __future__ import annotations

from collections.abc import Callable

MAX_KEPT = 256 * 1024 * 1024  # bytes
STEP = 256 * 1024  # bytes that may come between two counts
_REFUSED = STEP // 16  # bytes that one refused counts for at least: counting looks at all streams


class Room:
    """``count``: bytes that are kept now."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._moved = 0  # bytes that came or went since it was counted
        self._full = False

    def full(self, more: int, whole: int) -> bool:
        """Whether there is no room for ``more`` bytes of something of which ``whole`` bytes are
        kept, with these; then it must go."""
        self._moved += more
        if self._moved >= STEP:
            self._moved = 0
            self._full = self._count() > MAX_KEPT
        if self._full:
            self._moved += max(whole, _REFUSED)
        return self._full
