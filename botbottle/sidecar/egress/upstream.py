"""Connections to upstreams: HTTP/2 or HTTP/1 as both sides agreed, and the TLS around them until
their links take it over."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as mhttp
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http import _events as hevents
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._http2 import Http2Client

from botbottle.sidecar.egress.channel import STEP
from botbottle.sidecar.egress.upstream_http1 import PacedHttp1
from botbottle.sidecar.egress.windows import Forgetful, Grant, Windowed

type Commands = Generator[commands.Command, Any, Any]

_NOT_SENT = "the upstream closed before it took the request; send it again"
_FAILED = Http2Client.ReceiveProtocolError.code
WORLD_WINDOW = 2 * 1024 * 1024  # bytes of a stream from an upstream, which may be far


class WorldHttp2(Forgetful, Http2Client):
    """HTTP/2 towards an upstream."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.h2_conn = Windowed(self.h2_conf, WORLD_WINDOW)
        self.h2_conn.local_settings.enable_push = 0
        self.h2_conn.local_settings.acknowledge()
        self._leaving: dict[int, Callable[[], None]] = {}
        self._stranded: list[int] = []  # streams whose turn will not come

    def last(self, stream_id: int) -> Commands:
        """The upstream is about to close (RFC 9113, 6.8): what it takes goes on here, what it does
        not is told so, and new requests go by another connection, as if this one were closed to
        them."""
        self.conn.state &= ~ConnectionState.CAN_WRITE
        self._stranded += self.stream_queue
        self.stream_queue.clear()
        self._leaving.clear()
        for ours in [s for s in self.streams if s > stream_id]:
            del self.streams[ours]
            self._stranded.append(self.outside(ours))
        yield from ()

    @property
    def _ends(self) -> bool:
        """Whether the upstream takes no more requests."""
        return self.conn.state is ConnectionState.CAN_READ

    def departs(self, stream_id: int, told: Callable[[], None]) -> None:
        """Call ``told`` when the head that comes next, of this stream, leaves: now, or when it is
        its turn (RFC 9113, 5.1.2)."""
        agreed = self.h2_conn.remote_settings.max_concurrent_streams
        if self.h2_conn.open_outbound_streams >= (self.provisional_max_concurrency or agreed):
            self._leaving[stream_id] = told
        else:
            told()

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, Grant):
            if update := self.h2_conn.grant(event.streams):
                yield commands.SendData(self.conn, update)
        elif not isinstance(event, hevents.HttpEvent) or self._goes_on(event):
            yield from super()._handle_event(event)
            self.forget_after(event)
            if self._ends and not self.streams:
                yield from self.close_connection("the upstream takes no more requests")
        while self._stranded:
            error = hevents.ResponseProtocolError(self._stranded.pop(0), _NOT_SENT, _FAILED)
            yield ReceiveHttp(error)

    def _handle_event2(self, event: events.Event) -> Commands:
        if self._leaving and isinstance(event, hevents.RequestHeaders):
            self._leaving.pop(self.outside(event.stream_id), _nobody)()
        yield from super()._handle_event2(event)

    def close_connection(self, msg: str) -> Commands:
        """As the original, which leaves those that wait for their turn waiting."""
        self._stranded += self.stream_queue
        self.stream_queue.clear()
        self._leaving.clear()
        yield from super().close_connection(msg)

    def done(self, event: events.Event) -> Commands:
        """As the original; a head that came while the connection had more to read is answered."""
        if isinstance(event, hevents.RequestHeaders):
            yield ReceiveHttp(hevents.ResponseProtocolError(event.stream_id, _NOT_SENT, _FAILED))
        yield from super().done(event)

    def _goes_on(self, event: hevents.HttpEvent) -> bool:
        """Whether an event is for the peer now. The original takes any of a stream that it does not
        know for the beginning of one: what follows a head that waits for its turn must wait behind
        it, one that is cut there is never sent, and for one that is over there is nothing to do."""
        number = event.stream_id
        if isinstance(event, hevents.RequestHeaders) and self._ends:
            self._stranded.append(number)
            return False
        if number in self.our_stream_id or isinstance(event, hevents.RequestHeaders):
            return True
        if number in self.stream_queue:
            if isinstance(event, hevents.RequestProtocolError):
                del self.stream_queue[number]
                self._leaving.pop(number, None)
            else:
                self.stream_queue[number].append(event)
        return False

    def waiting(self) -> int:
        """Bytes that wait here, for their windows or for their turn."""
        queued = (event for events_ in self.stream_queue.values() for event in events_)
        turn = sum(len(e.data) for e in queued if isinstance(e, hevents.RequestData))
        return turn + self.h2_conn.kept_of_all()

    def taken(self) -> dict[int, tuple[str, int]]:
        """Of each stream that waits for its window: what waits, and how much was taken of it."""
        buffers = self.h2_conn.buffers.items()
        waiting = ((self.outside(ours), each) for ours, each in buffers if each.size)
        return {number: (f"window {id(each)}", each.left) for number, each in waiting}

    def known(self) -> Mapping[int, object]:
        """As above; the original forgets in ``streams``, and not in its table of numbers."""
        return self.their_stream_id

    def forgotten(self, stream_id: int) -> None:
        """Nothing will come of it, nor go there."""
        self.our_stream_id.pop(self.their_stream_id.pop(stream_id, 0), None)

    def outside(self, stream_id: int) -> int:
        """The number that the other layers know a stream of this connection by; 0 for none."""
        return self.their_stream_id.get(stream_id, 0)

    def keeps(self, stream_id: int) -> bool:
        """Whether something of a stream waits here, for its window or for its turn."""
        ours = self.our_stream_id.get(stream_id, 0)
        return stream_id in self.stream_queue or bool(self.h2_conn.stream_buffers.get(ours))


class WorldClient(mhttp.HttpClient):
    """A connection to an upstream: HTTP/2 as above where both agreed on it."""

    def _handle_event(self, event: events.Event) -> Commands:
        server = self.context.server
        error = None if server.connected else (yield commands.OpenConnection(server))
        if not error:
            kind = WorldHttp2 if server.alpn == b"h2" else PacedHttp1
            self.child_layer = kind(self.context)
            self._handle_event = self.child_layer.handle_event  # type: ignore[method-assign]
            yield from self.child_layer.handle_event(event)
        yield mhttp.RegisterHttpConnection(server, error)


class WorldTls(tls.ServerTLSLayer):
    """TLS of a new connection to an upstream, until its link takes it over."""

    def send_data(self, data: bytes) -> Commands:
        """As the original, in steps: the first request is sent here, whatever its size."""
        for at in range(0, len(data), STEP):
            yield from super().send_data(data[at : at + STEP])


def bottom(outer: layer.Layer) -> layer.Layer:
    """The layer that speaks HTTP on a connection, inside those around it."""
    while (below := getattr(outer, "child_layer", None)) is not None:
        outer = below
    return outer


def _nobody() -> None:
    """Nobody waits to be told."""
