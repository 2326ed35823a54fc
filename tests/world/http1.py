"""HTTP/1.1 with keep-alive, pipelining and chunked bodies, by h11."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import h11

from tests.world.inbound import Body, build
from tests.world.stream import Stream
from tests.world.truth import Connection
from tests.world.wire import Headers, Request

HEAD_LIMIT = 1024 * 1024
BODILESS = frozenset({204, 304})

type Answer = Callable[[Request, Exchange], Awaitable[None]]
type Upgrade = Callable[[Request, Stream, bytes, h11.Connection], Awaitable[bool]]


class Exchange:
    """One answer on an HTTP/1.1 connection; the ``Sink`` of ``delivery``."""

    def __init__(self, stream: Stream, machine: h11.Connection) -> None:
        self._stream = stream
        self._machine = machine
        self._kept = b""  # a head that goes out together with the first of the body

    async def start(self, status: int, headers: Headers, *, end: bool) -> None:
        """Keep the head."""
        reason = HTTPStatus(status).phrase if status in HTTPStatus else "Scripted"
        raw = [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in headers]
        head = h11.Response(status_code=status, headers=raw, reason=reason.encode())
        self._kept = self._machine.send(head) or b""
        if end:
            await self.end()

    async def flush(self) -> None:
        """Send the head alone."""
        if self._kept:
            kept, self._kept = self._kept, b""
            await self._stream.write(kept)

    async def data(self, data: bytes) -> None:
        """Send a piece, as a chunk of its own when the body is chunked."""
        await self._send(h11.Data(data=data))

    async def end(self) -> None:
        """Send the terminator."""
        await self._send(h11.EndOfMessage())

    async def abort(self, how: str) -> None:
        """Break off: a short wait lets what was written leave before a reset drops it."""
        await self.flush()
        if how == "rst":
            await asyncio.sleep(0.02)
            self._stream.reset()
        else:
            self._stream.close()

    async def gone(self) -> None:
        """Return when the client closed."""
        await self._stream.closed.wait()

    async def _send(self, event: h11.Event) -> None:
        data = self._kept + (self._machine.send(event) or b"")
        self._kept = b""
        if data:
            await self._stream.write(data)


async def serve(stream: Stream, found: Connection, answer: Answer, upgrade: Upgrade | None) -> None:
    """Serve requests until either side closes."""
    machine = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    try:
        while await _one(stream, found, machine, answer, upgrade):
            machine.start_next_cycle()
    except h11.RemoteProtocolError as error:
        found.error = f"bad request: {error}"
        with contextlib.suppress(h11.LocalProtocolError, ConnectionError):
            await _bad_request(stream, machine, error)
    finally:
        stream.close()


async def _one(
    stream: Stream,
    found: Connection,
    machine: h11.Connection,
    answer: Answer,
    upgrade: Upgrade | None,
) -> bool:
    """One request and its answer; whether the connection may carry another."""
    request = await _receive(stream, found, machine)
    if request is None:
        return False
    found.requests += 1
    wants_upgrade = "websocket" in request.header("upgrade").lower()
    if upgrade is not None and wants_upgrade:
        trailing = machine.trailing_data[0]
        if await upgrade(request, stream, trailing, machine):
            return False
    else:
        await answer(request, Exchange(stream, machine))
    return machine.our_state is h11.DONE and machine.their_state is h11.DONE


async def _receive(stream: Stream, found: Connection, machine: h11.Connection) -> Request | None:
    request: Request | None = None
    body = Body()
    while True:
        event = machine.next_event()
        if event is h11.NEED_DATA:
            if machine.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await stream.write(machine.send(go_on) or b"")
            machine.receive_data(await stream.read())
        elif isinstance(event, h11.Request):
            request = _head(event, found)
        elif isinstance(event, h11.Data):
            body.feed(event.data)
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            body.fill(request)
            return request
        else:
            return None


def _head(event: h11.Request, found: Connection) -> Request:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
    return build(
        event.method.decode(),
        event.target.decode("latin-1"),
        headers,
        protocol="http/1.1",
        tls=found.tls,
        connection=found.number,
    )


async def _bad_request(stream: Stream, machine: h11.Connection, error: Exception) -> None:
    exchange = Exchange(stream, machine)
    text = str(error).encode()
    head: Headers = [("content-length", str(len(text))), ("connection", "close")]
    await exchange.start(400, head, end=False)
    await exchange.data(text)
    await exchange.end()
