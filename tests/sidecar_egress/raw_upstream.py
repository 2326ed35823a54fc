"""An upstream that is in league with the agent: it sends the very bytes a test gives it and keeps
the very bytes it gets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.sidecar_egress.rig import until
from tests.world.ca import Authority

type Talk = Callable[[socket.socket, bytes], None]  # connection, request head


class RawUpstream:
    """A TLS server on a free loopback port, one connection at a time."""

    def __init__(
        self, authority: Authority, host: str, talk: Talk, *, alpn: str = "http/1.1"
    ) -> None:
        context = authority._load(authority.leaf(host))  # its own: the cached one is shared
        context.set_alpn_protocols([alpn])
        self._talk, self._context = talk, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._received = bytearray()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(raw, server_side=True) as stream:
                    stream.settimeout(30)
                    self._talk(stream, self._head(stream))
                    self._drain(stream)
            except OSError:
                continue

    def _head(self, stream: socket.socket) -> bytes:
        while b"\r\n\r\n" not in self._received and (data := stream.recv(65536)):
            self._received += data
        return self.received

    def _drain(self, stream: socket.socket) -> None:
        while data := stream.recv(65536):
            self._received += data

    @property
    def received(self) -> bytes:
        """Everything so far, of all connections."""
        return bytes(self._received)

    def got(self, wanted: bytes) -> None:
        """Wait until the upstream received ``wanted``."""
        until(lambda: wanted in self.received, f"{wanted!r} to arrive")


def some(stream: socket.socket) -> bytes:
    """What comes next. Raises ConnectionResetError at the end, where a loop would turn for ever."""
    data = stream.recv(65536)
    if not data:
        raise ConnectionResetError
    return data


def answering(data: bytes) -> Talk:
    """Sends ``data`` and closes."""

    def talk(stream: socket.socket, head: bytes) -> None:
        stream.sendall(data)
        stream.shutdown(socket.SHUT_RDWR)

    return talk
