"""HTTP/2 whose peer may send no more than what can be passed on.

mitmproxy's connections grant 2 GiB of flow-control window and give every byte back as it comes, so
whatever one side cannot take is kept here. These have windows of ordinary size per stream
(RFC 9113, 5.2), and give them back only when asked to. The window of the whole connection stays
open: one stream that waits must not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.stream import StreamState
from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as mhttp
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http import _events as hevents
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._http2 import Http2Client, Http2Connection, Http2Server
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

from botbottle.sidecar.egress.channel import STEP
from botbottle.sidecar.egress.kept import Buffers
from botbottle.sidecar.egress.portions import portions
from botbottle.sidecar.egress.turns import FEW, Breath, many, paced, waits
from botbottle.sidecar.egress.upstream_http1 import WorldHttp1

type Commands = Generator[commands.Command, Any, Any]

AGENT_WINDOW = 256 * 1024  # bytes of a stream from the agent, which is near
WORLD_WINDOW = 2 * 1024 * 1024  # bytes of a stream from an upstream, which may be far
DENIED = "x-botbottle-denied"  # header of an answer that is the sidecar's own
FIELDS = 32 * 1024  # bytes of a head from the agent, as RFC 9113, 10.5.1 counts them
TABLE = 4096  # bytes of the header table (RFC 7541, 4.2): a peer may ask for 4 GiB
_WHOLE = 1024 * 1024  # bytes after which the connection's window is filled up again
_FEW = 64  # streams; more are looked through for those that are over
_RECEIVING = (StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL)


@dataclass(unsafe_hash=True)
class Grant(events.Event):
    """Let the peer of ``connection`` send as much as it did, on these streams of it."""

    connection: Connection
    streams: tuple[int, ...]


class Windowed(BufferedH2Connection):
    """``owed``: stream → bytes that came and were not given back."""

    def __init__(self, config: H2Configuration, window: int) -> None:
        super().__init__(config)
        self.local_settings.initial_window_size = window
        self.local_settings.acknowledge()
        self.buffers = Buffers()
        self.stream_buffers = cast(Any, self.buffers)
        self.owed: dict[int, int] = {}
        self._least = window // 4  # bytes worth a frame
        self._whole = 0

    def receive_data(self, data: bytes) -> Any:
        """As the original; the table for headers that are sent stays small."""
        found = super().receive_data(data)
        if self.encoder.header_table_size > TABLE:
            self.encoder.header_table_size = TABLE
        return found

    def acknowledge_received_data(self, acknowledged_size: int, stream_id: int) -> None:
        """Note what came; the stream's window stays as it is."""
        if acknowledged_size:
            self.owed[stream_id] = self.owed.get(stream_id, 0) + acknowledged_size
            self._whole += acknowledged_size
        if self._whole >= _WHOLE:
            self.increment_flow_control_window(self._whole)
            self._whole = 0

    def due(self) -> list[int]:
        """Streams that are owed enough to tell; ended ones are forgotten."""
        for stream_id in [s for s in self.owed if not self._receives(s)]:
            del self.owed[stream_id]
        return [s for s, size in self.owed.items() if size >= self._least]

    def _receives(self, stream_id: int) -> bool:
        stream = self.streams.get(stream_id)
        return stream is not None and stream.state_machine.state in _RECEIVING

    def kept(self, stream_id: int) -> int:
        """Bytes of a stream that wait here for its window."""
        pieces = self.buffers.get(stream_id)
        return pieces.size if pieces is not None else 0

    def kept_of_all(self) -> int:
        """Bytes of all streams that wait here for a window."""
        return self.buffers.size

    def grant(self, streams: tuple[int, ...]) -> bytes:
        """Give the windows of these streams back; returns what to send."""
        for stream_id in streams:
            if self._receives(stream_id) and (size := self.owed.pop(stream_id, 0)):
                self.increment_flow_control_window(size, stream_id)
        return bytes(self.data_to_send() or b"")


