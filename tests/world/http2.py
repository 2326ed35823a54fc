"""HTTP/2 by h2: many streams, flow control honoured, a reset stream seen at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from tests.world.inbound import Body, build
from tests.world.stream import Stream
from tests.world.truth import Connection
from tests.world.wire import Headers, Request

FORBIDDEN = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade"})

type Answer = Callable[[Request, Lane], Awaitable[None]]


class Lane:
    """One HTTP/2 stream; the ``Sink`` of ``delivery``."""

    def __init__(self, session: Session, number: int) -> None:
        self._session = session
        self.number = number
        self.closed = asyncio.Event()
        self.room = asyncio.Event()
        self.request: Request | None = None
        self.body = Body()

    async def start(self, status: int, headers: Headers, *, end: bool) -> None:
        """Keep the head."""
        plain = [(k.lower(), v) for k, v in headers if k.lower() not in FORBIDDEN]
        self._check()
        head = [(":status", str(status)), *plain]
        self._session.machine.send_headers(self.number, head, end_stream=end)

    async def flush(self) -> None:
        """Send the head alone."""
        await self._session.flush()

    async def data(self, data: bytes) -> None:
        """Send a piece as the peer's windows allow."""
        view = memoryview(data)
        while view:
            step = await self._window()
            self._session.machine.send_data(self.number, bytes(view[:step]))
            view = view[step:]
            await self._session.flush()

    async def end(self) -> None:
        """End the stream."""
        self._check()
        self._session.machine.end_stream(self.number)
        await self._session.flush()

    async def abort(self, how: str) -> None:
        """``rst`` drops the whole connection, ``fin`` resets this stream alone."""
        await self.flush()
        if how == "rst":
            await asyncio.sleep(0.02)
            self._session.stream.reset()
            return
        self._session.machine.reset_stream(self.number, h2.errors.ErrorCodes.INTERNAL_ERROR)
        await self._session.flush()

    async def gone(self) -> None:
        """Return when the client reset the stream or closed the connection."""
        await self.closed.wait()

    async def _window(self) -> int:
        while True:
            self._check()
            machine = self._session.machine
            step = min(
                machine.local_flow_control_window(self.number), machine.max_outbound_frame_size
            )
            if step > 0:
                return step
            self.room.clear()
            await self.room.wait()

    def _check(self) -> None:
        if self.closed.is_set():
            raise ConnectionResetError("stream was reset")


class Session:
    """One HTTP/2 connection."""

    def __init__(self, stream: Stream, found: Connection, answer: Answer) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.machine = h2.connection.H2Connection(config)
        self.stream = stream
        self._found = found
        self._answer = answer
        self._lanes: dict[int, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Serve streams until either side closes."""
        self.machine.initiate_connection()
        try:
            await self.flush()
            while data := await self.stream.read():
                for event in self.machine.receive_data(data):
                    self._handle(event)
                await self.flush()
        except h2.exceptions.ProtocolError as error:
            self._found.error = f"http/2: {error}"
            with contextlib.suppress(ConnectionError):
                await self.flush()
        finally:
            await self._close()

    async def flush(self) -> None:
        """Write what the state machine wants sent."""
        if data := self.machine.data_to_send():
            await self.stream.write(data)

    def _handle(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._open(event)
        elif isinstance(event, h2.events.DataReceived):
            self._take(event)
        elif isinstance(event, h2.events.StreamEnded):
            self._begin(self._lanes.get(event.stream_id))
        elif isinstance(event, h2.events.StreamReset):
            self._drop(event.stream_id)
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            for lane in self._lanes.values():
                lane.room.set()

    def _open(self, event: h2.events.RequestReceived) -> None:
        pairs = [(str(name), str(value)) for name, value in event.headers or []]
        pseudo = {name: value for name, value in pairs if name.startswith(":")}
        lane = self._lanes[event.stream_id] = Lane(self, event.stream_id)
        lane.request = build(
            pseudo.get(":method", "GET"),
            pseudo.get(":path", "/"),
            [(name, value) for name, value in pairs if not name.startswith(":")],
            protocol="h2",
            tls=self._found.tls,
            connection=self._found.number,
            authority=pseudo.get(":authority", ""),
        )

    def _take(self, event: h2.events.DataReceived) -> None:
        if lane := self._lanes.get(event.stream_id):
            lane.body.feed(event.data or b"")
        if event.flow_controlled_length:
            self.machine.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def _begin(self, lane: Lane | None) -> None:
        if lane is None or lane.request is None:
            return
        self._found.requests += 1
        lane.body.fill(lane.request)
        task = asyncio.ensure_future(self._run(lane.request, lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, request: Request, lane: Lane) -> None:
        try:
            await self._answer(request, lane)
        except ConnectionError:
            pass
        except h2.exceptions.ProtocolError as error:
            self._found.error = f"http/2 stream {lane.number}: {error!r}"
            await self._give_up(lane)
        self._lanes.pop(lane.number, None)

    async def _give_up(self, lane: Lane) -> None:
        """Reset a stream that cannot be answered, so that nobody waits for it."""
        with contextlib.suppress(ConnectionError, h2.exceptions.ProtocolError):
            await lane.abort("fin")

    def _drop(self, number: int) -> None:
        if lane := self._lanes.pop(number, None):
            lane.closed.set()
            lane.room.set()

    async def _close(self) -> None:
        for number in list(self._lanes):
            self._drop(number)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.stream.close()
