"""mitmproxy's HTTP layers with bb's answers where the originals would guess or send HTML.

What is changed, and nothing else: a malformed head is answered with a structured denial; heads and
what is sent ahead of its turn have a size limit; upstream connections are bb's (``windows``), and
so are streams (``stream``), each of which can be cut.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, cast

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as mhttp
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http._http1 import Http1Server

from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.stream import Stream
from botbottle.sidecar.egress.windows import AgentHttp2, Grant, WorldClient

type Commands = Generator[commands.Command, Any, Any]

MAX_HEAD = 256 * 1024  # bytes of a request head
MAX_AHEAD = 1024 * 1024  # bytes that a client may send before it is their turn


@dataclass
class CutStream(events.Event):
    """End the stream of this flow now, with an error towards both sides."""

    flow: http.HTTPFlow


class AgentHttp1(Http1Server):
    """HTTP/1 towards the agent."""

    def _handle_event(self, event: events.Event) -> Commands:
        """As the original, but what is sent ahead of its turn is not kept without bound."""
        yield from super()._handle_event(event)
        if len(self.buf) > MAX_AHEAD and self.state != self.passthrough:
            self.state = self.done
            self.buf.maybe_extract_at_most(len(self.buf))
            yield commands.CloseConnection(self.conn)

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        """As the original, with a limit on the head and a JSON answer to a malformed one.

        The only thing the original itself sends from here is its HTML page for a malformed head.
        """
        if len(self.buf) > MAX_HEAD:
            yield commands.SendData(self.conn, _MALFORMED)
            yield commands.CloseConnection(self.conn)
            self.state = self.done
            return
        for command in super().read_headers(event):
            if isinstance(command, commands.SendData):
                command = commands.SendData(self.conn, _MALFORMED)  # noqa: PLW2901
            yield command


def _assemble_malformed() -> bytes:
    denial = Denial("bad-request", "the request is not well-formed HTTP", close=True)
    body = denial.body()
    head = b"HTTP/1.1 400 Bad Request\r\n"
    return head + b"".join(b"%b: %b\r\n" % f for f in denial.headers(len(body))) + b"\r\n" + body


_MALFORMED = _assemble_malformed()


class Http(mhttp.HttpLayer):
    """All requests of one client connection, or of one tunnel in it."""

    def __init__(self, context: Context, mode: HTTPMode) -> None:
        super().__init__(context, mode)

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, CutStream):
            yield from self._cut(event)
            return
        if isinstance(event, Grant):
            yield from self.event_to_child(self.connections[event.connection], event)
            return
        if isinstance(event, events.Start):
            kind = AgentHttp2 if self.context.client.alpn == b"h2" else AgentHttp1
            self.connections[self.context.client] = kind(self.context.fork())
        yield from super()._handle_event(event)

    def event_to_child(self, child: layer.Layer, event: events.Event) -> Commands:
        """As the original; a new upstream connection gets windows that are kept to."""
        if isinstance(event, events.Start) and isinstance(child, tls.ServerTLSLayer):
            before = child.child_layer
            before.context.layers.remove(before)
            child.child_layer = WorldClient(before.context)
        return super().event_to_child(child, event)

    def make_stream(self, stream_id: int) -> Commands:
        """As the original, with bb's stream."""
        self.streams[stream_id] = Stream(self.context.fork(), stream_id)
        yield from self.event_to_child(self.streams[stream_id], events.Start())

    def tunnel(self) -> layer.Layer | None:
        """What is inside an open CONNECT tunnel, once all that is outside only passes bytes on."""
        client = self.context.client
        outside = cast(AgentHttp1, self.connections[client])
        if len(self.connections) > 1 or len(self.streams) != 1 or outside.buf:
            return None
        (stream,) = self.streams.values()
        settled = (
            outside.state == outside.passthrough and stream._handle_event == stream.passthrough
        )
        return stream.child_layer if settled else None

    def _cut(self, event: CutStream) -> Commands:
        for stream in list(self.streams.values()):
            if getattr(stream, "flow", None) is event.flow:
                yield from self._route(stream, cast(Stream, stream).cut())
            elif self.mode is HTTPMode.regular and stream.child_layer is not None:
                # A tunnel: the stream may be inside.
                yield from self.event_to_child(stream, event)

    def _route(self, stream: layer.Layer, made: Commands) -> Commands:
        """Treat commands as if the stream's own event handler had given them."""
        yield from self.event_to_child(cast(Any, _Once(stream, made)), events.Start())


class _Once:
    """A child whose next event handler gives prepared commands."""

    def __init__(self, stream: layer.Layer, made: Commands) -> None:
        self._stream, self._made = stream, made

    def handle_event(self, _event: events.Event) -> Commands:
        return self._made
