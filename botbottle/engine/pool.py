"""Kept connections to one engine, shared by all threads."""

from __future__ import annotations

import select
import threading

from botbottle.engine.peer import Peer, reach


class Pool:
    """At most ``size`` idle connections to the socket at ``path``; each read on one of them takes
    ``timeout`` seconds at most."""

    def __init__(self, path: str, timeout: float, size: int) -> None:
        self.timeout = timeout
        self._path = path
        self._size = size
        self._idle: list[Peer] = []
        self._lock = threading.Lock()

    def new(self) -> Peer:
        """A connection that nobody has used."""
        return reach(self._path, self.timeout)

    def take(self) -> Peer | None:
        """A kept connection that neither has ended nor holds something that nobody asked for."""
        while True:
            with self._lock:
                peer = self._idle.pop() if self._idle else None
            if peer is None or not _readable(peer):
                return peer
            peer.close()

    def keep(self, peer: Peer) -> None:
        """Take a connection back after its answer; one that may not be used again is closed."""
        if peer.reusable:
            with self._lock:
                if len(self._idle) < self._size:
                    self._idle.append(peer)
                    return
        peer.close()

    def close(self) -> None:
        """Close the idle connections."""
        while (peer := self.take()) is not None:
            peer.close()


def _readable(peer: Peer) -> bool:
    poll = select.poll()
    poll.register(peer.socket, select.POLLIN)
    return bool(poll.poll(0))
