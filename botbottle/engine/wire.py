"""A small HTTP/1.1 client for reading calls over a unix socket.

Importing the docker SDK costs ten times what a whole no-op observation does, so reading calls
use this instead; writing calls use the SDK. It knows GET only (RFC 9112: content-length,
chunked and close-delimited bodies) and therefore cannot write.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from typing import Protocol

_MAX_HEADER = 64 * 1024  # bytes in one header line, and in all of them
_MAX_IDLE = 4  # kept connections
_MAX_BODY = 256 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Reply:
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
    """

    def get(self, target: str) -> Reply: ...
    def ask(self, target: str) -> Callable[[], Reply]: ...
    def stream(self, target: str) -> Stream: ...
    def close(self) -> None: ...


class Broken(ConnectionError):
    """The peer closed the connection in the middle of an answer, or does not speak HTTP."""


class UnixWire:
    """Keep-alive connections in a small pool, shared by all threads. ``timeout`` in seconds
    bounds each read."""

    def __init__(self, path: str, timeout: float = 30.0) -> None:
        self._path = path
        self._timeout = timeout
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()

    def get(self, target: str) -> Reply:
        """One GET. Kept connections that the engine has closed meanwhile are replaced."""
        while (kept := self._take()) is not None:
            try:
                return self._exchange(kept, target)
            except TimeoutError:
                raise
            except OSError:
                continue
        return self._exchange(_Connection(self._path, self._timeout), target)

    def ask(self, target: str) -> Callable[[], Reply]:
        """Send one GET on a connection of its own; the engine works while the caller does. One
        thread with a few of these in flight costs half of what as many threads do."""
        kept = self._take()
        connection = kept or _Connection(self._path, self._timeout)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # shows when reading
            connection.send(target)
        return functools.partial(self._answer, connection, target, stale=kept is not None)

    def _answer(self, connection: _Connection, target: str, *, stale: bool) -> Reply:
        try:
            return self._receive(connection)
        except TimeoutError:
            raise
        except OSError:
            if not stale:
                raise
            return self.get(target)

    def stream(self, target: str) -> Stream:
        """A GET on a connection of its own, without a read timeout."""
        connection = _Connection(self._path, self._timeout)
        try:
            return UnixStream(connection, target)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close the idle connections."""
        while (kept := self._take()) is not None:
            kept.close()

    def _take(self) -> _Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _exchange(self, connection: _Connection, target: str) -> Reply:
        try:
            connection.send(target)
        except BaseException:
            connection.close()
            raise
        return self._receive(connection)

    def _receive(self, connection: _Connection) -> Reply:
        try:
            status, headers = connection.head()
            body = b"".join(connection.body(headers, _MAX_BODY))
        except BaseException:
            connection.close()
            raise
        delimited = "content-length" in headers or "transfer-encoding" in headers
        if not delimited or headers.get("connection", "").lower() == "close":
            connection.close()
        else:
            self._keep(connection)
        return Reply(status, headers, body)

    def _keep(self, connection: _Connection) -> None:
        with self._lock:
            if len(self._idle) < _MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()


class UnixStream:
    """An answer that is read as it comes."""

    def __init__(self, connection: _Connection, target: str) -> None:
        self._connection = connection
        connection.send(target)
        self.status, self._headers = connection.head()
        connection.socket.settimeout(None)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._connection.body(self._headers, None)

    def close(self) -> None:
        self._connection.close()


class _Connection:
    """A socket and the parser of what comes out of it."""

    def __init__(self, path: str, timeout: float) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(path)
        except BaseException:
            self.socket.close()
            raise
        self._reader: BufferedReader = self.socket.makefile("rb")

    def __del__(self) -> None:
        """An answer that nobody came to read because another call failed."""
        with contextlib.suppress(AttributeError):  # no socket could be made
            self.close()

    def send(self, target: str) -> None:
        self.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: docker\r\n\r\n".encode("ascii"))

    def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers (lower-case names)."""
        version, _, rest = self._line().partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise Broken("the peer does not speak HTTP")
        headers: dict[str, str] = {}
        size = 0
        while line := self._line():
            size += len(line)
            if size > _MAX_HEADER:
                raise Broken("the answer's headers are too long")
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        return int(rest[:3]), headers

    def body(self, headers: Mapping[str, str], limit: int | None) -> Iterator[bytes]:
        """Chunks of the body; ``limit`` bytes at most in all (None: unbounded stream)."""
        if "chunked" in headers.get("transfer-encoding", "").lower():
            chunks = self._chunked()
        elif "content-length" in headers:
            chunks = iter((self._exactly(int(headers["content-length"])),))
        else:
            chunks = self._until_closed()
        total = 0
        for chunk in chunks:
            total += len(chunk)
            if limit is not None and total > limit:
                raise Broken("the answer is too long")
            yield chunk

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes a reader in another thread
        self.socket.close()

    def _line(self) -> bytes:
        line = self._reader.readline(_MAX_HEADER)
        if not line.endswith(b"\n"):
            raise Broken("the engine closed the connection")
        return line.rstrip(b"\r\n")

    def _exactly(self, size: int) -> bytes:
        if size > _MAX_BODY:
            raise Broken("the answer is too long")
        data = self._reader.read(size)
        if len(data) != size:
            raise Broken("the engine closed the connection in the middle of an answer")
        return data

    def _chunked(self) -> Iterator[bytes]:
        while True:
            size = int(self._line().split(b";")[0] or b"0", 16)
            if size:
                yield self._exactly(size)
            self._line()  # the line break after a chunk; after the last one, the empty trailer
            if not size:
                return

    def _until_closed(self) -> Iterator[bytes]:
        while data := self._reader.read1(65536):
            yield data
