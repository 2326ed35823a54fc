"""Ends a connection whose server has stopped answering, although the network still does.

A server's own time-outs hold as long as it runs; whoever waits for one that hangs, or for a relay
before it, would wait for ever.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

EVERY = 0.5  # seconds between looks while somebody waits


class Deadline:
    """``fileno`` gives the descriptor of the connection in use, or raises OSError. The thread that
    looks lives as long as somebody waits, and ``EVERY`` beyond."""

    def __init__(self, seconds: float, fileno: Callable[[], int]) -> None:
        self._seconds, self._fileno = seconds, fileno
        self._until = float("inf")
        self._lock = threading.Lock()
        self._looking = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Within, an answer that takes more than ``seconds`` ends the connection."""
        with self._lock:
            self._until = time.monotonic() + self._seconds
            if not self._looking:
                threading.Thread(target=self._look, name="bb-ledger-deadline", daemon=True).start()
                self._looking = True
        try:
            yield
        finally:
            with self._lock:
                self._until = float("inf")

    def _look(self) -> None:
        idle = 0
        while idle < 2:
            time.sleep(EVERY)
            with self._lock:
                idle = idle + 1 if self._until == float("inf") else 0
                if idle == 2:
                    self._looking = False
                elif self._until < time.monotonic():
                    self._end()

    def _end(self) -> None:
        """Whoever waits on the descriptor is told that the peer has hung up."""
        with suppress(OSError), socket.socket(fileno=os.dup(self._fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)
