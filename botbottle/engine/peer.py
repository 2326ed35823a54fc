"""One connection to an engine on a unix socket: HTTP/1.1, written and read by hand.

RFC 9112: requests with a content-length, answers with a content-length, in chunks, or ended by
the end of the connection.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from io import BufferedReader
from typing import Protocol

_MAX_HEADER = 64 * 1024  # bytes in one header line, and in all of them
MAX_BODY = 256 * 1024 * 1024  # bytes


class Lines(Protocol):
    def readline(self, size: int, /) -> bytes: ...


class Broken(ConnectionError):
    """The peer closed the connection in the middle of an answer, or does not speak HTTP."""


def keeps(headers: Mapping[str, str]) -> bool:
    """Whether an answer with these headers, once it was read, leaves the connection open."""
    delimited = "content-length" in headers or "transfer-encoding" in headers
    return delimited and headers.get("connection", "").lower() != "close"


class Peer:
    """A socket and the parser of what comes out of it."""

    def __init__(self, path: str, timeout: float) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(path)
        except BaseException:
            self.socket.close()
            raise
        self._bare = self.socket.makefile("rb", buffering=0)
        self._reader = BufferedReader(self._bare)

    def __del__(self) -> None:
        """An answer that nobody came to read because another call failed."""
        with contextlib.suppress(AttributeError):  # no socket could be made
            self.close()

    def send(
        self, method: str, target: str, body: bytes = b"", kind: str = "", *, upgrade: bool = False
    ) -> None:
        """One request. ``kind``: the media type of its body; ``upgrade``: asks for a raw stream."""
        head = f"{method} {target} HTTP/1.1\r\nHost: docker\r\n"
        if method not in ("GET", "HEAD"):
            head += f"Content-Length: {len(body)}\r\n"
        if kind:
            head += f"Content-Type: {kind}\r\n"
        if upgrade:
            head += "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        self.socket.sendall(f"{head}\r\n".encode("ascii"))
        if body:
            self.socket.sendall(body)

    def head(self, *, bare: bool = False) -> tuple[int, dict[str, str]]:
        """Status and headers (lower-case names). ``bare``: nothing behind the head is read."""
        source: Lines = self._bare if bare else self._reader
        version, _, rest = _line(source).partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise Broken("the peer does not speak HTTP")
        headers: dict[str, str] = {}
        size = 0
        while line := _line(source):
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

    def _exactly(self, size: int) -> bytes:
        if size > MAX_BODY:
            raise Broken("the answer is too long")
        data = self._reader.read(size)
        if len(data) != size:
            raise Broken("the engine closed the connection in the middle of an answer")
        return data

    def _chunked(self) -> Iterator[bytes]:
        while True:
            size = int(_line(self._reader).split(b";")[0] or b"0", 16)
            if size:
                yield self._exactly(size)
            _line(self._reader)  # the break after a chunk; after the last one, the empty trailer
            if not size:
                return

    def _until_closed(self) -> Iterator[bytes]:
        while data := self._reader.read1(65536):
            yield data


def _line(source: Lines) -> bytes:
    line = source.readline(_MAX_HEADER)
    if not line.endswith(b"\n"):
        raise Broken("the engine closed the connection")
    return line.rstrip(b"\r\n")
