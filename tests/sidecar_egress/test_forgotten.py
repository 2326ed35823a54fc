"""An upstream connection that is over, or was never made, is forgotten: neither its memory nor its
failure outlasts it, however long the agent's connection goes on."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Any, cast

import h2.config
import h2.connection
import h2.events
from mitmproxy.connection import Server
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import HTTPMode, SendHttp
from mitmproxy.proxy.layers.http import _events as hevents

from botbottle.model.route import Route
from botbottle.sidecar.egress.layers import Http
from botbottle.sidecar.egress.windows import Grant
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_client import one_response
from tests.sidecar_egress.raw_upstream import RawUpstream, answering, some
from tests.sidecar_egress.rig import EXAMPLE, until
from tests.sidecar_egress.test_windows import context

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MANY = 12


class Serving(RawUpstream):
    """Reads the head of a request on each connection, not only on the first."""

    def _head(self, stream: socket.socket) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head and (data := stream.recv(65536)):
            head += data
        self._received += head
        return head

    def keep(self, stream: socket.socket, head: bytes) -> None:
        """Answer whatever is asked on one connection."""
        while head:
            stream.sendall(ANSWER)
            head = self._head(stream)


def status(tls: ssl.SSLSocket) -> int:
    """What a GET over HTTP/1.1 is answered with."""
    tls.sendall(f"GET /x HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n".encode())
    return one_response(tls)[0]


def over_http2(tls: ssl.SSLSocket, times: int) -> list[bytes]:
    """What as many GETs over HTTP/2 are answered with."""
    conn = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    conn.initiate_connection()
    found: list[bytes] = []
    for number in range(1, 2 * times, 2):
        fields = {":method": "GET", ":scheme": "https", ":path": "/x", ":authority": EXAMPLE}
        conn.send_headers(number, list(fields.items()), end_stream=True)
        over = False
        while not over:
            tls.sendall(conn.data_to_send())
            for event in conn.receive_data(some(tls)):
                over = over or isinstance(event, h2.events.StreamEnded)
                if isinstance(event, h2.events.ResponseReceived):
                    found.append(dict(event.headers)[b":status"])
    return found


def known(inside: Inside) -> int:
    """Connections that the layer of the only client knows, its own among them."""
    (driver,) = inside.sidecar.drivers
    http = driver.pressure.http
    assert http is not None
    return len(http.connections)


def test_connections_that_the_upstream_closes(inside: Inside) -> None:
    with Serving(inside.world.authority, EXAMPLE, answering(ANSWER)) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            for _ in range(MANY):
                assert status(tls) == 200
                until(lambda: known(inside) == 1, "the connection to be forgotten")
    assert far.received.count(b"GET /x ") == MANY


def test_connections_that_serve_one_request_of_http2_each(inside: Inside) -> None:
    with Serving(inside.world.authority, EXAMPLE, lambda s, _: s.sendall(ANSWER)) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with inside.tunnel(EXAMPLE, far.port) as tls:
            assert over_http2(tls, MANY) == [b"200"] * MANY
            until(lambda: known(inside) == 1, "the connections to be forgotten")


def test_one_that_is_kept_is_known_and_used_again(inside: Inside) -> None:
    """The control."""
    with Serving(inside.world.authority, EXAMPLE, answering(ANSWER)) as far:
        far._talk = far.keep
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            assert [status(tls) for _ in range(3)] == [200] * 3
            assert known(inside) == 2


def test_an_address_that_may_be_used_now_is_asked(inside: Inside) -> None:
    with Serving(inside.world.authority, EXAMPLE, answering(ANSWER)) as far:
        inside.deliver(Route(EXAMPLE, far.port))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            assert [status(tls), status(tls)] == [403, 403]
            inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
            assert status(tls) == 200


def test_an_upstream_that_works_again_is_asked(inside: Inside) -> None:
    class Down:
        def wrap_socket(self, raw: socket.socket, **_: Any) -> ssl.SSLSocket:
            with suppress(OSError):
                raw.shutdown(socket.SHUT_RDWR)
            raise OSError("down")

    with Serving(inside.world.authority, EXAMPLE, answering(ANSWER)) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        up, far._context = far._context, cast(ssl.SSLContext, Down())
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            assert status(tls) == 502
            far._context = up
            until(lambda: known(inside) == 1, "the connection to be forgotten")
            assert status(tls) == 200


def test_what_still_comes_for_one_that_is_forgotten_is_nothing() -> None:
    layer = Http(context(), HTTPMode.transparent, lambda _: True)
    gone = Server(address=("a.example", 443))
    late = (events.DataReceived(gone, b"x"), events.ConnectionClosed(gone), Grant(gone, (1,)))
    assert [list(layer.handle_event(event)) for event in late] == [[], [], []]
    assert layer._aim(SendHttp(hevents.RequestData(1, b"x"), gone)) is None
