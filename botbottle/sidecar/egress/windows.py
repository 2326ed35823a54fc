"""HTTP/2 whose peer may send no more than what can be passed on.

mitmproxy's connections grant 2 GiB of flow-control window and give every byte back as it comes, so
whatever one side cannot take is kept here. These have windows of ordinary size per stream
(RFC 9113, 5.2), and give them back only when asked to. The window of the whole connection stays
open: one stream that waits must not stop the others.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event
from h2.stream import StreamState
from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import _events as hevents
from mitmproxy.proxy.layers.http._http2 import Http2Connection, Http2Server
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

from botbottle.sidecar.egress.denial import DENIED
from botbottle.sidecar.egress.kept import Buffers
from botbottle.sidecar.egress.portions import portions
from botbottle.sidecar.egress.turns import Breath, many, waits
from botbottle.sidecar.egress.upload import MAX_BODY

type Commands = Generator[commands.Command, Any, Any]

AGENT_WINDOW = 256 * 1024  # bytes of a stream from the agent, which is near
FIELDS = 32 * 1024  # bytes of a head from the agent, as RFC 9113, 10.5.1 counts them
TABLE = 4096  # bytes of the header table (RFC 7541, 4.2): a peer may ask for 4 GiB
LINGERING = 8  # refused requests of a connection whose bodies may still come
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

    def _receive_goaway_frame(self, frame: Any) -> tuple[list[Any], list[Event]]:
        """As the original, which takes every GOAWAY for the end of all streams. One without an
        error ends none that is open (RFC 9113, 6.8)."""
        if frame.error_code != ErrorCodes.NO_ERROR:
            return super()._receive_goaway_frame(frame)
        told = ConnectionTerminated()
        told.error_code, told.last_stream_id = ErrorCodes.NO_ERROR, frame.last_stream_id
        return [], [told]

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

    def handle_h2_event(self, event: Event) -> Generator[commands.Command, Any, bool]:
        """As the original, but a peer that only wants no more streams is no peer that is gone."""
        if isinstance(event, ConnectionTerminated) and event.error_code == ErrorCodes.NO_ERROR:
            yield from self.last(event.last_stream_id or 0)
            return False
        return (yield from super().handle_h2_event(event))

    def last(self, stream_id: int) -> Commands:
        """The peer takes no stream after this one."""
        yield from ()

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
        self._denied: set[int] = set()  # refused streams whose answer has not left
        self._rest: dict[int, int] = {}  # others, whose bodies still come → bytes that may

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

    def handle_h2_event(self, event: Event) -> Generator[commands.Command, Any, bool]:
        """As the original; of what is only read to its end, so much is read."""
        stop = yield from super().handle_h2_event(event)
        if isinstance(event, DataReceived) and event.stream_id in self._rest:
            self._rest[event.stream_id] -= event.flow_controlled_length or 0
            if self._rest[event.stream_id] < 0:
                yield from self._reset(event.stream_id)
        return stop

    def _stop(self, stream_id: int) -> Commands:
        """Read the rest of a refused request, as over HTTP/1: programs that write all before they
        read would not see their answer otherwise. Of many at once the first are told that it is
        not wanted (RFC 9113, 8.1), unless they take their answer too slowly: its end would be
        lost."""
        self._denied.discard(stream_id)
        if self.h2_conn._receives(stream_id):
            self._rest[stream_id] = MAX_BODY
        over = [s for s in self._rest if not self.h2_conn._receives(s)]
        for each in over:
            del self._rest[each]
        for each in list(self._rest)[: max(0, len(self._rest) - LINGERING)]:
            yield from self._reset(each)

    def _reset(self, stream_id: int) -> Commands:
        del self._rest[stream_id]
        if self.h2_conn._receives(stream_id) and not self.keeps(stream_id):
            self.h2_conn.reset_stream(stream_id, ErrorCodes.NO_ERROR)
            self.streams.pop(stream_id, None)
            yield commands.SendData(self.conn, self.h2_conn.data_to_send())

    def forgotten(self, stream_id: int) -> None:
        """Nothing more is said on it."""
        self._denied.discard(stream_id)
        self._rest.pop(stream_id, None)

    def outside(self, stream_id: int) -> int:
        """The number that the other layers know a stream of this connection by."""
        return stream_id

    def keeps(self, stream_id: int) -> bool:
        """Whether something of a stream waits here for its window."""
        return bool(self.h2_conn.stream_buffers.get(stream_id))
