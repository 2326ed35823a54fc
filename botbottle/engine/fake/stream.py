"""The fake engine's event stream: lossy on demand, like the real one is by design."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from botbottle.engine.api import Event
from botbottle.engine.fake.faults import Faults
from botbottle.errors import EngineUnreachable

TICK = 1.0  # seconds between signs of life


class EventLog:
    """Events in order. A subscriber sees what is added after it subscribed."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.tick = TICK
        self._events: list[Event] = []
        self._count = 0
        self._cuts = 0
        self._changed = threading.Condition()

    def add(self, event: Event) -> None:
        """Record an event, unless a fault drops it; twice, if a fault says so."""
        with self._changed:
            self._count += 1
            if not self.faults.drop_event(self._count):
                self._events.append(event)
                if self.faults.repeat_event(self._count):
                    self._events.append(event)
            self._changed.notify_all()

    def cut(self) -> None:
        """All open streams end, as when the engine restarts."""
        with self._changed:
            self._cuts += 1
            self._changed.notify_all()

    def follow(self) -> Iterator[Event | None]:
        """Subscribe now; iterate later without losing what comes between."""
        with self._changed:
            return self._iterate(len(self._events), self._cuts)

    def _iterate(self, position: int, cuts: int) -> Iterator[Event | None]:
        while True:
            with self._changed:
                deadline = time.monotonic() + self.tick
                while position == len(self._events) and cuts == self._cuts:
                    left = deadline - time.monotonic()
                    if left <= 0 or not self._changed.wait(left):
                        break
                if cuts != self._cuts:
                    raise EngineUnreachable("the event stream ended")
                fresh = self._events[position:]
                position = len(self._events)
            if fresh:
                yield from fresh
            else:
                yield None
