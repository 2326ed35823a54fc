"""A small HTTP/1.1 client for reading calls over a unix socket.

Importing the docker SDK costs ten times what a whole no-op observation does, so reading calls
use this instead. It sends GET only and therefore cannot write (``writing`` can).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from msgspec import Struct

from botbottle.engine.peer import Peer
from botbottle.engine.pool import Pool

_MAX_IDLE = 4  # kept connections


class Reply(Struct, frozen=True):
    """A complete answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Stream(Protocol):
    """An open-ended answer. ``close`` may be called from another thread and ends iteration."""

    status: int

    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


class Wire(Protocol):
    """GET requests to one engine. All methods raise OSError when the connection fails.

    ``ask`` sends a request now; the function that it returns reads the answer, once.
    ``patience``: seconds that the engine may take beyond the usual time until a stream begins.
    """

    def get(self, target: str) -> Reply: ...
    def ask(self, target: str) -> Callable[[], Reply]: ...
    def stream(self, target: str, patience: float = 0.0) -> Stream: ...
    def close(self) -> None: ...


class UnixWire:
    """Keep-alive connections in a small pool, shared by all threads. ``timeout`` in seconds
    bounds each read."""

    def __init__(self, path: str, timeout: float = 30.0) -> None:
        self._pool = Pool(path, timeout, _MAX_IDLE)

    def get(self, target: str) -> Reply:
        """One GET. Kept connections that the engine has closed meanwhile are replaced."""
        while (kept := self._pool.take()) is not None:
            try:
                return self._exchange(kept, target)
            except TimeoutError:
                raise
            except OSError:
                continue
        return self._exchange(self._pool.new(), target)

    def ask(self, target: str) -> Callable[[], Reply]:
        """Send one GET on a connection of its own; the engine works while the caller does. One
        thread with a few of these in flight costs half of what as many threads do."""
        kept = self._pool.take()
        connection = kept or self._pool.new()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # shows when reading
            connection.send("GET", target)
        return functools.partial(self._answer, connection, target, stale=kept is not None)

    def _answer(self, connection: Peer, target: str, *, stale: bool) -> Reply:
        try:
            return self._receive(connection)
        except TimeoutError:
            raise
        except OSError:
            if not stale:
                raise
            return self.get(target)

    def stream(self, target: str, patience: float = 0.0) -> Stream:
        """A GET on a connection of its own, without a read timeout once it has begun."""
        connection = self._pool.new()
        try:
            connection.socket.settimeout(self._pool.timeout + patience)
            return UnixStream(connection, target)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.close()

    def _exchange(self, connection: Peer, target: str) -> Reply:
        try:
            connection.send("GET", target)
        except BaseException:
            connection.close()
            raise
        return self._receive(connection)

    def _receive(self, connection: Peer) -> Reply:
        try:
            head, body = connection.answer()
        except BaseException:
            connection.close()
            raise
        self._pool.keep(connection)
        return Reply(head.status, head.headers, body)


class UnixStream:
    """An answer that is read as it comes."""

    def __init__(self, connection: Peer, target: str) -> None:
        self._connection = connection
        connection.send("GET", target)
        self._head = connection.head()
        self.status = self._head.status
        connection.socket.settimeout(None)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._connection.body(self._head, None)

    def close(self) -> None:
        self._connection.close()
