"""Places where bytes travel that are neither header value nor body.

An agent and an upstream in league would use them: towards the upstream nothing leaves that no
scanner saw, towards the agent no real credential comes back.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator

import pytest
import wsproto
from wsproto.connection import Connection
from wsproto.events import AcceptConnection, CloseConnection, Ping, Pong, Request, TextMessage
from wsproto.utilities import generate_accept_token

from botbottle.model.route import Auth, Route
from tests.sidecar_egress.raw_client import code_of, exchange, get, reached, read
from tests.sidecar_egress.raw_upstream import RawUpstream, answering
from tests.sidecar_egress.rig import EXAMPLE, Rig, until
from tests.sidecar_egress.test_protocols import client

SECRET = "real-secret-value-0123"
TOKEN = "ghp_" + "A1b2C3d4E5f6G7h8I9j0" + "K1l2M3n4O5p6Q7r8"


def tunnel(rig: Rig, port: int) -> ssl.SSLSocket:
    """A connection to a raw upstream that has a route with a credential."""
    rig.configure(
        Route(EXAMPLE, port, Auth("Bearer", "T"), allow_private=True), secrets={"T": SECRET}
    )
    return rig.tunnel(EXAMPLE, port=port)


def answer(rig: Rig, response: bytes) -> bytes:
    """What the agent gets of an upstream's response."""
    with (
        RawUpstream(rig.world.authority, EXAMPLE, answering(response)) as far,
        tunnel(rig, far.port) as tls,
    ):
        tls.sendall(get(extra=""))
        return read(tls)


BODY = b"Content-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    "response",
    [
        f"HTTP/1.1 200 {SECRET}\r\n".encode() + BODY,
        f"HTTP/1.1 200 OK\r\n{SECRET}: 1\r\n".encode() + BODY,
        f"HTTP/1.1 200 OK\r\nX-Echo: {SECRET}\r\n".encode() + BODY,
        f"HTTP/1.1 302 Found\r\nLocation: https://other.example.com/?k={SECRET}\r\n".encode()
        + BODY,
        f"HTTP/1.1 103 Early Hints\r\nLink: <{SECRET}>\r\n\r\nHTTP/1.1 200 OK\r\n".encode() + BODY,
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x={SECRET}\r\nok\r\n0\r\n\r\n"
        .encode(),
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: {SECRET}\r\n\r\n"
        .encode(),
        f"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nok {SECRET}".encode(),
    ],
    ids=["reason", "name", "value", "location", "early-hints", "chunk-extension", "trailer", "cut"],
)  # fmt: skip
def test_a_credential_comes_back_in_no_part_of_a_response(rig: Rig, response: bytes) -> None:
    assert SECRET.encode() not in answer(rig, response)


def test_the_same_responses_pass_without_the_credential(rig: Rig) -> None:
    for response in (
        b"HTTP/1.1 200 Fine\r\nX-Echo: nothing\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nok\r\n0\r\n\r\n",
    ):
        reply = answer(rig, response)
        assert reply.startswith(b"HTTP/1.1 200") and b"ok" in reply


def test_a_switch_of_protocols_that_nobody_asked_for_ends_the_connection(rig: Rig) -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: %s\r\nConnection: upgrade\r\n\r\n"
    for kind in (b"websocket", b"anything"):
        got: list[bytes] = []

        def talk(stream: socket.socket, head: bytes, kind: bytes = kind) -> None:
            stream.sendall(switch % kind)

        with (
            RawUpstream(rig.world.authority, EXAMPLE, talk) as far,
            tunnel(rig, far.port) as tls,
        ):
            tls.sendall(get().replace(b"Connection: close\r\n", b""))
            got.append(read(tls))
            with contextlib.suppress(OSError):  # closed already, or noticed by the second
                tls.sendall(b"raw bytes that nobody looked at")
                tls.sendall(b"raw bytes that nobody looked at")
            assert b"nobody looked at" not in far.received


@pytest.mark.parametrize(
    "request_",
    [
        get(extra=f"X-{TOKEN}: 1\r\n"),
        get(extra=f"Connection: x-{TOKEN}\r\n"),
        get(extra=f"Accept: a/{TOKEN}\r\n"),
        get(path=f"/{TOKEN}"),
        get(path=f"/x?{TOKEN}=1"),
    ],
    ids=["header-name", "connection", "header-value", "path", "query-name"],
)
def test_a_token_leaves_in_no_part_of_a_head(rig: Rig, request_: bytes) -> None:
    assert code_of(exchange(rig, request_)) == "dlp"
    assert reached(rig) == []
    assert code_of(exchange(rig, request_.replace(TOKEN.encode(), b"plain-text"))) == ""


def chunked(extension: str = "", trailer: str = "") -> bytes:
    head = f"POST /x HTTP/1.1\r\nHost: {EXAMPLE}\r\nConnection: close\r\n"
    return (
        f"{head}Transfer-Encoding: chunked\r\n\r\n2{extension}\r\nok\r\n0\r\n{trailer}\r\n".encode()
    )


