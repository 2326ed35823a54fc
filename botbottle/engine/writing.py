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
import select
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from botbottle.engine.peer import MAX_BODY, Peer, keeps
from botbottle.engine.wire import Reply

_MAX_IDLE = 16  # kept connections; more than the executor usually has threads
_BODILESS = (204, 304)  # RFC 9110, 6.4.1: these have no content, whatever their headers say

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
        self._path = path
        self._timeout = timeout
        self._idle: list[Peer] = []
        self._lock = threading.Lock()

    def send(self, method: str, target: str, body: Body, patience: float = 0.0) -> Reply:
        """See ``Writer``."""
        peer = self._take() or Peer(self._path, self._timeout)
        try:
            peer.socket.settimeout(self._timeout + patience)
            # An engine that refuses a long body answers before it has read all of it.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                peer.send(method, target, *encoded(body))
            status, headers = peer.head()
            data = b"" if status in _BODILESS else b"".join(peer.body(headers, MAX_BODY))
        except BaseException:
            peer.close()
            raise
        if status in _BODILESS or keeps(headers):
            self._keep(peer)
        else:
            peer.close()
        return Reply(status, headers, data)

    def upgrade(self, target: str, body: Body) -> Raw | Reply:
        """See ``Writer``. The head of the answer is read to its last byte and no further: what
        follows it is the program's."""
        peer = Peer(self._path, self._timeout)
        try:
            peer.send("POST", target, *encoded(body), upgrade=True)
            status, headers = peer.head(bare=True)
            if status < 400:
                return Raw(channel=peer.socket, close=peer.close)
            data = b"".join(peer.body(headers, MAX_BODY))
        except BaseException:
            peer.close()
            raise
        peer.close()
        return Reply(status, headers, data)

    def close(self) -> None:
        """Close the idle connections."""
        while (peer := self._take()) is not None:
            peer.close()

    def _take(self) -> Peer | None:
        """A kept connection that neither has ended nor holds something that nobody asked for."""
        while True:
            with self._lock:
                peer = self._idle.pop() if self._idle else None
            if peer is None or not _readable(peer):
                return peer
            peer.close()

    def _keep(self, peer: Peer) -> None:
        with self._lock:
            if len(self._idle) < _MAX_IDLE:
                self._idle.append(peer)
                return
        peer.close()


def _readable(peer: Peer) -> bool:
    poll = select.poll()
    poll.register(peer.socket, select.POLLIN)
    return bool(poll.poll(0))
