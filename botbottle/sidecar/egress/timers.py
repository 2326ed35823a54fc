"""What happens to a client connection later: its end when nothing moves, and what its layers asked
to be woken for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mitmproxy.proxy.commands import RequestWakeup

IDLE_TIMEOUT = 600.0  # seconds without a byte in either direction


class Timers:
    """Those of one client connection. ``idle``: nothing moved for so long; ``wake``: it is time."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        idle: Callable[[], None],
        wake: Callable[[RequestWakeup], None],
    ) -> None:
        self._loop, self._idle, self._wake = loop, idle, wake
        self._watch: asyncio.TimerHandle | None = None
        self._check: asyncio.TimerHandle | None = None
        self._wakeups: set[asyncio.TimerHandle] = set()
        self._touched = loop.time()

    def start(self) -> None:
        """From now on something has to move."""
        self._watch = self._loop.call_later(IDLE_TIMEOUT, self._look)

    def moved(self) -> None:
        """Something moves."""
        self._touched = self._loop.time()

    def later(self, command: RequestWakeup) -> None:
        """Wake a layer when it asked to be."""
        self._wakeups.add(self._loop.call_later(command.delay, self._due, command))

    def check(self, delay: float, work: Callable[[], None]) -> None:
        """Do ``work`` after so many seconds, unless something is to be done so already."""
        if self._check is None:
            self._check = self._loop.call_later(delay, self._checked, work)

    def stop(self) -> None:
        """The connection is over."""
        for timer in (self._watch, self._check, *self._wakeups):
            if timer is not None:
                timer.cancel()

    def _checked(self, work: Callable[[], None]) -> None:
        self._check = None
        work()

    def _look(self) -> None:
        left = self._touched + IDLE_TIMEOUT - self._loop.time()
        if left <= 0:
            self._idle()
        else:
            self._watch = self._loop.call_later(left + 1, self._look)

    def _due(self, command: RequestWakeup) -> None:
        self._wakeups = {t for t in self._wakeups if t.when() > self._loop.time()}
        self._wake(command)
