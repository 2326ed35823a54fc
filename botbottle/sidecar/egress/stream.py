"""One request and its response in mitmproxy's HTTP layer, with bb's answers.

What is changed, and nothing else: malformed requests and failed upstreams are answered with a
structured denial; request bodies have a limit; the body of a request that is refused already is
not kept; an empty DATA frame is nothing; the stream can be cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, cast

from mitmproxy import flow as mflow
from mitmproxy import http
from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as mhttp
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http import _events as hevents
from mitmproxy.proxy.layers.http import _hooks as hooks

from botbottle.sidecar.egress.answering import Commands
from botbottle.sidecar.egress.beginning import Beginning
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.frames import Messages
from botbottle.sidecar.egress.passing import JudgeHook, Passing, UploadRefused

_HOOK_DONE = events.HookCompleted
AUTHORITY = "authority_on_the_wire"  # attribute of a request object


class Home(Protocol):
    """The layer that a stream is in."""

    connections: dict[Connection, layer.Layer]

    def ask(self, command: commands.StartHook) -> bool:
        """Call a hook. True: it is done; otherwise HookCompleted follows."""

    def departs(self, stream: Stream, told: Callable[[], None]) -> None:
        """Call ``told`` when the head that the stream sends next leaves for its upstream."""

    def reusable(self, address: tuple[str, int], *, tls: bool) -> Server | None:
        """A connection to an upstream that can be used at once."""


@dataclass
class JudgeAnew(events.Event):
    """The request of this flow waits for its upstream, and what it was judged by has changed."""

    flow: http.HTTPFlow


class Stream(Beginning):
    """One request and its response."""

    was_cut = False
    stale = False  # to be judged anew before it leaves

    def __init__(self, context: Context, stream_id: int, home: Home) -> None:
        super().__init__(context, stream_id)
        self._home = home

    def handle_event(self, event: events.Event) -> Commands:
        """As the original, but a hook is called from here: one that is done at once, and most are,
        makes no way to the driver and back through all layers."""
        paused = self._paused
        if type(event) is JudgeAnew:
            yield from self._take_back()
            return
        if paused is None:
            yield from self._run(self._handle_event(event), None)
            return
        if not isinstance(event, events.CommandCompleted) or event.command is not paused.command:
            if not self.put_off(event):
                yield from self._leave_no_room()
            return
        self._paused = None
        if self.was_cut and self.flow.response is not None and isinstance(event, _HOOK_DONE):
            self._paused_event_queue.clear()
            return  # it was answered meanwhile: what waited for the hook is over
        yield from self._run(paused.generator, event.reply)
        while self._paused is None and self._paused_event_queue:
            yield from self._run(self._handle_event(self._paused_event_queue.popleft()), None)

    def _run(self, made: Commands, reply: Any) -> Commands:
        """Go on until a command has to be waited for."""
        while True:
            try:
                command = made.send(reply)
            except StopIteration:
                return
            reply = None
            if command.blocking is True:
                if isinstance(command, commands.StartHook) and self._home.ask(command):
                    continue
                command.blocking = self
                self._paused = layer.Paused(command, made)
                yield command
                return
            yield command

    def state_wait_for_request_headers(self, event: hevents.RequestHeaders) -> Commands:
        """As the original, which forgets the authority of an absolute-form request line."""
        vars(event.request)[AUTHORITY] = event.request.authority
        yield from super().state_wait_for_request_headers(event)

    def make_server_connection(self) -> Commands:
        """As the original, unless the stream was cut while it waited here or for a judgement: what
        goes on then ends here. What is stale by now is judged anew. From here on the request may
        cost."""
        while not self.was_cut:
            if not (self._reuse() or (yield from super().make_server_connection())):
                return False
            if not self.stale or (yield from self._judged_anew()):
                return (yield from self._may_use())
            if self.flow.response is not None:
                return False
        return False

    def _judged_anew(self) -> Commands:
        """Whether the request may leave, by the connection that it has."""
        while self.stale and not self.was_cut:
            self.stale = False
            yield hooks.HttpRequestHook(self.flow)
        denial = None if self.was_cut else self.refusals.already(self.flow)
        if denial is not None:
            yield from self._leave_unused()
            yield from self.answer(denial)
        return self.was_cut or (denial is None and self.context.server.connected)

    def _take_back(self) -> Commands:
        """Have the request judged anew: when what it waits for has come, or now, where its head
        waits for its turn."""
        self.stale = True
        if self._paused is None:
            yield from self._run(self._send_anew(), None)

    def _send_anew(self) -> Commands:
        cancel = hevents.RequestProtocolError(self.stream_id, "again", hevents.ErrorCode.CANCEL)
        yield SendHttp(cancel, self.context.server)
        if not (yield from self.make_server_connection()):
            return
        request, server = self.flow.request, self.context.server
        content, request.data.content = request.raw_content, None
        yield SendHttp(hevents.RequestHeaders(self.stream_id, request, not content), server)
        if content:
            yield SendHttp(hevents.RequestData(self.stream_id, content), server)
        yield SendHttp(hevents.RequestEndOfMessage(self.stream_id), server)

    def _reuse(self) -> bool:
        """Take a connection that is there, without asking for it through all layers."""
        request = self.flow.request
        address, tls = (request.host, request.port), request.scheme == "https"
        found = self._home.reusable(address, tls=tls)
        if found is not None:
            self.context.server = self.flow.server_conn = found
        return found is not None

    def _may_use(self) -> Commands:
        """Whether the connection is used."""
        if self.was_cut:
            yield from self._leave_unused()
        elif self.context.server.alpn == b"h2":
            self._home.departs(self, partial(self.options.sending, self.flow))
        else:
            self.options.sending(self.flow)
        return not self.was_cut

    def _leave_unused(self) -> Commands:
        """A connection that was opened for this stream alone is closed."""
        if self.context.server.alpn != b"h2":
            yield commands.CloseConnection(self.context.server)

    def flow_done(self) -> Commands:
        """As the original, with bb's WebSocket layer."""
        if self.flow.websocket is None:
            yield from super().flow_done()
            return
        self.child_layer = Messages(self.context, self.flow)
        self._handle_event = self.passthrough
        yield from self.child_layer.handle_event(events.Start())
        yield SendHttp(hevents.ResponseEndOfMessage(self.stream_id), self.context.client)

    def state_stream_request_body(self, event: events.Event) -> Commands:
        """As the original, until a block of the body is refused. An empty DATA frame is nothing:
        what judges the body would take it for the end."""
        if isinstance(event, hevents.RequestData):
            event = self._with_what_waits(event)
            if not event.data:
                return
        try:
            if isinstance(event, hevents.RequestData):
                self.find_room(len(event.data))
            yield from self._judged(event)
            if not self.was_cut:
                yield from super().state_stream_request_body(event)
        except UploadRefused as refused:
            denial = self.refusals.refused(self.flow, refused.denial)
            if self.unanswered:
                yield from self.instead(denial)
            else:
                yield from self.cut()

    def _with_what_waits(self, first: hevents.RequestData) -> hevents.RequestData:
        """All that came of the body while it waited: it is judged at once, for less."""
        pieces, queue = [first.data], self._paused_event_queue
        while queue and isinstance(queue[0], hevents.RequestData):
            pieces.append(cast(hevents.RequestData, queue.popleft()).data)
        return hevents.RequestData(first.stream_id, b"".join(pieces)) if pieces[1:] else first

    def _judged(self, event: events.Event) -> Commands:
        """Have what came of the body judged, and wait for that."""
        body = self.flow.request.stream
        if not isinstance(body, Passing) or isinstance(event, hevents.RequestTrailers):
            return
        body.take(event.data if isinstance(event, hevents.RequestData) else b"")
        while not body.judged and not self.was_cut:
            yield JudgeHook(body)

    def state_stream_response_body(self, event: events.Event) -> Commands:
        """As the original; an empty DATA frame is nothing, as above."""
        if not self.is_nothing(event):
            yield from super().state_stream_response_body(event)

    def state_consume_response_body(self, event: events.Event) -> Commands:
        """As the original, which is for responses that are held back to be judged, unless there is
        no room for what came of one."""
        if self.is_nothing(event):
            return
        if isinstance(event, hevents.ResponseData) and self.overflows(len(event.data)):
            denial = Denial("upstream", "there is no room for a response that must be judged whole")
            yield from self.instead(self.refusals.refused(self.flow, denial))
            return
        yield from super().state_consume_response_body(event)

    def state_consume_request_body(self, event: events.Event) -> Commands:
        """What a refused request still sends is read and forgotten. A body that is not as long as
        its head says, which HTTP/2 can send, would be two things to two parsers."""
        if isinstance(event, hevents.RequestData) and self.flow.response is not None:
            return
        if isinstance(event, hevents.RequestEndOfMessage) and self._other_length():
            problem = Denial("bad-request", "the body is not as long as its head says", close=True)
            yield from self.answer(self.refusals.refused(self.flow, problem))
            return
        yield from super().state_consume_request_body(event)
        if isinstance(event, hevents.RequestEndOfMessage):
            self.flow.request.data.content = None  # it left, as far as its upstream takes it

    def _other_length(self) -> bool:
        said = self.flow.request.headers.get("content-length")
        judged = self.flow.response is not None
        return not judged and said is not None and int(said) != len(self.request_body_buf)

    def _leave_no_room(self) -> Commands:
        """End a stream that waits, of which too much came."""
        denial = Denial("too-large", "there is no room for the request's body")
        self.context.options.refusals.refused(self.flow, denial)
        self._paused_event_queue.clear()
        yield from self.cut()

    def ended(self, denial: Denial | None) -> Commands:
        """Answer with the denial where nothing was answered yet; otherwise cut the stream."""
        if denial is None or not self.unanswered:
            yield from self.cut()
            return
        self.was_cut = True
        if self.context.server in self._home.connections:
            yield from self.instead(denial)
        else:
            yield from self.answer(denial)

    def cut(self) -> Commands:
        """Fail the stream towards the client and cancel it towards the upstream."""
        self.was_cut = True
        code, sid = hevents.ErrorCode.KILL, self.stream_id
        if self.context.server in self._home.connections:
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
