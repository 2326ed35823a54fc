"""Sends a reply as its script wants: the one place for delays, splits, cuts, stalls and errors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Protocol

from tests.world import codings
from tests.world.script import Script
from tests.world.truth import Record, Truth
from tests.world.wire import Frame, Headers, Reply, Request

MAX_STALL = 900.0  # seconds; nothing waits for ever


class ClientGone(ConnectionError):
    """The reader left before the answer was complete."""


class Sink(Protocol):
    """Where one answer goes: an HTTP/1.1 exchange or an HTTP/2 stream."""

    async def start(self, status: int, headers: Headers, *, end: bool) -> None:
        """Send the head, or keep it until ``flush``; ``end`` says that no body follows."""

    async def flush(self) -> None:
        """Send what is still kept."""

    async def data(self, data: bytes) -> None:
        """Send a piece of the body and wait until the transport took it; may raise ClientGone."""

    async def end(self) -> None:
        """End the body in the orderly way."""

    async def abort(self, how: str) -> None:
        """Break off: ``rst`` resets, ``fin`` closes without the terminator."""

    async def gone(self) -> None:
        """Return when the reader left."""


async def deliver(request: Request, reply: Reply, sink: Sink, record: Record, truth: Truth) -> None:
    """Send ``reply`` and keep ``record`` true to what was handed to the transport."""
    if reply.stream or _waits(record.script):
        await _watched(request, reply, sink, record, truth)
        return
    # A client that half-closed may still read a whole answer; during a stream it has left.
    try:
        truth.finish(record, await send(request, reply, sink, record))
    except (ConnectionError, TimeoutError) as error:
        truth.finish(record, "client_gone", repr(error))


async def _watched(
    request: Request, reply: Reply, sink: Sink, record: Record, truth: Truth
) -> None:
    """Deliver, and stop as soon as the client leaves."""
    sending = asyncio.ensure_future(send(request, reply, sink, record))
    leaving = asyncio.ensure_future(sink.gone())
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            truth.finish(record, sending.result())
        else:
            truth.finish(record, "client_gone")
    except (ConnectionError, TimeoutError) as error:
        truth.finish(record, "client_gone", repr(error))
    finally:
        await _stop(sending, leaving)


def _waits(script: Script) -> bool:
    return bool(script.first_delay or script.delay) or script.stall_after is not None


async def _stop(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _coding(request: Request, reply: Reply, script: Script) -> str:
    if script.encoding is not None:
        return script.encoding
    if any(name == "content-encoding" for name, _ in reply.headers):
        return "identity"
    return codings.negotiate(request.header("accept-encoding"))


async def send(request: Request, reply: Reply, sink: Sink, record: Record) -> str:
    """Send ``reply``; returns the outcome that ``record`` should get."""
    script = record.script
    record.status, record.bills = reply.status, tuple(reply.bills)
    record.coding = _coding(request, reply, script)
    if script.first_delay:
        await asyncio.sleep(script.first_delay)
    head_only = request.method == "HEAD" or reply.status in (204, 304)
    plain_whole = not reply.stream and not script.chunked and record.coding == "identity"
    frames = reply.frames
    length = reply.length
    if plain_whole and length is None:
        frames = list(frames)
        length = sum(len(frame.data) for frame in frames)
    headers = _headers(reply, record, length if plain_whole else None)
    record.response_headers = headers
    await sink.start(reply.status, headers, end=head_only)
    if reply.stream or head_only:
        await sink.flush()
    if head_only:
        record.terminal_sent = True
        return "completed"
    return await _body(_merged(iter(frames), script.merge), reply, sink, record)


def _headers(reply: Reply, record: Record, length: int | None) -> Headers:
    headers = [*reply.headers, *record.script.headers.items()]
    if record.coding != "identity":
        headers.append(("content-encoding", codings.header_value(record.coding)))
        headers.append(("vary", "accept-encoding"))
    if length is not None:
        headers.append(("content-length", str(length)))
    return headers


async def _body(frames: Iterator[Frame], reply: Reply, sink: Sink, record: Record) -> str:
    script = record.script
    encoder = codings.encoder(record.coding, multi=script.has("multi_member"))
    for index, frame in enumerate(frames):
        if script.delay and index:
            await asyncio.sleep(script.delay)
        if script.error_after == index and reply.error_frame is not None:
            await _write(sink, encoder.event(reply.error_frame.data), record)
            record.events_sent, record.last_event = index + 1, reply.error_frame.name
            await _finish(sink, encoder, record)
            return "error_event"
        if script.cut_after == index:
            await _write(sink, encoder.event(frame.data)[: script.cut_bytes], record)
            await sink.abort(script.cut_how)
            return "cut"
        if script.stall_after == index:
            await asyncio.sleep(min(script.stall, MAX_STALL))
            await sink.abort("fin")
            return "stalled"
        await _write(sink, encoder.event(frame.data), record)
        _note(record, frame)
    if script.cut_after is not None and script.cut_after == record.events_sent:
        await sink.abort(script.cut_how)  # all events passed, the end of the body did not
        return "cut"
    await _finish(sink, encoder, record)
    return "completed"


def _note(record: Record, frame: Frame) -> None:
    record.events_sent += 1
    record.last_event = frame.name or record.last_event
    record.reported = frame.usage or record.reported
    record.terminal_sent = record.terminal_sent or frame.terminal
    record.text_sent += len(frame.text)


async def _finish(sink: Sink, encoder: codings.Encoder, record: Record) -> None:
    await _write(sink, encoder.end(), record)
    await sink.end()


async def _write(sink: Sink, data: bytes, record: Record) -> None:
    step = record.script.split or len(data) or 1
    for start in range(0, len(data), step):
        piece = data[start : start + step]
        await sink.data(piece)
        record.sent(piece)


def _merged(frames: Iterator[Frame], count: int) -> Iterator[Frame]:
    """Several events as one frame; the last one that knows something names it."""
    if count <= 1:
        yield from frames
        return
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == count:
            yield _join(batch)
            batch = []
    if batch:
        yield _join(batch)


def _join(batch: list[Frame]) -> Frame:
    known = [frame.usage for frame in batch if frame.usage is not None]
    return Frame(
        b"".join(frame.data for frame in batch),
        batch[-1].name,
        known[-1] if known else None,
        terminal=any(frame.terminal for frame in batch),
        text="".join(frame.text for frame in batch),
    )
