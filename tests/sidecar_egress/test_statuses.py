"""Statuses that are none, and bodies where none may be, pass in neither protocol."""

from __future__ import annotations

import contextlib
import socket
import ssl

import h2.config
import h2.connection
import h2.events
import pytest
from hyperframe.frame import DataFrame, HeadersFrame

from botbottle.model.route import Auth, Route
from tests.sidecar_egress.inside import SECRET, Inside
from tests.sidecar_egress.raw_client import code_of
from tests.sidecar_egress.raw_upstream import RawUpstream, Talk, answering, some
from tests.sidecar_egress.rig import EXAMPLE

BODY = b"hi"
NONE = ["0", "000", "099", "99", "1000", "20000", "-200"]
SOME = ["200", "404", "599", "999"]
AUTH = pytest.mark.parametrize("auth", [None, Auth("Bearer", "T")], ids=["open", "credential"])


def over_http1(inside: Inside, status: str) -> bytes:
    """What an agent gets where the upstream answers with this status."""
    head = f"HTTP/1.1 {status} OK\r\nContent-Length: 2\r\n\r\n"
    with RawUpstream(inside.world.authority, EXAMPLE, answering(head.encode() + BODY)) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            close = "Connection: close"
            tls.sendall(f"GET /x HTTP/1.1\r\nHost: {EXAMPLE}\r\n{close}\r\n\r\n".encode())
            found = b""
            with contextlib.suppress(OSError):
                while True:
                    found += some(tls)
    return found


@pytest.mark.parametrize("status", NONE)
def test_what_is_no_status_is_refused(inside: Inside, status: str) -> None:
    assert code_of(over_http1(inside, status)) == "upstream-protocol"
    assert answer(inside, status)[:2] == ("502", "upstream-protocol")


@pytest.mark.parametrize("status", SOME)
def test_what_is_one_passes(inside: Inside, status: str) -> None:
    reply = over_http1(inside, status)
    assert reply.startswith(f"HTTP/1.1 {status} ".encode()) and reply.endswith(BODY)
    assert answer(inside, status) == (status, "", BODY)


def test_no_content_announces_none(inside: Inside) -> None:
    reply = over_http1(inside, "204").lower()
    assert reply.startswith(b"http/1.1 204 ") and reply.endswith(b"\r\n\r\n")
    assert b"content-length" not in reply


@AUTH
@pytest.mark.parametrize("extra", [{}, {"content-encoding": "gzip"}], ids=["plain", "gzip"])
@pytest.mark.parametrize("status", ["204", "304"])
def test_a_body_where_none_may_be_does_not_pass(
    inside: Inside, auth: Auth | None, extra: dict[str, str], status: str
) -> None:
    """The control: it does where one may be, above."""
    assert answer(inside, status, auth=auth, extra=extra) == (status, "", b"")


def test_a_body_that_head_is_answered_with_is_refused(inside: Inside) -> None:
    assert answer(inside, "200", "HEAD") == ("502", "upstream-protocol", b"")


def answer(
    inside: Inside,
    status: str,
    method: str = "GET",
    auth: Auth | None = None,
    extra: dict[str, str] | None = None,
) -> tuple[str, str, bytes]:
    """Status, denial code and body of an answer that an upstream gives over HTTP/2."""
    fields = [(":status", status), *(extra or {}).items()]
    with RawUpstream(inside.world.authority, EXAMPLE, _says(fields), alpn="h2") as far:
        inside.deliver(Route(EXAMPLE, far.port, auth, allow_private=True), secrets={"T": SECRET})
        with inside.tunnel(EXAMPLE, far.port) as tls:
            return _asked(tls, method)


def _asked(tls: ssl.SSLSocket, method: str) -> tuple[str, str, bytes]:
    conn = h2.connection.H2Connection()
    conn.initiate_connection()
    asked = {":method": method, ":scheme": "https", ":path": "/x", ":authority": EXAMPLE}
    conn.send_headers(1, list(asked.items()), end_stream=True)
    tls.sendall(conn.data_to_send())
    head: dict[bytes, bytes] = {}
    body, ended = b"", False
    while not ended:
        for event in conn.receive_data(some(tls)):
            head |= dict(event.headers) if isinstance(event, h2.events.ResponseReceived) else {}
            body += event.data if isinstance(event, h2.events.DataReceived) else b""
            ended |= isinstance(event, h2.events.StreamEnded | h2.events.StreamReset)
    code = head.get(b"x-botbottle-denied", b"").decode()
    return head[b":status"].decode(), code, body


def _says(fields: list[tuple[str, str]]) -> Talk:
    """An upstream that puts a head and two bytes on the wire, whatever a library thinks of it."""

    def talk(stream: socket.socket, data: bytes) -> None:
        conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        conn.initiate_connection()
        while data:
            for event in conn.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    number = event.stream_id
                    head = HeadersFrame(number, conn.encoder.encode(fields), flags=["END_HEADERS"])
                    body = DataFrame(number, BODY, flags=["END_STREAM"])
                    stream.sendall(conn.data_to_send() + head.serialize() + body.serialize())
            stream.sendall(conn.data_to_send())
            data = stream.recv(65536)

    return talk
