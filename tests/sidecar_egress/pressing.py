"""Senders that try to get rid of far more than the bound, and what the sidecar grows by."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import h2.config
import h2.connection
import h2.events

from tests.sidecar_egress.raw_upstream import some
from tests.sidecar_egress.rig import EXAMPLE, Rig

MIB = 1024 * 1024
MUCH = 160 * MIB  # bytes that a sender tries to send
KEPT = 8 * MIB  # bytes by which the sidecar may grow
STILL = 1.0  # seconds without progress after which a sender is taken to stand still
PIECE = b"ordinary text that is nobody's secret. " * 6_721  # 256 KiB


def pushed(stream: socket.socket, piece: bytes = PIECE) -> int:
    """Bytes that a peer takes before nothing moves any more."""
    stream.settimeout(STILL)
    sent = 0
    with contextlib.suppress(OSError):
        while sent < MUCH:
            stream.sendall(piece)
            sent += len(piece)
    return sent


@contextlib.contextmanager
def grows_little(rig: Rig) -> Iterator[None]:
    """The sidecar's resident set never grows by more than the bound."""
    before = rig.sidecar.forget_peak()
    yield
    grown = rig.sidecar.peak() - before
    assert grown <= KEPT, f"{grown / MIB:.1f} MiB"


def warmed(rig: Rig, port: int) -> None:
    """A route to ``port``; what every first connection loads is loaded."""
    rig.configure(rig.route(EXAMPLE), rig.route(EXAMPLE, port=port, stream_uploads=True))
    for protocol in ("http/1.1", "h2"):
        with rig.tunnel(EXAMPLE, alpn=[protocol]) as tls:
            tls.settimeout(20)
            if protocol == "h2":
                H2(tls, ((":path", "/warm"),)).status()
            else:
                tls.sendall(b"GET /warm HTTP/1.1\r\nHost: %b\r\n\r\n" % EXAMPLE.encode())
                assert tls.recv(65536)


class H2:
    """An HTTP/2 client with one stream."""

    def __init__(self, tls: socket.socket, extra: tuple[tuple[str, str], ...]) -> None:
        self._tls = tls
        self.conn = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=False))
        self.conn.initiate_connection()
        fields = dict([(":method", "GET"), (":scheme", "https"), (":authority", EXAMPLE), *extra])
        self.conn.send_headers(1, list(fields.items()), end_stream=fields[":method"] == "GET")
        tls.sendall(self.conn.data_to_send())

    def receive(self) -> list[h2.events.Event]:
        """Events of one read; windows are not given back."""
        found = self.conn.receive_data(some(self._tls))
        self._tls.sendall(self.conn.data_to_send())
        return found

    def status(self) -> bytes:
        """The answer's status."""
        while True:
            for event in self.receive():
                if isinstance(event, h2.events.ResponseReceived):
                    return bytes(dict(event.headers)[b":status"])

    def upload(self) -> int:
        """Bytes of a body that could be sent before windows stayed closed."""
        self._tls.settimeout(STILL)
        sent = 0
        with contextlib.suppress(OSError):
            while sent < MUCH:
                while not (room := self.conn.local_flow_control_window(1)):
                    self.receive()
                piece = PIECE[: min(room, self.conn.max_outbound_frame_size)]
                self.conn.send_data(1, piece)
                self._tls.sendall(self.conn.data_to_send())
                sent += len(piece)
        return sent
