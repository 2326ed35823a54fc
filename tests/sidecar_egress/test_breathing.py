"""What is said to a connection's layer while it takes a breath keeps its place, and is answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from mitmproxy.http import Request, Response
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import _events as hevents

from botbottle.sidecar.egress.agent_http1 import MAX_HEAD, AgentHttp1
from botbottle.sidecar.egress.turns import READ
from botbottle.sidecar.egress.upstream import WorldHttp2
from botbottle.sidecar.egress.windows import AgentHttp2
from tests.sidecar_egress.wire import Wire, context

PSEUDO = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"x"), (b":path", b"/")]
MANY = 60  # frames of one read: more than one goes between two breaths


def response(stream: int) -> hevents.ResponseHeaders:
    made = Response.make(200, b"")
    made.headers["content-length"] = "5"
    return hevents.ResponseHeaders(stream, made, end_stream=False)


def peer(client: bool) -> H2Connection:
    made = H2Connection(H2Configuration(client_side=client, header_encoding=None))
    made.initiate_connection()
    return made


def agent_h2() -> tuple[Wire, H2Connection, Context]:
    where, agent = context(), peer(client=True)
    wire = Wire(AgentHttp2(where))
    wire.say(events.Start())
    wire.say(events.DataReceived(where.client, agent.data_to_send()))
    for data in wire.sent:
        agent.receive_data(data)
    wire.sent.clear()
    return wire, agent, where


def answered_early(wire: Wire, where: Context, data: bytes) -> None:
    """The upstream's answer comes while the request is read; its end when that ends."""

    def ends(event: hevents.HttpEvent) -> Iterator[hevents.HttpEvent]:
        if isinstance(event, hevents.RequestEndOfMessage):
            yield hevents.ResponseEndOfMessage(1)

    wire.answer = ends
    wire.say(events.DataReceived(where.client, data))
    assert wire.breaths, "positive control: it takes a breath"
    wire.say(response(1))
    wire.say(hevents.ResponseData(1, b"hello"))
    wire.breathe()


def test_the_end_of_an_answer_overtakes_nothing_over_http2() -> None:
    wire, agent, where = agent_h2()
    agent.data_to_send()
    agent.send_headers(1, PSEUDO)
    for _ in range(MANY):
        agent.send_data(1, b"d" * 30)
    agent.end_stream(1)
    answered_early(wire, where, agent.data_to_send())
    seen = [type(e).__name__ for data in wire.sent for e in agent.receive_data(data)]
    assert seen[:2] == ["ResponseReceived", "DataReceived"] and seen[-1] == "StreamEnded"


def test_nor_over_http1() -> None:
    where = context()
    wire = Wire(AgentHttp1(where))
    wire.say(events.Start())
    body = b"".join(b"1e\r\n%b\r\n" % (b"d" * 30) for _ in range(MANY)) + b"0\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    answered_early(wire, where, head + body)
    assert b"".join(wire.sent).endswith(b"\r\n\r\nhello")


def test_a_request_for_an_upstream_that_closes_while_it_breathes_is_answered() -> None:
    where, upstream = context(), peer(client=False)
    wire = Wire(WorldHttp2(where))

    def request(stream: int) -> hevents.RequestHeaders:
        made = Request.make("GET", "https://x/")
        made.http_version, made.authority = "HTTP/2.0", "x"
        return hevents.RequestHeaders(stream, made, end_stream=True)

    wire.say(events.Start())
    wire.say(events.DataReceived(where.server, upstream.data_to_send()))
    wire.say(request(1))
    for data in wire.sent:
        upstream.receive_data(data)
    upstream.send_headers(1, [(b":status", b"200")])
    for _ in range(MANY):
        upstream.send_data(1, b"y" * 20)
    upstream.end_stream(1)
    upstream.close_connection()
    wire.say(events.DataReceived(where.server, upstream.data_to_send()))
    assert wire.breaths, "positive control: it has not seen the end of the connection"
    wire.say(request(3))
    wire.breathe()
    assert wire.names(3) == ["ResponseProtocolError"]
    assert wire.names(1)[-1] == "ResponseEndOfMessage"


@pytest.mark.parametrize("known", [10, 63, 64])
def test_an_agents_cancel_is_told_though_another_stream_was_answered_in_between(known: int) -> None:
    """h2 has read the whole batch when the first of it is told."""
    wire, agent, where = agent_h2()
    for number in range(known):
        agent.send_headers(2 * number + 1, PSEUDO, end_stream=True)
        wire.say(events.DataReceived(where.client, agent.data_to_send()))
    last = 2 * known + 1

    def denied(event: hevents.HttpEvent) -> Iterator[hevents.HttpEvent]:
        if isinstance(event, hevents.RequestHeaders) and event.stream_id == last:
            yield hevents.ResponseHeaders(last, Response.make(403, b""), end_stream=True)

    wire.answer = denied
    agent.send_headers(last, PSEUDO, end_stream=True)
    agent.reset_stream(1)
    wire.say(events.DataReceived(where.client, agent.data_to_send()))
    assert wire.names(1)[-1] == "RequestProtocolError"
    assert wire.names(last) == ["RequestHeaders", "RequestEndOfMessage"]


@pytest.mark.parametrize("first", [1, 1400])
def test_a_body_behind_a_head_in_two_reads_is_no_part_of_the_head(first: int) -> None:
    where = context()
    wire = Wire(AgentHttp1(where))
    wire.say(events.Start())
    head = b"POST / HTTP/1.1\r\nhost: x\r\nx: %b\r\ncontent-length: 5000000\r\n\r\n" % (b"j" * 1500)
    data = head + b"x" * READ
    wire.say(events.DataReceived(where.client, data[:first]))
    wire.say(events.DataReceived(where.client, data[first : first + READ]))
    assert wire.sent == [] and wire.names(1)[0] == "RequestHeaders"


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_a_head_that_is_too_large_is_refused_with_and_without_an_end(end: bytes) -> None:
    where = context()
    wire = Wire(AgentHttp1(where))
    wire.say(events.Start())
    head = b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"j" * MAX_HEAD + end
    for at in range(0, len(head), READ):
        wire.say(events.DataReceived(where.client, head[at : at + READ]))
    assert wire.sent[0].startswith(b"HTTP/1.1 400") and wire.told == []
