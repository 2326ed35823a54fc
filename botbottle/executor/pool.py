"""Where ops run: in threads, or one after the other in the caller's.

Made of a queue and threads alone: ``concurrent.futures`` imports a log library, which takes a
fiftieth of what a small apply takes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from msgspec import Struct

from botbottle.errors import BBError
from botbottle.model.plan import Op

type Run = Callable[[Op], BBError | None]


class Finished(Struct, frozen=True):
    """An op that has ended: the error that remains, or the bug that came out."""

    op: Op
    error: BBError | None = None
    bug: BaseException | None = None


class Pool:
    """Runs ops; the caller sees to how many at a time. With ``threads`` each has one, a daemon, so
    that a process that is told to stop now does not wait for an image build. Without threads an op
    is run at once."""

    def __init__(self, run: Run, *, threads: bool) -> None:
        self._run = run
        self._threads = threads
        self._finished: queue.SimpleQueue[Finished] = queue.SimpleQueue()

    def submit(self, op: Op) -> None:
        """Begin, or without threads do, one op."""
        if not self._threads:
            self._work(op)
            return
        threading.Thread(target=self._work, args=(op,), name="bb-op", daemon=True).start()

    def finished(self) -> list[Finished]:
        """Wait for an op to end; that one and all others that have ended, too."""
        found = [self._finished.get()]
        while not self._finished.empty():
            found.append(self._finished.get())
        return found

    def _work(self, op: Op) -> None:
        try:
            ended = Finished(op, self._run(op))
        except BaseException as bug:  # noqa: BLE001 - the loop raises it again
            ended = Finished(op, bug=bug)
        self._finished.put(ended)
