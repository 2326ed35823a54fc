"""How long a message's scan may take: seconds of its thread's own processor time."""

from __future__ import annotations

import threading
import time

_STALE = 0.002  # seconds


class _Spent(threading.local):
    """The processor time of a thread, as it was a moment ago at most: asking the system for it
    costs as much as two searches of a header."""

    def __init__(self) -> None:
        self._spent, self._asked = 0.0, float("-inf")

    def before(self, now: float) -> float:
        """Seconds that the thread had used ``now`` (monotonic) or up to ``_STALE`` earlier."""
        if now - self._asked > _STALE:
            self._spent, self._asked = time.thread_time(), now
        return self._spent


_SPENT = _Spent()


class Clock:
    """One message's time, counted from when it is made; ``seconds``: how much there is."""

    def __init__(self, seconds: float) -> None:
        now = time.monotonic()
        self._earliest = now + seconds  # a thread uses no more than goes by
        self._deadline = _SPENT.before(now) + seconds

    def grant(self, seconds: float) -> None:
        """Add to the time."""
        self._earliest += seconds
        self._deadline += seconds

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return time.monotonic() >= self._earliest and time.thread_time() >= self._deadline
