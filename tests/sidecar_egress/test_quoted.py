"""What an upstream breaks the protocol with is quoted nowhere: it may repeat the credential."""

from __future__ import annotations

import socket

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from botbottle.model.route import Auth, Dlp, Route
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_client import code_of, read
from tests.sidecar_egress.raw_upstream import RawUpstream, answering
from tests.sidecar_egress.rig import EXAMPLE

SECRET = "real-secret-value-0123"
S = SECRET.encode()
UNCHECKED: dict[str, bool] = {
    "validate_outbound_headers": False, "normalize_outbound_headers": False,
    "validate_inbound_headers": False,
}  # fmt: skip

HTTP1 = {
    "status line": b"HTTP/1.1 2x0 %b\r\n\r\n" % S,
    "no status line": b"%b\r\n\r\n" % S,
    "version": b"%b 200 OK\r\n\r\n" % S,
    "name": b"HTTP/1.1 200 OK\r\na %b: 1\r\nContent-Length: 2\r\n\r\nok" % S,
    "no colon": b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % S,
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\nok" % S,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: %b\r\n\r\nok" % S,
    "coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: %b\r\n\r\nok" % S,
    "value": b"HTTP/1.1 200 OK\r\nX: a\0%b\r\nContent-Length: 2\r\n\r\nok" % S,
}
CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\nok\r\n0\r\n\r\n" % S
HTTP2 = {
    "line break": [(b":status", b"200"), (b"x", b"1\r\n" + S)],
    "status": [(b":status", b"200 " + S)],
    "name": [(b":status", b"200"), (b"A " + S, b"1")],
    "pseudo": [(b":status", b"200"), (b":" + S, b"1")],
    "connection": [(b":status", b"200"), (b"connection", S)],
    "length": [(b":status", b"200"), (b"content-length", S)],
}


def deliver(inside: Inside, port: int, dlp: Dlp | None = None) -> None:
    rule = Auth("Bearer", "T")
    route = Route(EXAMPLE, port, rule, allow_private=True, **({"dlp": dlp} if dlp else {}))
    inside.deliver(route, secrets={"T": SECRET})


def told(inside: Inside, port: int) -> bytes:
    """Everything that comes for a request over HTTP/1."""
    with inside.tunnel(EXAMPLE, port, "http/1.1") as tls:
        fields = f"Host: {EXAMPLE}:{port}\r\nConnection: close\r\n\r\n"
        tls.sendall(f"GET /x HTTP/1.1\r\n{fields}".encode())
        return read(tls)


def unseen(inside: Inside, got: bytes) -> None:
    """Nothing in an answer, in the log or in the denials holds the credential."""
    kept = repr((list(inside.sidecar.log.denials), inside.ledger.told))
    assert S not in got and SECRET not in inside.output.getvalue() + kept


@pytest.mark.parametrize("case", HTTP1)
def test_a_malformed_head_is_not_repeated(inside: Inside, case: str) -> None:
    with RawUpstream(inside.world.authority, EXAMPLE, answering(HTTP1[case])) as far:
        deliver(inside, far.port)
        got = told(inside, far.port)
    unseen(inside, got)
    assert code_of(got) in ("upstream", "upstream-protocol") or b"*" * len(S) in got


@pytest.mark.parametrize("dlp", [None, Dlp(None, ("injection",))], ids=["streamed", "judged"])
def test_nor_is_a_malformed_chunk(inside: Inside, dlp: Dlp | None) -> None:
    with RawUpstream(inside.world.authority, EXAMPLE, answering(CHUNK)) as far:
        deliver(inside, far.port, dlp)
        unseen(inside, told(inside, far.port))


def test_a_head_that_is_none_of_these_passes(inside: Inside) -> None:
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with RawUpstream(inside.world.authority, EXAMPLE, answering(plain)) as far:
        deliver(inside, far.port)
        assert told(inside, far.port).endswith(b"\r\n\r\nok")


class Far(RawUpstream):
    """One that speaks first, as HTTP/2 may."""

    def _head(self, stream: socket.socket) -> bytes:
        return stream.recv(65536)


@pytest.mark.parametrize("case", HTTP2)
def test_nor_is_one_of_http2(inside: Inside, case: str) -> None:
    def talk(stream: socket.socket, data: bytes) -> None:
        far = H2Connection(H2Configuration(client_side=False, header_encoding=None, **UNCHECKED))
        far.initiate_connection()
        while data:
            for event in far.receive_data(data):
                if isinstance(event, RequestReceived):
                    far.send_headers(1, HTTP2[case])
                    far.send_data(1, b"ok", end_stream=True)
            stream.sendall(far.data_to_send())
            data = stream.recv(65536)

    with Far(inside.world.authority, EXAMPLE, talk, alpn="h2") as far:
        deliver(inside, far.port)
        assert_refused(inside, far.port)


def assert_refused(inside: Inside, port: int) -> None:
    agent, got, ended = H2Connection(H2Configuration()), b"", False
    agent.initiate_connection()
    head = {":method": "GET", ":scheme": "https", ":path": "/", ":authority": f"{EXAMPLE}:{port}"}
    agent.send_headers(1, list(head.items()), end_stream=True)
    with inside.tunnel(EXAMPLE, port) as tls:
        tls.sendall(agent.data_to_send())
        while not ended:
            data = tls.recv(65536)
            events = agent.receive_data(data)
            got += data + repr(events).encode()
            ended = not data or any(type(e).__name__ == "StreamEnded" for e in events)
    unseen(inside, got)
    assert b"upstream" in got
