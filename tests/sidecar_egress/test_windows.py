"""An HTTP/2 connection knows the streams that are open, and not all that ever were."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import h2.config
import h2.connection
import pytest
from mitmproxy import http
from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.proxy import commands, events, mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import _events as hevents
from mitmproxy.proxy.layers.http._base import ReceiveHttp

from botbottle.sidecar.egress.options import LayerOptions
from botbottle.sidecar.egress.upstream import WorldHttp2
from botbottle.sidecar.egress.windows import AgentHttp2, Forgetful

MANY = 1000
HEAD = [(b":status", b"200")]


def context() -> Context:
    regular = mode_specs.ProxyMode.parse("regular")
    client = Client(peername=("", 0), sockname=("", 0), proxy_mode=regular, alpn=b"h2")
    options = LayerOptions(*cast(Any, (None, None, None)))
    made = Context(client, cast(Any, options))
    made.server = Server(address=("a.example", 443), alpn=b"h2")
    made.server.state = ConnectionState.OPEN
    return made


def asks(number: int, *, over: bool = True) -> hevents.RequestHeaders:
    request = http.Request.make("GET", f"https://a.example/{number}")
    request.data.http_version, request.data.authority = b"HTTP/2.0", b"a.example"
    request.headers.clear()
    return hevents.RequestHeaders(number, request, over)


class Talk:
    """A layer and the peer that it talks to."""

    def __init__(self, layer: Forgetful, *, client: bool) -> None:
        self.layer = layer
        config = h2.config.H2Configuration(client_side=client, header_encoding=None)
        self.peer = h2.connection.H2Connection(config)
        self.peer.initiate_connection()
        self.got: list[hevents.HttpEvent] = []
        self.tell(events.Start())

    def tell(self, event: events.Event) -> list[Any]:
        """What the peer learns of an event."""
        learnt: list[Any] = []
        for command in self.layer.handle_event(event):
            if isinstance(command, commands.SendData):
                learnt += self.peer.receive_data(command.data)
            elif isinstance(command, ReceiveHttp):
                self.got.append(command.event)
        return learnt

    def hear(self) -> list[Any]:
        """The layer reads what the peer said."""
        return self.tell(events.DataReceived(self.layer.conn, self.peer.data_to_send()))


@pytest.fixture
def world() -> Talk:
    return Talk(WorldHttp2(context()), client=False)


@pytest.fixture
def agent() -> Talk:
    return Talk(AgentHttp2(context()), client=True)


def numbers(talk: Talk) -> list[int]:
    """How much is known of streams, table by table."""
    layer = cast(WorldHttp2, talk.layer)
    return [len(layer.streams), len(layer.our_stream_id), len(layer.their_stream_id)]


def test_an_upstreams_streams_are_forgotten_when_they_are_over(world: Talk) -> None:
    for number in range(1, 2 * MANY, 2):
        world.tell(asks(number))
        world.tell(hevents.RequestEndOfMessage(number))
        world.peer.send_headers(number, HEAD, end_stream=True)
        world.hear()
    answered = [e.stream_id for e in world.got if isinstance(e, hevents.ResponseHeaders)]
    assert answered == list(range(1, 2 * MANY, 2))
    assert max(numbers(world)) <= 64


def test_those_that_were_cut_are_forgotten_as_well(world: Talk) -> None:
    for number in range(1, 2 * MANY, 2):
        world.tell(asks(number))
        code = hevents.ErrorCode.CANCEL
        world.tell(hevents.RequestProtocolError(number, "cut", code))
        world.hear()
    assert max(numbers(world)) <= 64


def test_those_that_go_on_are_known_among_many_that_are_over(world: Talk) -> None:
    world.tell(asks(1, over=False))
    for number in range(3, 2 * MANY, 2):
        world.tell(asks(number))
        world.tell(hevents.RequestEndOfMessage(number))
        world.peer.send_headers(number, HEAD, end_stream=True)
        world.hear()
    world.tell(hevents.RequestData(1, b"x"))
    learnt = world.tell(hevents.RequestEndOfMessage(1))
    assert [type(e).__name__ for e in learnt] == ["DataReceived", "StreamEnded"]
    world.peer.send_headers(1, HEAD, end_stream=True)
    world.hear()
    assert world.got[-1] == hevents.ResponseEndOfMessage(1)


def test_what_still_comes_for_one_that_is_over_begins_no_other(world: Talk) -> None:
    for number in range(1, 300, 2):
        world.tell(asks(number))
        world.tell(hevents.RequestEndOfMessage(number))
        world.peer.send_headers(number, HEAD, end_stream=True)
        world.hear()
    before = world.peer.highest_inbound_stream_id
    code = hevents.ErrorCode.CANCEL
    late = (hevents.RequestData(1, b"x"), hevents.RequestProtocolError(1, "cut", code))
    assert [world.tell(event) for event in late] == [[], []]
    assert world.peer.highest_inbound_stream_id == before


def test_a_request_that_waits_for_its_turn_keeps_its_order_and_is_not_sent_when_it_is_cut(
    world: Talk,
) -> None:
    first = range(1, 21, 2)  # as many as an upstream gets before it said how many it takes
    for number in first:
        world.tell(asks(number))
    assert world.tell(asks(21, over=False)) == []
    assert world.tell(asks(23, over=False)) == []
    world.tell(hevents.RequestData(21, b"a"))
    world.tell(hevents.RequestProtocolError(23, "cut", hevents.ErrorCode.CANCEL))
    learnt = []
    for number in first:
        world.peer.send_headers(number, HEAD, end_stream=True)
        world.tell(hevents.RequestEndOfMessage(number))
        learnt += world.hear()
    learnt += world.tell(hevents.RequestData(21, b"b"))
    paths = [dict(e.headers)[b":path"] for e in learnt if hasattr(e, "headers")]
    assert paths == [b"/21"]
    assert b"".join(e.data for e in learnt if hasattr(e, "data")) == b"ab"


def test_a_head_departs_when_it_is_sent_and_not_when_it_begins_to_wait(world: Talk) -> None:
    layer = cast(WorldHttp2, world.layer)
    gone: list[int] = []
    for number in range(1, 27, 2):  # the last three must wait
        layer.departs(number, partial(gone.append, number))
        world.tell(asks(number))
    assert gone == list(range(1, 21, 2))
    world.tell(hevents.RequestProtocolError(21, "cut", hevents.ErrorCode.CANCEL))
    world.tell(hevents.RequestProtocolError(1, "cut", hevents.ErrorCode.CANCEL))
    assert gone == [*range(1, 21, 2), 23]


def test_those_whose_turn_will_not_come_are_told(world: Talk) -> None:
    for number in range(1, 25, 2):
        world.tell(asks(number))
    world.tell(events.ConnectionClosed(world.layer.conn))
    ended = [e.stream_id for e in world.got if isinstance(e, hevents.ResponseProtocolError)]
    assert ended == list(range(1, 25, 2))


def test_the_agents_streams_are_forgotten_when_they_are_over(agent: Talk) -> None:
    fields = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a.example")]
    response = http.Response.make(200)
    response.data.http_version = b"HTTP/2.0"
    for number in range(1, 2 * MANY, 2):
        agent.peer.send_headers(number, fields, end_stream=True)
        agent.hear()
        agent.tell(hevents.ResponseHeaders(number, response, False))
        agent.tell(hevents.ResponseEndOfMessage(number))
    assert len([e for e in agent.got if isinstance(e, hevents.RequestHeaders)]) == MANY
    assert len(agent.layer.streams) <= 64
