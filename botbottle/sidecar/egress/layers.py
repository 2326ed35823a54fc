"""mitmproxy's HTTP layers with bb's answers where the originals would guess or send HTML.

What is changed, and nothing else: connections are bb's, to the agent (``agent_http1``, ``windows``)
and to upstreams (``upstream``), and so are streams (``stream``), each of which can be cut.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, cast

from mitmproxy import http
from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as mhttp
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http import HTTPMode, SendHttp
from mitmproxy.proxy.layers.http import _events as hevents
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.tunnel import TunnelState

from botbottle.sidecar.egress.agent_http1 import AgentHttp1, HangUp
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.stream import JudgeAnew, Stream
from botbottle.sidecar.egress.upstream import WorldClient, WorldHttp2, WorldTls, bottom
from botbottle.sidecar.egress.windows import AgentHttp2, Grant

type _Running = tuple[layer.Layer, Iterator[commands.Command]]
type Commands = Generator[commands.Command, Any, Any]

_OF_CONNECTIONS = (Grant, events.ConnectionEvent)


@dataclass
class CutStream(events.Event):
    """End the stream of this flow now, with an error towards both sides, or, where nothing was
    answered yet, with the denial."""

    flow: http.HTTPFlow
    denial: Denial | None = None


class Http(mhttp.HttpLayer):
    """All requests of one client connection, or of one tunnel in it."""

    def __init__(
        self, context: Context, mode: HTTPMode, ask: Callable[[commands.StartHook], bool]
    ) -> None:
        super().__init__(context, mode)
        self.ask = ask  # calls a hook; whether it is done already

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, CutStream | JudgeAnew):
            yield from self._to_stream(event)
            return
        if isinstance(event, _OF_CONNECTIONS):
            if (told := self.connections.get(event.connection)) is not None:
                yield from self.event_to_child(told, event)
            return
        if isinstance(event, events.Start):
            kind = AgentHttp2 if self.context.client.alpn == b"h2" else AgentHttp1
            self.connections[self.context.client] = kind(self.context.fork())
        yield from super()._handle_event(event)

    def event_to_child(self, child: layer.Layer, event: events.Event) -> Commands:
        """As the original, with a stack in the place of a generator in a generator for each step
        from a connection to a stream and on to the other connection. A new upstream connection
        gets windows that are kept to."""
        if isinstance(event, events.Start) and isinstance(child, tls.ServerTLSLayer):
            before = child.child_layer
            before.context.layers.remove(before)
            child.child_layer = WorldClient(before.context)
            child.__class__ = WorldTls  # the original makes its own without asking
        stack: list[_Running] = [(child, iter(child.handle_event(event)))]
        while stack:
            source, made = stack[-1]
            for command in made:
                if isinstance(command, SendHttp | ReceiveHttp):
                    if (aim := self._aim(command)) is not None:
                        stack.append((aim, iter(aim.handle_event(command.event))))
                        break
                else:
                    yield from self._outward(source, command)
            else:
                stack.pop()

    def _aim(self, command: SendHttp | ReceiveHttp) -> layer.Layer | None:
        """The layer that a command is for; None where a stream or a connection is over already."""
        if isinstance(command, SendHttp):
            return self.connections.get(command.connection)
        event = command.event
        if isinstance(event, hevents.RequestHeaders):
            self._begin(event.stream_id)
        return self.streams.get(event.stream_id)

    def _outward(self, source: layer.Layer, command: commands.Command) -> Commands:
        """What is not between the layers in here."""
        if command.blocking or isinstance(command, commands.RequestWakeup):
            self.command_sources[command] = source
        if isinstance(command, mhttp.DropStream):
            self.streams.pop(command.stream_id, None)
        elif isinstance(command, mhttp.GetHttpConnection):
            yield from self.get_connection(command)
        elif isinstance(command, mhttp.RegisterHttpConnection):
            yield from self.register_connection(command)
        elif isinstance(command, commands.CloseTcpConnection) and isinstance(source, Stream):
            talks = self.connections[command.connection]
            yield from self.event_to_child(talks, HangUp(source.stream_id))
        else:
            if isinstance(command, commands.OpenConnection):
                self.connections[command.connection] = source
            yield command

    @property
    def ahead(self) -> int:
        """Bytes of HTTP/1 that came before their turn, or of a head that is not whole."""
        talks = self.connections.get(self.context.client)
        return len(talks.buf) if isinstance(talks, AgentHttp1) else 0

    def _begin(self, stream_id: int) -> None:
        """As the original's make_stream, with bb's stream."""
        stream = self.streams[stream_id] = Stream(forked(self.context), stream_id, self)
        stream.client_state = stream.state_wait_for_request_headers

    def forget(self, connection: Connection) -> None:
        """A connection to an upstream is over, or was never made. The original knows it, its TLS
        and its error as long as the agent's lasts, and asks nobody again after an error."""
        if connection not in self.waiting_for_establishment:
            self.connections.pop(connection, None)

    def reusable(self, address: tuple[str, int], *, tls: bool) -> Server | None:
        """A connection that get_connection would give at once."""
        for found in self.connections:
            if isinstance(found, Server) and found.address == address and found.tls == tls:
                if found in self.waiting_for_establishment or found.error:
                    return None
                mixed = self.context.client.alpn == b"h2" and found.alpn != b"h2"
                if found.connected and not mixed:
                    return found
        return None

    def departs(self, stream: Stream, told: Callable[[], None]) -> None:
        """Call ``told`` when the head that the stream sends next leaves for its upstream, where it
        may have to wait for its turn."""
        outer = self.connections.get(stream.context.server)
        talks = bottom(outer) if outer is not None else None
        if isinstance(talks, WorldHttp2):
            talks.departs(stream.stream_id, told)
        else:
            told()

    def without_tls(self, connection: Connection) -> Any:
        """The TLS of a connection whose layers have done their part, which are left out from now
        on; None while they have not."""
        if connection is self.context.client:
            return next(
                (_idle(x) for x in self.context.layers if isinstance(x, tls.TLSLayer)), None
            )
        outer = self.connections.get(connection)
        if not isinstance(outer, tls.ServerTLSLayer) or (found := _idle(outer)) is None:
            return None
        inner = getattr(outer.child_layer, "child_layer", None)
        if inner is None or outer.child_layer._paused is not None:
            return None
        self.connections[connection] = inner
        for command, source in self.command_sources.items():
            if source is outer:
                self.command_sources[command] = inner
        return found

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

    def _to_stream(self, event: CutStream | JudgeAnew) -> Commands:
        for stream in list(self.streams.values()):
            if getattr(stream, "flow", None) is event.flow:
                if isinstance(event, JudgeAnew):
                    yield from self.event_to_child(stream, event)
                else:
                    yield from self._route(stream, cast(Stream, stream).ended(event.denial))
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


def forked(context: Context) -> Context:
    """As the original's fork, without the server connection that it makes and throws away."""
    made = object.__new__(Context)
    made.client, made.options, made.server = context.client, context.options, context.server
    made.layers = context.layers.copy()
    return made


def _idle(layer_: tls.TLSLayer) -> Any:
    """The TLS object of a layer in which nothing waits; None: it is still needed."""
    busy = layer_._paused is not None or layer_._event_queue or layer_.command_to_reply_to
    below = layer_.child_layer
    undecided = isinstance(below, layer.NextLayer) and (below.layer is None or below._paused)
    settled = layer_.tunnel_state is TunnelState.OPEN and not busy and not undecided
    return layer_.tls if settled else None
