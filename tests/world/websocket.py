"""WebSocket on HTTP/1.1: the handshake by hand (h11 read the request), frames by wsproto."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator

import h11
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.extensions import Extension, PerMessageDeflate

from tests.world.stream import Stream
from tests.world.wire import Headers, Request

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Socket:
    """An open WebSocket, server side."""

    def __init__(self, stream: Stream, extensions: list[Extension], trailing: bytes) -> None:
        self.stream = stream
        self._machine = Connection(ConnectionType.SERVER, extensions, trailing)

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Whole messages until the peer closes."""
        text, raw = "", b""
        while True:
            for event in self._machine.events():
                if isinstance(event, TextMessage):
                    text += event.data
                    if event.message_finished:
                        yield text
                        text = ""
                elif isinstance(event, BytesMessage):
                    raw += bytes(event.data)
                    if event.message_finished:
                        yield raw
                        raw = b""
                elif isinstance(event, Ping):
                    await self.stream.write(self._machine.send(event.response()))
                elif isinstance(event, CloseConnection):
                    await self.stream.write(self._machine.send(event.response()))
                    return
            data = await self.stream.read()
            if not data:
                return
            self._machine.receive_data(data)

    async def send(self, text: str, fragment: int | None = None) -> None:
        """Send a text message, in fragments of so many characters when asked."""
        step = fragment or len(text) or 1
        for start in range(0, max(1, len(text)), step):
            part, last = text[start : start + step], start + step >= len(text)
            event = TextMessage(data=part, message_finished=last)
            await self.stream.write(self._machine.send(event))

    async def close(self, code: int, reason: str = "") -> None:
        """Send a close frame."""
        await self.stream.write(self._machine.send(CloseConnection(code=code, reason=reason)))


async def accept(
    request: Request, stream: Stream, trailing: bytes, machine: h11.Connection
) -> Socket:
    """Complete the handshake; permessage-deflate is taken when offered."""
    headers: Headers = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-accept", _accept_key(request.header("sec-websocket-key"))),
    ]
    extensions: list[Extension] = []
    offer = request.header("sec-websocket-extensions")
    if "permessage-deflate" in offer:
        deflate = PerMessageDeflate()
        agreed = deflate.accept(offer.split(",")[0])
        extensions.append(deflate)
        value = deflate.name if agreed is True or not agreed else f"{deflate.name}; {agreed}"
        headers.append(("sec-websocket-extensions", value))
    raw = [(name.encode(), value.encode()) for name, value in headers]
    switching = h11.InformationalResponse(status_code=101, headers=raw, reason=b"Switching")
    await stream.write(machine.send(switching) or b"")
    return Socket(stream, extensions, trailing)


def _accept_key(key: str) -> str:
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
