"""The pass for held secrets of a large surface, on another core beside the pass for rules.

Both threads take pieces from one heap. Whoever scans never waits for the other: the system may take
a thread off its core for 4 ms, four times as long as all of the scan (the p99 of a megabyte was
6.6 ms for that). So what the other holds when nothing else is left is looked at once more.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from botbottle.dlp import pieces
from botbottle.dlp.known.splits import WHOLE
from botbottle.dlp.pieces import Found, Further
from botbottle.dlp.tools import Tools

_PARALLEL = 256 * 1024  # smaller surfaces are not worth a hand-over to another thread


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="dlp")


class Shared:
    """One surface, looked at by two threads."""

    def __init__(self, scanner: Tools, view: memoryview) -> None:
        self._limit = scanner.limits.events
        self._cut = pieces.Cut(scanner, view)
        self._heap = deque(range(self._cut.count))
        self._found: list[Found | None] = [None] * self._cut.count

    def help(self) -> None:
        """Look at pieces that nobody has begun, until none is left."""
        while True:
            try:
                number = self._heap.popleft()
            except IndexError:
                return
            found = self._found[number] = self._cut.look(number)
            if found.hits.overflow:  # what is behind it counts no more
                self._heap.clear()

    def result(self) -> Found:
        """What is in all pieces, at once."""
        self.help()
        parts: list[Found] = []
        for number, found in enumerate(self._found):
            parts.append(found or self._cut.look(number))
            if parts[-1].hits.overflow:
                break
        return pieces.joined(parts, self._limit, self._cut.first)


def begin(scanner: Tools, view: memoryview) -> Shared | None:
    """The pass for a large surface, begun elsewhere, to be asked for when it is needed; None for
    a small one."""
    if len(view) < _PARALLEL:
        return None
    shared = Shared(scanner, view)
    _pool().submit(shared.help)
    return shared


def here(scanner: Tools, view: memoryview) -> Found:
    """The pass for a small surface, in this thread."""
    hits = scanner.known.find(view, scanner.limits.events)
    if len(view) <= WHOLE:
        return Found(hits)
    return Found(hits, Further(split=pieces.split(scanner, view, 0, len(view))))
