"""mitmproxy's HTTP layers with bb's answers where the originals would guess or send HTML.

What is changed, and nothing else: malformed requests and failed upstreams are answered with a
structured denial; request bodies have a limit; the body of a request that is refused already is
not kept; a single stream can be cut; heads have a size limit.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, cast

from mitmproxy import flow as mflow
from mitmproxy import http
from mitmproxy.net.http.http1 import expected_http_body_size
from mitmproxy.net.http.validate import validate_headers
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as mhttp
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http import HTTPMode, SendHttp
from mitmproxy.proxy.layers.http import _events as hevents
from mitmproxy.proxy.layers.http import _hooks as hooks
from mitmproxy.proxy.layers.http._http1 import Http1Server

from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.frames import Messages
from botbottle.sidecar.egress.options import LayerOptions
from botbottle.sidecar.egress.refusals import Refusals
from botbottle.sidecar.egress.upload import MAX_BODY, UploadRefused
from botbottle.sidecar.egress.windows import AgentHttp2, Grant, WorldClient

type Commands = Generator[commands.Command, Any, Any]

AUTHORITY = "authority_on_the_wire"  # attribute of a request object
MAX_HEAD = 256 * 1024  # bytes of a request head
MAX_AHEAD = 1024 * 1024  # bytes that a client may send before it is their turn


@dataclass
class CutStream(events.Event):
    """End the stream of this flow now, with an error towards both sides."""

    flow: http.HTTPFlow


def response_of(denial: Denial, request_id: str, *, http2: bool) -> http.Response:
    """A denial as a response object."""
    body = denial.body(request_id)
    fields = denial.headers(len(body))
    if http2:
        fields = tuple(f for f in fields if f[0] != b"connection")
    return http.Response.make(denial.status, body, fields)


class Stream(mhttp.HttpStream):
    """One request and its response."""

    def state_wait_for_request_headers(self, event: hevents.RequestHeaders) -> Commands:
        """As the original, which forgets the authority of an absolute-form request line."""
        vars(event.request)[AUTHORITY] = event.request.authority
        yield from super().state_wait_for_request_headers(event)

    def make_server_connection(self) -> Commands:
        """As the original; from here on the request may cost."""
        done = yield from super().make_server_connection()
        if done:
            _options(self).sending(self.flow)
        return done

    def flow_done(self) -> Commands:
        """As the original, with bb's WebSocket layer."""
        if self.flow.websocket is None:
            yield from super().flow_done()
            return
        self.child_layer = Messages(self.context, self.flow)
        self._handle_event = self.passthrough
        yield from self.child_layer.handle_event(events.Start())
        yield SendHttp(hevents.ResponseEndOfMessage(self.stream_id), self.context.client)

    def handle_protocol_error(
        self, event: hevents.RequestProtocolError | hevents.ResponseProtocolError
    ) -> Commands:
        """An upstream that failed before it answered becomes a structured 502."""
        if isinstance(event, hevents.ResponseProtocolError) and self._unanswered:
            self.flow.error = mflow.Error(event.message)
            yield hooks.HttpErrorHook(self.flow)
            denial = _refusals(self).upstream_failed(self.flow, event.message)
            yield from self._answer(denial)
            return
        yield from super().handle_protocol_error(event)

    @property
    def _unanswered(self) -> bool:
        errored = (self.state_errored,)
        return self.flow.response is None and self.client_state not in errored

    def check_invalid(self, request: bool) -> Commands:
        """Framing that two parsers could read differently is refused."""
        options = self.context.options
        message = self.flow.request if request else self.flow.response
        problem = ""
        if request:
            problem = (
                mhttp.validate_request(
                    self.mode, self.flow.request, options.validate_inbound_headers
                )
                or ""
            )
        else:
            try:
                validate_headers(cast(http.Message, message))
            except ValueError as error:
                problem = str(error)
        if not problem:
            return False
        if request:
            denial = _refusals(self).malformed(self.flow, problem)
        else:
            self.flow.response = None
            self.flow.error = mflow.Error(problem)
            yield commands.CloseConnection(self.flow.server_conn)
            yield hooks.HttpErrorHook(self.flow)
            denial = _refusals(self).upstream_failed(self.flow, f"upstream-protocol: {problem}")
        yield from self._answer(denial)
        return True

    def check_body_size(self, request: bool) -> Commands:
        """Requests over MAX_BODY are refused, unless they stream; responses have no limit."""
        if not request or self.flow.response is not None:
            return False
        size = len(self.request_body_buf)
        if not size:
            size = expected_http_body_size(self.flow.request) or 0
        if size <= MAX_BODY:
            return False
        if not self.request_body_buf:
            yield hooks.HttpRequestHeadersHook(self.flow)  # known now, so that no byte is read
            if self.flow.request.stream:
                return False
        denial = _refusals(self).already(self.flow) or _refusals(self).too_large(self.flow)
        yield from self._answer(denial)
        return True

    def state_stream_request_body(self, event: events.Event) -> Commands:
        """As the original, until a block of the body is refused. An empty DATA frame is nothing:
        what judges the body would take it for the end."""
        if isinstance(event, hevents.RequestData) and not event.data:
            return
        try:
            yield from super().state_stream_request_body(event)
        except UploadRefused as refused:
            denial = _refusals(self).refused(self.flow, refused.denial)
            if self._unanswered:
                code = hevents.ErrorCode.CANCEL
                cancel = hevents.RequestProtocolError(self.stream_id, "refused", code)
                yield SendHttp(cancel, self.context.server)
                yield from self._answer(denial)
            else:
                yield from self.cut()

    def state_stream_response_body(self, event: events.Event) -> Commands:
        """As the original; an empty DATA frame is nothing, as above."""
        if isinstance(event, hevents.ResponseData) and not event.data:
            return
        yield from super().state_stream_response_body(event)

    def state_consume_request_body(self, event: events.Event) -> Commands:
        """What a refused request still sends is read and forgotten."""
        if isinstance(event, hevents.RequestData) and self.flow.response is not None:
            return
        yield from super().state_consume_request_body(event)

    def _answer(self, denial: Denial) -> Commands:
        """Answer in place of the upstream and be done with the stream."""
        http2 = self.flow.request.is_http2
        response = response_of(denial, _refusals(self).request_id(self.flow), http2=http2)
        if self.client_state != self.state_done and not http2:
            response.headers["connection"] = "close"  # unread body: the framing ends here
        self.flow.response = response
        self.flow.live = False
        self.client_state = self.server_state = self.state_errored
        client = self.context.client
        yield SendHttp(hevents.ResponseHeaders(self.stream_id, response), client)
        if response.raw_content:
            yield SendHttp(hevents.ResponseData(self.stream_id, response.raw_content), client)
        yield mhttp.DropStream(self.stream_id)
        yield SendHttp(hevents.ResponseEndOfMessage(self.stream_id), client)
        if response.headers.get("connection") == "close":
            yield commands.CloseTcpConnection(client, half_close=True)

    def cut(self) -> Commands:
        """Fail the stream towards the client and cancel it towards the upstream."""
        code, sid = hevents.ErrorCode.KILL, self.stream_id
        if self.context.server in _layer_of(self).connections:
            cancel = hevents.RequestProtocolError(sid, "cut", hevents.ErrorCode.CANCEL)
            yield SendHttp(cancel, self.context.server)
        self.flow.error = mflow.Error("cut")
        told = hooks.HttpErrorHook(self.flow)
        told.blocking = False  # nothing waits for it: this is not the stream's own handler
        yield told
        yield SendHttp(hevents.ResponseProtocolError(sid, "cut", code), self.context.client)
        self.flow.live = False
        self.client_state = self.server_state = self.state_errored
        yield mhttp.DropStream(sid)


def _layer_of(stream: Stream) -> mhttp.HttpLayer:
    at = stream.context.layers.index(stream)
    return cast(mhttp.HttpLayer, stream.context.layers[at - 1])


def _options(stream: Stream) -> LayerOptions:
    return cast(LayerOptions, stream.context.options)


def _refusals(stream: Stream) -> Refusals:
    return _options(stream).refusals


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
