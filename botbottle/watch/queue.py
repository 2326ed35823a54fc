"""A work queue of keys with the three properties that make a level-triggered loop correct.

Fair and stingy (after the Kubernetes client's work queue): a key added many times before it is
taken is handed out once; a key is never handed out twice at the same time; a key added while it
is being worked on is handed out once more afterwards. A key never carries an event's content:
what is true is observed when the key is worked on.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable


class WorkQueue:
    """Thread-safe. ``take`` gives every waiting key at once; ``done`` ends the work on them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[str] = deque()
        self._dirty: set[str] = set()
        self._busy: set[str] = set()

    def add(self, key: str) -> None:
        """Ask for work on ``key``."""
        with self._changed:
            if key in self._dirty:
                return
            self._dirty.add(key)
            if key not in self._busy:
                self._waiting.append(key)
                self._changed.notify_all()

    def take(self, timeout: float) -> tuple[str, ...]:
        """All waiting keys in the order of their first request; empty after ``timeout`` s."""
        with self._changed:
            if not self._waiting:
                self._changed.wait(timeout)
            keys = tuple(self._waiting)
            self._waiting.clear()
            self._busy.update(keys)
            self._dirty.difference_update(keys)
            return keys

    def done(self, keys: Iterable[str]) -> None:
        """The work on ``keys`` has ended; those asked for meanwhile wait again."""
        with self._changed:
            for key in keys:
                self._busy.discard(key)
                if key in self._dirty:
                    self._waiting.append(key)
            if self._waiting:
                self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._waiting)
