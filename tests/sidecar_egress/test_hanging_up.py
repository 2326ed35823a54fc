"""A refusal over HTTP/1 ends the connection: after its last byte, and before anything else that the
agent sends is taken for a request, also while what one read brought is handled in turns."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
from mitmproxy.http import Response
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import _events as hevents

from botbottle.model.route import Route
from botbottle.sidecar.egress.agent_http1 import AgentHttp1, HangUp
from botbottle.sidecar.egress.turns import Turns
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_upstream import RawUpstream, answering, some
from tests.sidecar_egress.rig import EXAMPLE
from tests.sidecar_egress.wire import HALF, WHOLE, Wire, context

CHUNK = b"1\r\nd\r\n"
MANY = 2500  # chunks of one read: a breath after every few
END = b"0\r\n\r\n"
HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nhost: x\r\n\r\n"


def refusal() -> Iterator[hevents.HttpEvent]:
    """What a stream says when it answers in place of an upstream."""
    made = Response.make(403, b"", {"connection": "close", "content-length": "4"})
    yield hevents.ResponseHeaders(1, made, end_stream=False)
    yield hevents.ResponseData(1, b"deny")
    yield hevents.ResponseEndOfMessage(1)
    yield HangUp(1)


def reading(data: bytes) -> Wire:
    """A connection of the agent that has read ``data`` and takes a breath in it."""
    where = context()
    wire = Wire(AgentHttp1(where))
    wire.say(events.Start())
    wire.say(events.DataReceived(where.client, data))
    assert wire.breaths and wire.names(1)[0] == "RequestHeaders", "positive control"
    return wire


class TestOrder:
    """Of what one connection says."""

    @pytest.mark.parametrize("after", [b"", END, END + NEXT], ids=["open", "whole", "pipelined"])
    def test_a_refusal_during_a_breath_comes_whole_and_then_the_end(self, after: bytes) -> None:
        wire = reading(HEAD + CHUNK * MANY + after)
        for event in refusal():
            wire.say(event)
        assert wire.sent == [], "it waits for the rest of the read"
        wire.breathe()
        said, ends = wire.sent[:2], wire.sent[2:]
        assert said[0].startswith(b"HTTP/1.1 403") and said[1] == b"deny"
        assert ends == ([WHOLE, HALF] if after else [HALF])
        assert not wire.names(3), "nothing behind it is a request"

    @pytest.mark.parametrize("after", [b"", END, END + NEXT], ids=["open", "whole", "pipelined"])
    def test_and_so_does_one_in_the_middle_of_what_is_read(self, after: bytes) -> None:
        where = context()
        wire = Wire(AgentHttp1(where))

        def denies(event: hevents.HttpEvent) -> Iterator[hevents.HttpEvent]:
            if isinstance(event, hevents.RequestData) and len(wire.names(1)) == 2:
                yield from refusal()

        wire.answer = denies
        wire.say(events.Start())
        wire.say(events.DataReceived(where.client, HEAD + CHUNK * MANY + after))
        wire.breathe()
        assert wire.sent[0].startswith(b"HTTP/1.1 403") and wire.sent[1:3] == [b"deny", HALF]
        assert wire.sent[3:] == ([WHOLE] if after else []) and not wire.names(3)

    def test_without_a_refusal_the_next_request_is_read(self) -> None:
        wire = reading(HEAD + CHUNK * MANY + END + NEXT)
        wire.say(hevents.ResponseHeaders(1, Response.make(204, b""), end_stream=False))
        wire.say(hevents.ResponseEndOfMessage(1))
        wire.breathe()
        assert wire.names(3) == ["RequestHeaders", "RequestEndOfMessage"] and len(wire.sent) == 1

    def test_an_agent_that_leaves_behind_its_refusal_was_answered_first(self) -> None:
        wire = reading(HEAD + CHUNK * MANY)
        for event in refusal():
            wire.say(event)
        where = wire.layer.context
        wire.say(events.ConnectionClosed(where.client))
        wire.breathe()
        assert wire.sent[0].startswith(b"HTTP/1.1 403") and wire.sent[1:3] == [b"deny", HALF]

    def test_an_agent_that_left_before_is_told_nothing_after_its_end(self) -> None:
        wire = reading(HEAD + CHUNK * MANY)
        wire.say(events.ConnectionClosed(wire.layer.context.client))
        for event in refusal():
            wire.say(event)
        wire.breathe()
        assert wire.sent[0] == WHOLE and wire.names(1)[-1] == "RequestProtocolError"


@pytest.fixture(params=["now", "in turn"])
def paced(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Inside:
    """A sidecar; one in which whatever is read and every breath waits for its turn."""
    if request.param == "in turn":
        monkeypatch.setattr(Turns, "over", property(lambda _: True))
    return inside


def everything(tls: socket.socket) -> bytes:
    got = b""
    while data := tls.recv(65536):
        got += data
    return got


def refused(got: bytes) -> str:
    """The code of the only answer in ``got``, which is whole."""
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 ") and b"connection: close" in head.lower()
    return str(json.loads(body)["code"])


def nobody() -> int:
    """A port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def post(port: int, path: str = "/") -> bytes:
    where = f"POST {path} HTTP/1.1\r\nHost: {EXAMPLE}:{port}\r\n"
    return where.encode() + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("after", [b"", END], ids=["open", "whole"])
def test_an_upload_whose_upstream_is_not_there_gets_a_whole_refusal_and_the_end(
    paced: Inside, after: bytes
) -> None:
    port = nobody()
    paced.deliver(Route(EXAMPLE, port, allow_private=True, stream_uploads=True))
    with paced.tunnel(EXAMPLE, port, "http/1.1") as tls:
        tls.sendall(post(port) + CHUNK * MANY + after)
        assert refused(everything(tls)) == "upstream"


def test_nothing_behind_a_refused_body_reaches_an_upstream(paced: Inside) -> None:
    """The refusal's connection ends; on another one the same request arrives."""
    with RawUpstream(paced.world.authority, EXAMPLE, answering(b"HTTP/1.1 204 No\r\n\r\n")) as far:
        paced.deliver(Route(EXAMPLE, far.port, allow_private=True, stream_uploads=True))
        behind = f"GET /behind HTTP/1.1\r\nHost: {EXAMPLE}:{far.port}\r\n\r\n".encode()
        with paced.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            tls.sendall(post(far.port, "/a/../b") + CHUNK * MANY + END + behind)
            assert refused(everything(tls)) == "ambiguous-path"
        with paced.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            tls.sendall(behind)
            assert some(tls).startswith(b"HTTP/1.1 204")
        assert far.received.count(b"/behind") == 1 and b"POST" not in far.received
