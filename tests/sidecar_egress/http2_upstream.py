"""An upstream that speaks HTTP/2 as a test tells it, any number of connections at a time."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event, RequestReceived
from hyperframe.frame import GoAwayFrame

from tests.world.ca import Authority

type Says = Callable[["Peer", Event], None]


class Peer:
    """One connection. ``number``: the first is 1."""

    def __init__(self, number: int, tls: ssl.SSLSocket) -> None:
        self.number, self._tls = number, tls
        self.conn = H2Connection(H2Configuration(client_side=False))
        self.conn.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self._tls.sendall(self.conn.data_to_send())

    def answer(self, stream: int, *parts: bytes, end: bool = True) -> None:
        """A whole response, or with ``end=False`` its beginning."""
        self.conn.send_headers(stream, [(":status", "200")])
        self.go_on(stream, *parts, end=end)

    def go_on(self, stream: int, *parts: bytes, end: bool = True) -> None:
        for part in parts:
            self.conn.send_data(stream, part)
        if end:
            self.conn.end_stream(stream)
        self.flush()

    def goaway(self, last: int, code: int = 0) -> None:
        """RFC 9113, 6.8; the library would take nothing any more after one of its own."""
        self.flush()
        self._tls.sendall(GoAwayFrame(0, last_stream_id=last, error_code=code).serialize())


class Http2Upstream:
    """``says`` is called with what comes."""

    def __init__(self, authority: Authority, host: str, says: Says) -> None:
        self._context = authority._load(authority.leaf(host))
        self._context.set_alpn_protocols(["h2"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._says = says
        self.asked: list[tuple[int, str]] = []  # connection, path
        self.open = 0  # connections
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        number = 0
        with contextlib.suppress(OSError):
            while True:
                raw, _ = self._listener.accept()
                number += 1
                threading.Thread(target=self._talk, args=(number, raw), daemon=True).start()

    def _talk(self, number: int, raw: socket.socket) -> None:
        with contextlib.suppress(OSError), self._context.wrap_socket(raw, server_side=True) as tls:
            tls.settimeout(30)
            self.open += 1
            try:
                self._listen(Peer(number, tls), tls)
            finally:
                self.open -= 1

    def _listen(self, peer: Peer, tls: ssl.SSLSocket) -> None:
        while data := tls.recv(65536):
            for event in peer.conn.receive_data(data):
                if isinstance(event, RequestReceived):
                    fields = dict(event.headers or ())
                    self.asked.append((peer.number, fields[b":path"].decode()))
                self._says(peer, event)
            peer.flush()