def test_chunk_extensions_and_trailers_stay_here(rig: Rig) -> None:
    def talk(stream: socket.socket, head: bytes) -> None:
        if b"0\r\n\r\n" in head.partition(b"\r\n\r\n")[2]:
            stream.sendall(b"HTTP/1.1 200 OK\r\n" + BODY)

    for request_, passes in (
        (chunked(), True),
        (chunked(extension=";hidden=data"), True),
        (chunked(trailer="X-Hidden: data\r\n"), False),
    ):
        with (
            RawUpstream(rig.world.authority, EXAMPLE, talk) as far,
            tunnel(rig, far.port) as tls,
        ):
            tls.sendall(request_)
            if passes:
                far.got(b"0\r\n\r\n")
            else:
                read(tls)
        assert (b"\r\nok\r\n" in far.received) is passes
        assert b"data" not in far.received and b"idden" not in far.received


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
@pytest.mark.parametrize("trailers", [b"", b"Server-Timing: a;dur=1\r\nX-Hidden: data\r\n"])
def test_trailers_of_a_response_stay_here_and_nothing_ends_of_them(
    rig: Rig, alpn: str, trailers: bytes
) -> None:
    page = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
    with RawUpstream(rig.world.authority, EXAMPLE, answering(page + trailers + b"\r\n")) as far:
        rig.configure(rig.route(EXAMPLE, port=far.port))
        with client(rig, http2=alpn == "h2") as http:
            for _ in range(2):
                reply = http.get(f"https://{EXAMPLE}:{far.port}/x")
                assert (reply.status_code, reply.text) == (200, "ok")
                assert "x-hidden" not in reply.headers


@pytest.mark.parametrize("key", ["", "hidden", "bm90IHNpeHRlZW4=", "bm90IHNpeHRlZW4gYnl0ZXM="])
def test_the_key_of_a_websocket_must_be_one(rig: Rig, key: str) -> None:
    upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    line = f"Sec-WebSocket-Key: {key}\r\n" if key else ""
    assert code_of(exchange(rig, get("/ws", extra=upgrade + line))) == "bad-request"
    assert reached(rig) == []


class Ends:
    """Both ends of a WebSocket through the sidecar."""

    def __init__(self, rig: Rig) -> None:
        self.far = RawUpstream(rig.world.authority, EXAMPLE, self._accept)
        self.server: socket.socket | None = None
        self.tls = tunnel(rig, self.far.port)
        self.tls.settimeout(20)
        self.agent = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        asked = self.agent.send(Request(host=f"{EXAMPLE}:{self.far.port}", target="/ws"))
        self.agent_key = asked.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        assert len(self.agent_key) == 24
        self.tls.sendall(asked)
        self.opened = next(self.events())

    def _accept(self, stream: socket.socket, head: bytes) -> None:
        key = head.lower().partition(b"sec-websocket-key: ")[2].partition(b"\r\n")[0]
        start = head.lower().index(key)
        accept = generate_accept_token(head[start : start + len(key)])
        self.server = stream
        stream.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    def send(self, event: wsproto.events.Event) -> None:
        self.tls.sendall(self.agent.send(event))

    def upstream_sends(self, frame: bytes) -> None:
        assert self.server is not None
        self.server.sendall(frame)

    def upstream_saw(self) -> list[wsproto.events.Event]:
        """Everything that arrived, decoded."""
        far = Connection(wsproto.ConnectionType.SERVER)
        far.receive_data(self.far.received.partition(b"\r\n\r\n")[2])
        return list(far.events())

    def events(self) -> Iterator[wsproto.events.Event]:
        while True:
            yield from self.agent.events()
            data = self.tls.recv(65536)
            self.agent.receive_data(data or None)
            if not data:
                yield from self.agent.events()
                return

    def close(self) -> None:
        self.tls.close()
        self.far.__exit__(None, None, None)


@pytest.fixture
def ends(rig: Rig) -> Iterator[Ends]:
    made = Ends(rig)
    yield made
    made.close()


def test_what_an_agent_puts_into_pings_and_pongs_stays_here(ends: Ends) -> None:
    ends.send(Ping(payload=b"hidden-in-a-ping"))
    events = ends.events()
    assert next(events) == Pong(payload=b"hidden-in-a-ping"), "a ping is answered, as it must be"
    ends.send(Pong(payload=b"hidden-in-a-pong"))
    ends.send(TextMessage("plain words"))  # the positive control: a message arrives
    until(lambda: [e for e in ends.upstream_saw() if isinstance(e, TextMessage)], "the message")
    seen = ends.upstream_saw()
    assert [bytes(e.payload) for e in seen if isinstance(e, Ping)] == [b""], (
        "the upstream sees that the socket is alive"
    )
    assert not [e for e in seen if isinstance(e, (Ping, Pong)) and e.payload]
    assert [e.data for e in seen if isinstance(e, TextMessage)] == ["plain words"]


def test_the_agents_websocket_key_stays_here_and_both_sides_get_their_answer(ends: Ends) -> None:
    assert isinstance(ends.opened, AcceptConnection), "wsproto checked the answer to its own key"
    assert b"sec-websocket-key: " in ends.far.received.lower()
    assert ends.agent_key not in ends.far.received


def test_the_reason_of_a_close_stays_here(ends: Ends) -> None:
    ends.send(CloseConnection(code=1000, reason="hidden in the reason"))
    assert any(isinstance(e, CloseConnection) for e in ends.events())
    until(lambda: [e for e in ends.upstream_saw() if isinstance(e, CloseConnection)], "the close")
    (closed,) = [e for e in ends.upstream_saw() if isinstance(e, CloseConnection)]
    assert closed.code == 1000
    assert not closed.reason


def test_control_frames_of_an_upstream_bring_no_text(ends: Ends) -> None:
    far = Connection(wsproto.ConnectionType.SERVER)
    ends.upstream_sends(far.send(Ping(payload=SECRET.encode())))
    ends.upstream_sends(far.send(TextMessage(f"you sent {SECRET}")))
    ends.upstream_sends(far.send(CloseConnection(code=1001, reason=SECRET)))
    seen = list(ends.events())
    assert [type(e) for e in seen][:3] == [Ping, TextMessage, CloseConnection]
    assert SECRET not in repr(seen)
    assert seen[1].data == "you sent " + "*" * len(SECRET)  # type: ignore[attr-defined]
