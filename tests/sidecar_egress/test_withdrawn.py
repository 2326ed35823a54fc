"""A request that waits for something leaves no more once what allowed it is gone."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from h2.settings import SettingCodes

from botbottle.model.route import Auth, Dlp, Match, Route
from botbottle.sidecar.egress.passage import Passage, passage_of
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_upstream import RawUpstream, some
from tests.sidecar_egress.rig import ANTHROPIC, EXAMPLE, until
from tests.sidecar_egress.waiting import Wait, approves_late
from tests.world import World

TOKEN = "ghp_" + "A1b2C3d4E5f6G7h8I9j0" + "K1l2M3n4O5p6Q7r8"
BODY = json.dumps({"model": "m", "max_tokens": 5, "messages": []}).encode()
PLAIN = Dlp(outbound_detectors=())
GETS = (Match(methods=("GET",)),)


@pytest.fixture
def far(world: World, host: str) -> Iterator[RawUpstream]:
    with RawUpstream(world.authority, host, lambda stream, head: None) as made:
        yield made


def allow(inside: Inside, *routes: Route) -> None:
    inside.deliver(*routes, supervise=True)


def post(tls: ssl.SSLSocket, host: str, path: str, body: bytes) -> h2.connection.H2Connection:
    """A whole request over HTTP/2."""
    conn = h2.connection.H2Connection(h2.config.H2Configuration())
    conn.initiate_connection()
    fields = {":method": "POST", ":scheme": "https", ":path": path, ":authority": host}
    conn.send_headers(1, list(fields.items()))
    conn.send_data(1, body, end_stream=True)
    tls.sendall(conn.data_to_send())
    return conn


def nothing_but(inside: Inside, far: RawUpstream, host: str, after: Route) -> None:
    """Whatever waited is over: the next request is the first one that the upstream gets."""
    allow(inside, after)
    with inside.tunnel(host, far.port, "http/1.1") as tls:
        tls.sendall(f"GET /after HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        far.got(b"\r\n\r\n")
    assert far.received.startswith(b"GET /after ")
    assert far.received.count(b"HTTP/1.1\r\n") == 1


@pytest.mark.parametrize("host", [ANTHROPIC])
@pytest.mark.parametrize("withdrawn", [False, True])
def test_one_that_waits_for_its_admission(
    inside: Inside, far: RawUpstream, host: str, withdrawn: bool
) -> None:
    wait = Wait()
    inside.ledger.admit = wait.before(inside.ledger.admit)  # type: ignore[method-assign]
    route = Route(host, far.port, allow_private=True, provider="claude")
    allow(inside, route)
    with inside.tunnel(host, far.port) as tls:
        post(tls, host, "/v1/messages", BODY)
        assert wait.begun.wait(30)
        only_gets = Route(host, far.port, allow_private=True, provider="claude", matches=GETS)
        allow(inside, only_gets if withdrawn else route)
        wait.over.set()
        if not withdrawn:
            far.got(BODY)
            return
        until(lambda: inside.ledger.told[-1][0] == "release", "the release")
        assert not inside.ledger.open
        told = b""
        while b'"code":"no-match"' not in told:
            told += some(tls)
        nothing_but(inside, far, host, Route(host, far.port, allow_private=True))


@pytest.mark.parametrize("host", [EXAMPLE])
@pytest.mark.parametrize("withdrawn", [False, True])
def test_an_upload_that_waits_for_an_operator(
    inside: Inside, far: RawUpstream, host: str, withdrawn: bool
) -> None:
    wait, approved = approves_late(inside)
    route = Route(host, far.port, allow_private=True, stream_uploads=True)
    allow(inside, route)
    with inside.tunnel(host, far.port) as tls:
        post(tls, host, f"/up?q={TOKEN}", b"payload")
        assert wait.begun.wait(30)
        block = Route(host, far.port, allow_private=True, dlp=Dlp(outbound_on_match="block"))
        allow(inside, block if withdrawn else route)
        wait.over.set()
        if not withdrawn:
            far.got(b"payload")
            return
        assert approved.wait(30)
        nothing_but(inside, far, host, Route(host, far.port, allow_private=True))


@pytest.mark.parametrize("host", [EXAMPLE])
@pytest.mark.parametrize("change", ["nothing", "withdrawn", "stricter"])
def test_one_that_waits_for_its_upstream(
    inside: Inside, far: RawUpstream, host: str, change: str
) -> None:
    """In league with the agent, the upstream puts off its TLS handshake."""
    begun, over, wrap = threading.Event(), threading.Event(), far._context.wrap_socket

    class Late:
        def wrap_socket(self, raw: socket.socket, **how: Any) -> ssl.SSLSocket:
            begun.set()
            assert over.wait(30)
            return wrap(raw, **how)

    far._context = Late()  # type: ignore[assignment]
    loose = Route(host, far.port, allow_private=True, dlp=PLAIN)
    after = {
        "nothing": loose,
        "withdrawn": Route(host, far.port, allow_private=True, matches=GETS),
        "stricter": Route(host, far.port, allow_private=True, dlp=Dlp(outbound_on_match="block")),
    }
    allow(inside, loose)
    with inside.tunnel(host, far.port) as tls:
        conn = post(tls, host, "/late", TOKEN.encode())
        assert begun.wait(30)
        allow(inside, after[change])
        over.set()
        fields = {":method": "GET", ":scheme": "https", ":path": "/after", ":authority": host}
        conn.send_headers(3, list(fields.items()), end_stream=True)
        tls.sendall(conn.data_to_send())
        far.got(b"\r\n\r\n")  # of the first connection with a request: one that has none is closed
        first = b"POST /late " if change == "nothing" else b"GET /after "
        assert far.received.startswith(first)
        assert (b"/late" in far.received) is (change == "nothing")


@pytest.mark.parametrize("host", [EXAMPLE])
@pytest.mark.parametrize("tightened", [False, True])
def test_one_whose_body_is_still_coming(
    inside: Inside, far: RawUpstream, host: str, tightened: bool
) -> None:
    """Its body would be judged as it was when its head came."""
    loose = Route(host, far.port, allow_private=True, dlp=PLAIN)
    allow(inside, loose)
    body = f"ab {TOKEN} c".encode()
    with inside.tunnel(host, far.port, "http/1.1") as tls:
        head = f"POST /x HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        tls.sendall(head.encode() + body[:2])
        until(lambda: bool(inside.sidecar.live), "the head to be judged")
        block = Route(host, far.port, allow_private=True, dlp=Dlp(outbound_on_match="block"))
        allow(inside, block if tightened else loose)
        with contextlib.suppress(OSError):
            tls.sendall(body[2:])
        if not tightened:
            far.got(TOKEN.encode())
            return
        assert b'"code":"dlp"' in some(tls)
        nothing_but(inside, far, host, loose)


class OneAtATime:
    """An HTTP/2 upstream that takes one stream at a time and never answers /first. ``got``: the
    path and the credential of each request."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, bytes]] = []

    def __call__(self, stream: socket.socket, data: bytes) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding=None)
        conn = h2.connection.H2Connection(config)
        conn.initiate_connection()
        conn.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1})
        while data:
            for event in conn.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self._asked(conn, event.stream_id, dict(event.headers))
            stream.sendall(conn.data_to_send())
            data = stream.recv(65536)

    def _asked(self, conn: Any, number: int, head: dict[bytes, bytes]) -> None:
        self.got.append((head[b":path"], head[b"authorization"]))
        if head[b":path"] != b"/first":
            conn.send_headers(number, [(b":status", b"204")], end_stream=True)

    def paths(self) -> list[bytes]:
        return [path for path, _ in self.got]


