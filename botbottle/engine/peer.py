"""One connection to an engine on a unix socket: HTTP/1.1, written and read by hand.

RFC 9112: requests with a content-length; answers with a content-length, in chunks (extensions and
trailers are read over), or ended by the end of the connection, after any interim answers.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator

from botbottle.engine.heads import Broken, Head, chunk_size, parse_head

MAX_HEAD = 64 * 1024  # bytes of a status line with its headers, and of all trailers
MAX_BODY = 256 * 1024 * 1024  # bytes of an answer that is read as a whole
_MAX_LINE = 4096  # bytes of a chunk's size with its extensions
_MAX_INTERIM = 16  # answers before the final one
_PIECE = 64 * 1024  # bytes read at once
_UPGRADED = 101
_LINE = b"\r\n"
_TOO_LONG = "its answer is too long"


def reach(path: str, timeout: float) -> Peer:
    """A new connection. ``timeout``: seconds for each read, and for each request to be taken."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.settimeout(timeout)
        made.connect(path)
    except BaseException:
        made.close()
        raise
    return Peer(made)


class Peer:
    """A connected socket and the parser of what comes out of it."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._buffer = b""
        self._at = 0  # what is before it has been read
        self._lasts = False  # what the newest head says of the connection
        self._whole = True  # the newest answer was read to its end
        self._sent = True  # the newest request was, and to its end

    def __del__(self) -> None:
        """An answer that nobody came to read because another call failed."""
        self.close()

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent: the last one was sent as a whole, its answer has
        ended, the connection goes on after it, and nothing came that nobody asked for."""
        whole = self._sent and self._whole
        return whole and self._lasts and self._at == len(self._buffer)

    def send(
        self, method: str, target: str, body: bytes = b"", kind: str = "", *, upgrade: bool = False
    ) -> None:
        """One request. ``kind``: the media type of its body; ``upgrade``: asks for a raw stream.
        Raises Broken for a target that is more than one word of the request's first line."""
        if not (target.isascii() and target.isprintable()) or " " in target:
            raise Broken(f"{target!a} names nothing that an engine could have")
        head = f"{method} {target} HTTP/1.1\r\nHost: docker\r\n"
        if method not in ("GET", "HEAD"):
            head += f"Content-Length: {len(body)}\r\n"
        if kind:
            head += f"Content-Type: {kind}\r\n"
        if upgrade:
            head += "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        self._sent = False
        self.socket.sendall(f"{head}\r\n".encode("ascii"))
        if body:
            self.socket.sendall(body)
        self._sent = True

    def head(self, *, raw: bool = False) -> Head:
        """The head of the final answer. ``raw``: it may begin a raw stream, so that nothing behind
        it is read. Raises Broken, and OSError as sockets do."""
        for _ in range(_MAX_INTERIM):
            found = parse_head(self._until(_LINE + _LINE, MAX_HEAD, raw=raw))
            if found.status >= 200 or found.status == _UPGRADED:
                break
        else:
            raise Broken("no final answer comes")
        if found.status == _UPGRADED and not raw:
            raise Broken("it changes to another protocol unasked")
        self._lasts, self._whole = found.lasts, False
        return found

    def body(self, head: Head, limit: int | None) -> Iterator[bytes]:
        """The body in pieces, as they come; ``limit`` bytes at most in all (None: any number)."""
        most = sys.maxsize if limit is None else limit
        if head.chunked:
            yield from self._chunks(most)
        elif head.length is not None:
            yield from self._next(_within(head.length, most))
        else:
            yield from self._until_closed(most)
        self._whole = True

    def answer(self) -> tuple[Head, bytes]:
        """A whole answer. Raises as ``head`` does."""
        head = self.head()
        return head, b"".join(self.body(head, MAX_BODY))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes a reader in another thread
        self.socket.close()

    def _chunks(self, most: int) -> Iterator[bytes]:
        while size := chunk_size(self._until(_LINE, _MAX_LINE)):
            yield from self._next(_within(size, most))
            most -= size
            if self._until(_LINE, 0):
                raise Broken("a chunk is longer than it says")
        left = MAX_HEAD
        while trailer := self._until(_LINE, left):
            left -= len(trailer)

    def _next(self, size: int) -> Iterator[bytes]:
        """The next ``size`` bytes."""
        while size:
            if self._at == len(self._buffer):
                self._fill()
            piece = self._buffer[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece

    def _until_closed(self, most: int) -> Iterator[bytes]:
        data, self._at = self._buffer[self._at :], len(self._buffer)
        data = data or self.socket.recv(_PIECE)
        while data:
            most -= _within(len(data), most)
            yield data
            data = self.socket.recv(_PIECE)

    def _until(self, mark: bytes, limit: int, *, raw: bool = False) -> bytes:
        """What comes before ``mark``, which is read too: at most ``limit`` bytes."""
        seen = self._at
        while (end := self._buffer.find(mark, seen)) < 0:
            have = len(self._buffer) - self._at
            if have >= limit + len(mark):
                raise Broken(_TOO_LONG)
            self._fill(mark if raw else b"")
            seen = max(have - len(mark) + 1, 0)  # the buffer begins with what was not read yet
        if end - self._at > limit:
            raise Broken(_TOO_LONG)
        found = self._buffer[self._at : end]
        self._at = end + len(mark)
        return found

    def _fill(self, mark: bytes = b"") -> None:
        """More bytes, but none behind the next ``mark``."""
        rest = self._buffer[self._at :]
        data = self.socket.recv(_PIECE, socket.MSG_PEEK if mark else 0)
        if not data:
            raise Broken("it closed the connection in the middle of its answer")
        if mark and (end := (rest + data).find(mark)) >= 0:
            data = data[: end + len(mark) - len(rest)]
        if mark:
            data = self.socket.recv(len(data))
        self._buffer, self._at = rest + data, 0


def _within(size: int, most: int) -> int:
    """``size``, which is known before it is read."""
    if size > most:
        raise Broken(_TOO_LONG)
    return size
