"""Writing calls to an engine on a unix socket, without the docker SDK.

Importing the SDK costs as much CPU as a whole no-op plan, so the calls that every apply makes use
this; what streams (builds, imports, pulls) and every other kind of engine use the SDK.

Nothing is sent twice, as a write that was answered by a broken connection may have had its effect:
a kept connection is used only while it shows no end, and one that breaks later raises. The caller
knows which calls may be repeated.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from botbottle.engine.peer import MAX_BODY
from botbottle.engine.pool import Pool
from botbottle.engine.wire import Reply

_MAX_IDLE = 16  # kept connections; more than the executor usually has threads

type Body = Mapping[str, Any] | bytes | None


class Raw(Struct, frozen=True, kw_only=True):
    """A connection that carries a program's bytes, and how to end it."""

    channel: socket.socket
    close: Callable[[], None]


class Writer(Protocol):
    """Sends one writing request and reads its whole answer. Raises OSError when the connection
    fails. ``patience``: seconds that the engine may take beyond the usual time."""

    def send(self, method: str, target: str, body: Body, patience: float = 0.0) -> Reply: ...

    def upgrade(self, target: str, body: Body) -> Raw | Reply:
        """A ``POST`` whose connection becomes a raw stream, or its refusal."""

    def close(self) -> None: ...


def encoded(body: Body) -> tuple[bytes, str]:
    """The bytes of a body and their media type; a mapping is JSON, bytes are a tar."""
    if body is None:
        return b"", ""
    if isinstance(body, bytes):
        return body, "application/x-tar"
    return json.dumps(body).encode(), "application/json"


class UnixWriter:
    """A ``Writer`` with keep-alive connections, shared by all threads. ``timeout`` in seconds
    bounds each read."""

    def __init__(self, path: str, timeout: float) -> None:
        self._pool = Pool(path, timeout, _MAX_IDLE)

    def send(self, method: str, target: str, body: Body, patience: float = 0.0) -> Reply:
        """See ``Writer``."""
        peer = self._pool.take() or self._pool.new()
        try:
            peer.socket.settimeout(self._pool.timeout + patience)
            # An engine that refuses a long body answers before it has read all of it.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                peer.send(method, target, *encoded(body))
            head, data = peer.answer()
        except BaseException:
            peer.close()
            raise
        self._pool.keep(peer)
        return Reply(head.status, head.headers, data)

    def upgrade(self, target: str, body: Body) -> Raw | Reply:
        """See ``Writer``. The head of the answer is read to its last byte and no further: what
        follows it is the program's."""
        peer = self._pool.new()
        try:
            peer.send("POST", target, *encoded(body), upgrade=True)
            head = peer.head(raw=True)
            if head.status < 400:
                return Raw(channel=peer.socket, close=peer.close)
            data = b"".join(peer.body(head, MAX_BODY))
        except BaseException:
            peer.close()
            raise
        peer.close()
        return Reply(head.status, head.headers, data)

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.close()