@pytest.mark.parametrize("changed", ["withdrawn", "rotated", "nothing"])
def test_one_that_waits_for_its_turn_at_its_upstream(inside: Inside, changed: str) -> None:
    """It is the turn of the next one when the one before it is cut, or given up."""
    talk, auth = OneAtATime(), Auth("Bearer", "T")
    old, new = "old-secret-value-000111", "new-secret-value-222333"
    with RawUpstream(inside.world.authority, EXAMPLE, talk, alpn="h2") as far:
        route = Route(EXAMPLE, far.port, auth, allow_private=True)
        inside.deliver(route, secrets={"T": old})
        with inside.tunnel(EXAMPLE, far.port) as tls:
            conn = post(tls, EXAMPLE, "/warm", b"")  # its answer follows the upstream's settings
            until(lambda: not inside.sidecar.live and len(talk.got) == 1, "an answer")
            ask(tls, conn, 3, "POST", "/first")
            until(lambda: len(talk.got) == 2, "the first to arrive")
            ask(tls, conn, 5, "POST", "/queued")
            until(lambda: len(judged(inside)) == 2, "the next to be judged")
            gets = Route(EXAMPLE, far.port, auth, allow_private=True, matches=GETS)
            after = gets if changed == "withdrawn" else route
            inside.deliver(after, secrets={"T": new if changed == "rotated" else old})
            conn.reset_stream(3)
            ask(tls, conn, 7, "GET", "/after")
            until(lambda: b"/after" in talk.paths(), "the one after it to arrive")
    queued = [] if changed == "withdrawn" else [b"/queued"]
    assert talk.paths() == [b"/warm", b"/first", *queued, b"/after"]
    now = f"Bearer {new if changed == 'rotated' else old}".encode()
    assert [key for _, key in talk.got[2:]] == [now for _ in talk.got[2:]]


def ask(
    tls: ssl.SSLSocket, conn: h2.connection.H2Connection, number: int, method: str, path: str
) -> None:
    """One more request on a connection."""
    fields = {":method": method, ":scheme": "https", ":path": path, ":authority": EXAMPLE}
    conn.send_headers(number, list(fields.items()), end_stream=True)
    tls.sendall(conn.data_to_send())


def judged(inside: Inside) -> list[Passage]:
    """Requests that may leave, and were not answered."""
    known = (passage_of(flow) for flow in list(inside.sidecar.live.values()))
    return [passage for passage in known if passage is not None and passage.judged]
