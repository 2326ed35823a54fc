"""A peer of HTTP/2 that is about to close (GOAWAY without an error) ends nothing that is open."""

from __future__ import annotations

import ssl
import threading
from typing import Any

import pytest
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, ResponseReceived, StreamEnded
from hyperframe.frame import GoAwayFrame

from tests.sidecar_egress.http2_upstream import Http2Upstream, Peer
from tests.sidecar_egress.raw_upstream import some
from tests.sidecar_egress.rig import EXAMPLE, Rig, until
from tests.sidecar_egress.test_http2_attacks import fields

HOST = f"{EXAMPLE}:%d"


class Agent:
    """One connection over HTTP/2, and what came on each of its streams."""

    def __init__(self, rig: Rig, port: int) -> None:
        self._authority = HOST % port
        self.tls: ssl.SSLSocket = rig.tunnel(EXAMPLE, port=port, alpn=["h2"])
        self.tls.settimeout(30)
        self.conn = H2Connection()
        self.conn.initiate_connection()
        self.status: dict[int, str] = {}
        self.body: dict[int, bytes] = {}
        self.ended: set[int] = set()

    def ask(self, *streams: int) -> None:
        for number in streams:
            head = fields(path=f"/{number}", authority=self._authority)
            self.conn.send_headers(number, head, end_stream=True)
        self.tls.sendall(self.conn.data_to_send())

    def until(self, done: Any) -> None:
        while not done():
            for event in self.conn.receive_data(some(self.tls)):
                self._note(event)
            self.tls.sendall(self.conn.data_to_send())

    def _note(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            self.status[event.stream_id or 0] = dict(event.headers or ())[b":status"].decode()
        elif isinstance(event, DataReceived):
            number = event.stream_id or 0
            self.body[number] = self.body.get(number, b"") + bytes(event.data or b"")
        elif isinstance(event, StreamEnded):
            self.ended.add(event.stream_id or 0)


def test_what_an_upstream_answers_already_goes_on_and_new_requests_go_elsewhere(rig: Rig) -> None:
    go_on = threading.Event()

    def says(peer: Peer, event: Event) -> None:
        if not isinstance(event, RequestReceived):
            return
        number = event.stream_id or 0
        if peer.number > 1:
            peer.answer(number, b"another")
            return
        peer.answer(number, b"begin ", end=False)
        peer.goaway(number)
        go_on.wait(30)
        peer.go_on(number, b"end")

    with Http2Upstream(rig.world.authority, EXAMPLE, says) as far:
        rig.configure(rig.route(EXAMPLE, port=far.port))
        agent = Agent(rig, far.port)
        with agent.tls:
            agent.ask(1)
            agent.until(lambda: agent.body.get(1) == b"begin ")
            agent.ask(3)
            agent.until(lambda: 3 in agent.ended)
            go_on.set()
            agent.until(lambda: 1 in agent.ended)
            assert agent.body == {1: b"begin end", 3: b"another"}
            assert far.asked == [(1, "/1"), (2, "/3")]
            until(lambda: far.open == 1, "the connection that takes nothing more to be closed")
            agent.ask(5)
            agent.until(lambda: 5 in agent.ended)
            assert far.asked[-1] == (2, "/5"), "the new one is kept"


def test_what_an_upstream_does_not_take_is_told_so(rig: Rig) -> None:
    def says(peer: Peer, event: Event) -> None:
        if isinstance(event, RequestReceived) and len(far.asked) == 3:
            peer.goaway(1)
            peer.answer(1, b"taken")

    with Http2Upstream(rig.world.authority, EXAMPLE, says) as far:
        rig.configure(rig.route(EXAMPLE, port=far.port))
        agent = Agent(rig, far.port)
        with agent.tls:
            agent.ask(1, 3, 5)
            agent.until(lambda: agent.ended >= {1, 3, 5})
        assert agent.status == {1: "200", 3: "502", 5: "502"}
        assert agent.body[1] == b"taken"
        assert b"send it again" in agent.body[3]


def test_an_upstream_that_goes_with_an_error_ends_everything(rig: Rig) -> None:
    def says(peer: Peer, event: Event) -> None:
        if isinstance(event, RequestReceived):
            peer.goaway(event.stream_id or 0, code=2)

    with Http2Upstream(rig.world.authority, EXAMPLE, says) as far:
        rig.configure(rig.route(EXAMPLE, port=far.port))
        agent = Agent(rig, far.port)
        with agent.tls:
            agent.ask(1)
            agent.until(lambda: 1 in agent.ended)
        assert agent.status == {1: "502"}


@pytest.mark.parametrize("before", [False, True])
def test_an_agent_that_asks_no_more_gets_its_answers(rig: Rig, before: bool) -> None:
    """``session.close()`` of Node says so while its requests run."""
    rig.configure(rig.route(EXAMPLE))
    agent = Agent(rig, rig.world.tls_port)
    goodbye = GoAwayFrame(0).serialize()
    with agent.tls:
        agent.tls.sendall(agent.conn.data_to_send() + (goodbye if before else b""))
        agent.ask(1)
        agent.tls.sendall(goodbye)
        agent.until(lambda: 1 in agent.ended)
    assert agent.status == {1: "404"}
