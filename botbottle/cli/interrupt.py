"""Ctrl-C and SIGTERM during a run: the first finishes what is in flight, the second stops now."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import TextIO

from botbottle.errors import Exit

TEXT = (
    "\nbb: finishing the operations in flight, starting no other. "
    "Press Ctrl-C again to stop now; the next run resumes.\n"
)


class Interrupt:
    """Whether to stop starting operations: call it. The handler of both signals."""

    def __init__(self, err: TextIO) -> None:
        self._err = err
        self._first = 0

    def __call__(self) -> bool:
        return bool(self._first)

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, 143 after SIGTERM."""
        ended = self._first == signal.SIGTERM
        return int(Exit.TERMINATED if ended else Exit.INTERRUPTED)

    def handle(self, number: int, _frame: FrameType | None) -> None:
        if self._first:
            raise KeyboardInterrupt
        self._first = number
        # The signal may have come in the middle of a write to the same stream, which refuses a
        # second one inside it; the word to the user is then lost, the interrupt is not.
        with contextlib.suppress(RuntimeError, OSError):
            self._err.write(TEXT)
            self._err.flush()


@contextlib.contextmanager
def graceful(err: TextIO) -> Iterator[Interrupt]:
    """Both signals go to the yielded interrupt for the time of the block."""
    interrupt = Interrupt(err)
    taken = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, interrupt.handle) for number in taken}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
