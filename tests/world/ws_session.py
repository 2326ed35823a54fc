"""The Responses WebSocket: reads client frames, answers each ``response.create`` as its own
record, in order within a ``stream_id`` and in parallel across them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.world.app import App
from tests.world.delivery import deliver
from tests.world.dialects import responses_ws
from tests.world.dialects.registry import RESPONSES_WS
from tests.world.inbound import Body
from tests.world.script import Script
from tests.world.truth import Record
from tests.world.websocket import Socket
from tests.world.wire import Frame, Headers, Reply, Request, compact


class FrameSink:
    """Sends each event as one text message; the ``Sink`` of ``delivery``."""

    def __init__(self, socket: Socket, fragment: int | None) -> None:
        self._socket = socket
        self._fragment = fragment

    async def start(self, status: int, headers: Headers, *, end: bool) -> None:
        """A message has no head."""

    async def flush(self) -> None:
        """Nothing is kept."""

    async def data(self, data: bytes) -> None:
        """Send one message."""
        if data:
            await self._socket.send(data.decode(), self._fragment)

    async def end(self) -> None:
        """The socket stays open for the next response."""

    async def abort(self, how: str) -> None:
        """Break the connection."""
        if how == "rst":
            await asyncio.sleep(0.02)
            self._socket.stream.reset()
        else:
            self._socket.stream.close()

    async def gone(self) -> None:
        """Return when the client left."""
        await self._socket.stream.closed.wait()


class Session:
    """One open socket on a Responses path."""

    def __init__(self, app: App, request: Request, socket: Socket) -> None:
        self._app = app
        self._request = request
        self._socket = socket
        self._lanes: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the client closes."""
        try:
            async for message in self._socket.messages():
                self._take(message)
        except ConnectionError:
            pass
        finally:
            self._socket.stream.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, message: str | bytes) -> None:
        data = _parse(message)
        kind = data.get("type")
        if kind == "response.create":
            self._spawn(data)
        elif kind == "response.steer":
            self._app.memory.steered.add(responses_ws.lane(self._request, data))
            self._spawn(data | {"type": "response.create", "steered": True})

    def _spawn(self, data: Mapping[str, Any]) -> None:
        task = asyncio.ensure_future(self._respond(data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _respond(self, data: Mapping[str, Any]) -> None:
        key = responses_ws.lane(self._request, data)
        async with self._lanes.setdefault(key, asyncio.Lock()):
            self._app.memory.steered.discard(key)
            await self._one(data)

    async def _one(self, data: Mapping[str, Any]) -> None:
        request = frame_request(self._request, data)
        reply, record = self._app.prepare(request, RESPONSES_WS)
        script = record.script
        if script.ws_close is not None:
            await self._socket.close(script.ws_close, "scripted")
            self._app.truth.finish(record, "cut", f"closed with {script.ws_close}")
            return
        if reply.status >= 400:
            reply = _refusal(reply)
        record.script = _unsplit(script)
        sink = FrameSink(self._socket, script.split)
        await deliver(request, reply, sink, record, self._app.truth)
        _mark_refused(record, script)


def _mark_refused(record: Record, script: Script) -> None:
    if script.status is not None and script.status >= 400:
        record.status = script.status


def frame_request(handshake: Request, data: Mapping[str, Any]) -> Request:
    """A client frame as a request of its own, with the handshake's headers."""
    body = Body()
    body.feed(compact(dict(data)).encode())
    request = replace(handshake, method="WS", protocol="ws")
    plain = [pair for pair in handshake.headers if pair[0] != "content-encoding"]
    request.headers = plain
    body.fill(request)
    return request


def _refusal(reply: Reply) -> Reply:
    body = json.loads(b"".join(frame.data for frame in reply.frames))
    text = responses_ws.error_frame(reply.status, body.get("error", body))
    return Reply(200, frames=[Frame(text.encode(), "error", terminal=True)], stream=True)


def _unsplit(script: Script) -> Script:
    """What would split a byte stream does not apply to messages."""
    return replace(script, split=None, merge=1, encoding="identity")


def _parse(message: str | bytes) -> dict[str, Any]:
    try:
        data = json.loads(message)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


async def echo(socket: Socket) -> None:
    """``/ws``: sends every message back."""
    async for message in socket.messages():
        await socket.send(message if isinstance(message, str) else message.hex())
