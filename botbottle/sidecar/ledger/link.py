"""A pipelined, reconnecting connection to the service: frames out, matching replies in."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from botbottle.sidecar.ledger import wire

LOST = "the connection to the ledger service was lost"
FIRST_RETRY, LAST_RETRY = 0.05, 1.0  # seconds between attempts to connect


class Unavailable(Exception):
    """No reply: not connected, connection lost, or too late."""


class Link:
    """``run`` keeps the connection; ``ask`` uses it. Belongs to one event loop."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._up = asyncio.Event()
        self._why = LOST

    @property
    def connected(self) -> bool:
        return self._writer is not None

    async def up(self) -> None:
        """Wait until connected."""
        await self._up.wait()

    async def ask(self, frame: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Send and wait for the reply. Raises Unavailable, wire.BadRequest (frame too long)."""
        try:
            async with asyncio.timeout(timeout):
                if self._writer is None:
                    await self._up.wait()
                return await self._send(frame)
        except TimeoutError:
            raise Unavailable("the ledger service does not answer") from None

    async def _send(self, frame: dict[str, Any]) -> dict[str, Any]:
        writer = self._writer
        if writer is None:
            raise Unavailable("the ledger service is not connected")
        self._number += 1
        number = self._number
        data = wire.encode({"v": wire.VERSION, "id": number, **frame})
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            writer.write(data)
            return await future
        finally:
            self._waiting.pop(number, None)

    async def run(self) -> None:
        """Connect, read replies, connect again; until cancelled."""
        delay = FIRST_RETRY
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(
                    self._path, limit=wire.MAX_FRAME * 2
                )
            except OSError:
                served = False
            else:
                served = await self._served(reader, writer)
            delay = FIRST_RETRY if served else min(LAST_RETRY, delay * 2)
            await asyncio.sleep(delay)

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether anything was answered: a service that hangs up on everybody is not pressed."""
        try:
            return await self._read(reader, writer)
        finally:
            self._down()
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        served, self._writer, self._why = False, writer, LOST
        self._up.set()
        with suppress(OSError, ValueError):  # lost, or not a reply: connect again
            while line := await reader.readline():
                reply = json.loads(line)
                if reply.get("id") is None:  # of the connection, which is closed next
                    self._why = str(reply.get("message") or LOST)
                future = self._waiting.get(reply.get("id"))
                if future is not None and not future.done():
                    served = True
                    future.set_result(reply)
        return served

    def _down(self) -> None:
        self._writer = None
        self._up.clear()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Unavailable(self._why))
