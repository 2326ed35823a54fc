"""What waits for upstreams is counted, is there once, and does not wait for ever."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, cast

import h2.config
import h2.connection
import h2.events
import pytest
from mitmproxy.connection import Client, Connection, ConnectionState, Server
from mitmproxy.proxy.layers.http import _events as hevents

from botbottle.model.route import Route
from botbottle.sidecar.egress import leaving, unread
from botbottle.sidecar.egress.leaving import LINGER, Leaving
from botbottle.sidecar.egress.link import Link
from botbottle.sidecar.egress.unread import LEAST, PATIENCE
from botbottle.sidecar.egress.upstream import WorldHttp2
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_upstream import RawUpstream, some
from tests.sidecar_egress.rig import EXAMPLE, Rig, until
from tests.sidecar_egress.test_windows import Talk, asks, context

MIB = 1024 * 1024
WINDOW = 65_535  # bytes that a peer takes before it says so
BODY = b"ordinary text that is nobody's secret. " * (12 * MIB // 39)


class Idle:
    """An upstream that reads the heads of its requests and no more, until it is told to."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.asked = threading.Semaphore(0)

    def __call__(self, stream: socket.socket, head: bytes) -> None:
        self.asked.release()
        self.over.wait(120)


@pytest.fixture
def idle() -> Iterator[Idle]:
    made = Idle()
    yield made
    made.over.set()


def post(tls: ssl.SSLSocket) -> None:
    head = f"POST /x HTTP/1.1\r\nHost: {EXAMPLE}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    tls.sendall(head.encode() + BODY)


def test_an_agent_that_leaves_takes_its_request_along(inside: Inside, idle: Idle) -> None:
    """It is not read any more while its upstream does not read; its end is noticed all the same."""
    with RawUpstream(inside.world.authority, EXAMPLE, idle) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            post(tls)
            assert idle.asked.acquire(timeout=60)
            until(lambda: inside.sidecar.kept() > 0, "the body to wait")
            assert len(inside.sidecar.live) == 1
        until(lambda: not inside.sidecar.drivers and not inside.sidecar.live, "its end")


