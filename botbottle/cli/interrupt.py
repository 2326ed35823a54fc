"""Ctrl-C during a run: the first finishes what is in flight, the second stops now."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TextIO


@contextlib.contextmanager
def graceful(err: TextIO) -> Iterator[Callable[[], bool]]:
    """Yields a function that says whether to stop starting new operations."""
    hits: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if hits:
            raise KeyboardInterrupt
        hits.append(number)
        err.write(
            "\nbb: finishing the operations in flight, starting no other. "
            "Press Ctrl-C again to stop now; the next run resumes.\n"
        )
        err.flush()

    before = {s: signal.signal(s, on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(hits)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
