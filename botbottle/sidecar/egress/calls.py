"""Calls the hooks of mitmproxy's layers: what needs no waiting is done at once, in this very call;
the rest goes on as a task, and the layers learn when it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from mitmproxy.proxy.commands import StartHook

from botbottle.sidecar.egress.log import described

type Waiting = Coroutine[Any, Any, None] | None


class Calls:
    """Those of one client connection. ``answer``: calls a hook; ``done``: it is over;
    ``failed``: it came to no end, for the reason given, and nothing more may pass."""

    def __init__(
        self,
        answer: Callable[[StartHook], Waiting],
        done: Callable[[StartHook], None],
        failed: Callable[[str], None],
    ) -> None:
        self._answer, self._done, self._failed = answer, done, failed
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._asked: set[StartHook] = set()  # by a layer itself, not answered yet

    def call(self, command: StartHook) -> None:
        """Call a hook that a layer gave to its driver, unless the layer called it itself."""
        if command not in self._asked and self.ask(command):
            self._done(command)

    def ask(self, command: StartHook) -> bool:
        """Call a hook. True: it is over; otherwise ``done`` follows when it is."""
        waiting = self._answer(command)
        if waiting is None:
            return True
        task = asyncio.Task(waiting, loop=self._loop, eager_start=True)
        if task.done() and self._went_well(task):
            return True
        self._asked.add(command)
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(partial(self._finished, command))
        return False

    def _finished(self, command: StartHook, task: asyncio.Future[None]) -> None:
        self._asked.discard(command)
        self._tasks.discard(task)
        if self._went_well(task):
            self._done(command)

    def _went_well(self, task: asyncio.Future[None]) -> bool:
        """Whether a hook came to its end; otherwise nothing more passes here."""
        if not task.cancelled() and (error := task.exception()) is None:
            return True
        self._failed("cancelled" if task.cancelled() else described(error))
        return False