def test_an_upstream_that_takes_nothing_is_given_up(
    inside: Inside, idle: Idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (leaving, unread):
        monkeypatch.setattr(module, "PATIENCE", 0.2)
    with RawUpstream(inside.world.authority, EXAMPLE, idle) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            post(tls)
            assert tls.recv(65536).startswith(b"HTTP/1.1 502 ")
    until(lambda: inside.sidecar.kept() == 0, "what waited to go")


def test_so_is_a_stream_whose_window_it_keeps_shut(
    inside: Inside, idle: Idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (leaving, unread):
        monkeypatch.setattr(module, "PATIENCE", 0.2)
    with RawUpstream(inside.world.authority, EXAMPLE, idle, alpn="h2") as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with inside.tunnel(EXAMPLE, far.port) as tls:
            conn = h2.connection.H2Connection(h2.config.H2Configuration())
            conn.initiate_connection()
            fields = {":method": "POST", ":scheme": "https", ":path": "/x", ":authority": EXAMPLE}
            conn.send_headers(1, list(fields.items()))
            tls.sendall(conn.data_to_send())
            while conn.local_flow_control_window(1) < 3 * WINDOW:  # until it knows the sidecar's
                conn.receive_data(some(tls))
            for at in range(0, 3 * WINDOW, 15_000):
                conn.send_data(1, BODY[at : at + 15_000])
            conn.end_stream(1)
            tls.sendall(conn.data_to_send())
            ended: list[h2.events.Event] = []
            while not any(isinstance(e, h2.events.StreamReset) for e in ended):
                ended += conn.receive_data(some(tls))
            until(lambda: inside.sidecar.kept() == 0, "what waited to go")
            assert len(inside.sidecar.drivers) == 1


def test_bodies_that_wait_for_their_upstreams_are_there_once(rig: Rig) -> None:
    """Sealed, and neither as they came nor in the buffers of TLS."""
    idles = [Idle() for _ in range(5)]
    with ExitStack() as stack:
        fars = [
            stack.enter_context(RawUpstream(rig.world.authority, EXAMPLE, each)) for each in idles
        ]
        rig.configure(*(rig.route(EXAMPLE, port=far.port) for far in fars))
        for number, (far, each) in enumerate(zip(fars, idles, strict=True)):
            tls = stack.enter_context(rig.tunnel(EXAMPLE, port=far.port))
            post(tls)
            assert each.asked.acquire(timeout=60)
            if number == 0:
                before = rig.sidecar.memory()  # judging the first one needed its memory
        grown, waiting = rig.sidecar.memory() - before, len(BODY) * (len(fars) - 1)
        for each in idles:
            each.over.set()
    assert grown < 2 * waiting


class Clock:
    """An event loop whose time a test makes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        self.calls.append((self.now + delay, call))
        return cast(asyncio.TimerHandle, None)

    def go_on(self, seconds: float) -> None:
        """Let time pass, step by step."""
        end = self.now + seconds
        while self.calls and min(self.calls, key=lambda c: c[0])[0] <= end:
            self.calls.sort(key=lambda c: c[0])
            self.now, call = self.calls.pop(0)
            call()
        self.now = end


class Wire:
    """What is seen of a link."""

    def __init__(self, *, full: bool, waiting: int = 0) -> None:
        self.full, self.waiting, self.taken = full, waiting, 0
        self.said: list[str] = []

    def abort(self) -> None:
        self.said.append("abort")

    def close(self) -> None:
        self.said.append("close")


def among(
    *wires: Wire, talk: Talk | None = None, cut: Callable[[int], None] = print
) -> tuple[Leaving, Clock, dict[Connection, Link]]:
    """Upstream connections, and the agent's, which reads nothing either."""
    links: dict[Any, Any] = {Server(address=(f"{n}.example", 443)): w for n, w in enumerate(wires)}
    client = Client(peername=("", 0), sockname=("", 0), state=ConnectionState.OPEN)
    links[client] = Wire(full=True, waiting=7)
    clock, known = Clock(), {talk.layer.conn: talk.layer} if talk else {}
    http = cast(Any, type("Http", (), {"connections": known}))
    return Leaving(links, cast(Any, clock), lambda: http, cut), clock, links


@pytest.mark.parametrize(("takes", "ended"), [(0, True), (LEAST - 1, True), (LEAST, False)])
def test_an_upstream_has_to_take_something_every_minute(takes: int, ended: bool) -> None:
    slow = Wire(full=True)
    here, clock, _ = among(slow)
    here.start()
    clock.go_on(PATIENCE - 1)
    assert slow.said == []
    slow.taken += takes
    clock.go_on(PATIENCE / 2)
    assert slow.said == (["abort"] if ended else [])


def test_one_that_reads_again_is_left_alone() -> None:
    slow = Wire(full=True)
    here, clock, _ = among(slow)
    here.start()
    clock.go_on(PATIENCE / 2)
    slow.full = False
    clock.go_on(10 * PATIENCE)
    assert slow.said == []


def test_what_is_dropped_is_closed_and_waits_a_moment_for_its_last_bytes() -> None:
    full, last, done = Wire(full=True, waiting=9), Wire(full=False, waiting=9), Wire(full=False)
    here, clock, links = among(full, last, done)
    here.stop()
    assert [w.said for w in (full, last, done)] == [["abort"], ["close"], ["close"]]
    clock.go_on(LINGER)
    assert [w.said for w in (full, last, done)] == [["abort"], ["close", "abort"], ["close"]]
    assert cast(Any, list(links.values())[-1]).said == []


def test_what_waits_for_upstreams_is_counted_and_what_waits_for_the_agent_is_not() -> None:
    here, _, _ = among(Wire(full=True, waiting=3), Wire(full=False, waiting=4))
    assert here.waiting() == 7


def test_so_is_what_waits_for_its_turn_or_its_window_over_http2() -> None:
    talk = Talk(WorldHttp2(context()), client=False)
    here, _, _ = among(talk=talk)
    for number in range(1, 23, 2):  # as many as it gets before it said how many it takes, and one
        talk.tell(asks(number, over=False))
    talk.tell(hevents.RequestData(21, b"x" * 1000))
    assert here.waiting() == 1000
    talk.tell(hevents.RequestData(1, b"x" * (WINDOW + 100_000)))
    assert here.waiting() == 1000 + 100_000


@pytest.mark.parametrize(("takes", "ended"), [(0, True), (LEAST - 1, True), (LEAST, False)])
def test_a_window_has_to_be_opened_every_minute(takes: int, ended: bool) -> None:
    """The turn of a stream may take as long as others need; the connection reads all the time."""
    talk, cut = Talk(WorldHttp2(context()), client=False), list[int]()
    here, clock, _ = among(Wire(full=False), talk=talk, cut=cut.append)
    for number in range(1, 23, 2):
        talk.tell(asks(number, over=False))
    for number in (5, 21):  # one that waits for its window, one that waits for its turn
        talk.tell(hevents.RequestData(number, b"x" * (WINDOW + 100_000)))
    assert here.waiting() == WINDOW + 200_000
    here.start()
    clock.go_on(PATIENCE - 1)
    assert cut == []
    if takes:
        talk.peer.increment_flow_control_window(takes, 5)
        talk.peer.increment_flow_control_window(takes)
        talk.hear()
    clock.go_on(PATIENCE / 2)
    assert cut == ([5] if ended else [])