class Forgetful(Http2Connection):
    """Forgets streams that are over. mitmproxy knows them by their numbers as long as the
    connection lasts. They are looked for whenever there are twice as many as were left, so a
    stream costs a few looks."""

    h2_conn: Windowed
    _most = _FEW

    def handle_event(self, event: events.Event) -> Commands:
        """As the original; what waited for a breath comes before what is said after it."""
        if not waits(self, event):
            yield from super().handle_event(event)

    def _handle_event(self, event: events.Event) -> Commands:
        """As the original; of many frames that came together, so many at a time."""
        if not many(event):
            yield from super()._handle_event(event)
            return
        data = cast(events.DataReceived, event).data
        parts = portions(cast(Any, self.h2_conn.incoming_buffer), data)
        yield from super()._handle_event(events.DataReceived(self.conn, next(parts)))
        for part in parts:
            yield Breath()
            if self._handle_event == self.done:
                return
            yield from super()._handle_event(events.DataReceived(self.conn, part))

    def forget_after(self, event: events.Event) -> None:
        """Only when all that came together was told: an answer may be given in between, and a
        stream whose end is still to be told is over for h2 already."""
        if isinstance(event, events.DataReceived):
            self.forget()

    def forget(self) -> None:
        """Forget what is over, now and then."""
        known = self.known()
        if len(known) < self._most:
            return
        for stream_id in [s for s in known if self.is_closed(s)]:
            self.streams.pop(stream_id, None)
            self.h2_conn.stream_trailers.pop(stream_id, None)
            self.forgotten(stream_id)
        self._most = max(_FEW, 2 * len(known))

    def known(self) -> Mapping[int, object]:
        """All streams that are known by their numbers."""
        return self.streams

    def forgotten(self, stream_id: int) -> None:
        """A stream of this connection is over."""


class AgentHttp2(Forgetful, Http2Server):
    """HTTP/2 towards the agent."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.h2_conn = Windowed(self.h2_conf, AGENT_WINDOW)
        self.h2_conn.local_settings.max_header_list_size = FIELDS
        self.h2_conn.local_settings.acknowledge()
        self.h2_conn.decoder.max_header_list_size = FIELDS
        self._denied: set[int] = set()  # streams of which nothing more is wanted

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, Grant):
            if update := self.h2_conn.grant(event.streams):
                yield commands.SendData(self.conn, update)
            return
        if isinstance(event, hevents.ResponseHeaders) and DENIED in event.response.headers:
            self._denied.add(event.stream_id)
        yield from super()._handle_event(event)
        if isinstance(event, hevents.ResponseEndOfMessage) and event.stream_id in self._denied:
            yield from self._stop(event.stream_id)
        self.forget_after(event)

    def _stop(self, stream_id: int) -> Commands:
        """Tell the agent that the rest of a refused request is not wanted (RFC 9113, 8.1), unless
        it takes its answer too slowly: the end of the answer would be lost."""
        self._denied.discard(stream_id)
        if self.h2_conn._receives(stream_id) and not self.keeps(stream_id):
            self.h2_conn.reset_stream(stream_id, ErrorCodes.NO_ERROR)
            self.streams.pop(stream_id, None)
            yield commands.SendData(self.conn, self.h2_conn.data_to_send())

    def forgotten(self, stream_id: int) -> None:
        """Nothing more is said on it."""
        self._denied.discard(stream_id)

    def outside(self, stream_id: int) -> int:
        """The number that the other layers know a stream of this connection by."""
        return stream_id

    def keeps(self, stream_id: int) -> bool:
        """Whether something of a stream waits here for its window."""
        return bool(self.h2_conn.stream_buffers.get(stream_id))


class WorldHttp2(Forgetful, Http2Client):
    """HTTP/2 towards an upstream."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.h2_conn = Windowed(self.h2_conf, WORLD_WINDOW)
        self.h2_conn.local_settings.enable_push = 0
        self.h2_conn.local_settings.acknowledge()
        self._leaving: dict[int, Callable[[], None]] = {}
        self._stranded: list[int] = []  # streams whose turn will not come

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
        while self._stranded:
            said, code = "the connection closed before its turn", self.ReceiveProtocolError.code
            error = hevents.ResponseProtocolError(self._stranded.pop(0), said, code)
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
            said, code = "the connection closed before its turn", self.ReceiveProtocolError.code
            yield ReceiveHttp(hevents.ResponseProtocolError(event.stream_id, said, code))
        yield from super().done(event)

    def _goes_on(self, event: hevents.HttpEvent) -> bool:
        """Whether an event is for the peer now. The original takes any of a stream that it does not
        know for the beginning of one: what follows a head that waits for its turn must wait behind
        it, one that is cut there is never sent, and for one that is over there is nothing to do."""
        number = event.stream_id
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


class PacedHttp1(WorldHttp1):
    """HTTP/1 towards an upstream, so much at a time."""

    _passed_over = 0  # informational heads, of which nobody hears

    def _handle_event(self, event: events.Event) -> Commands:
        made = super()._handle_event(event)
        yield from paced(made) if many(event) else made

    def _head(self, event: events.ConnectionEvent) -> Generator[commands.Command, Any, bool]:
        informational = yield from super()._head(event)
        if informational:
            self._passed_over += 1
            if self._passed_over % FEW == 0:
                yield Breath()
        return informational


def _nobody() -> None:
    """Nobody waits to be told."""


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
