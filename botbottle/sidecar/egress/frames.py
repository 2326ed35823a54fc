"""WebSocket messages of bounded size.

A message is judged whole, so it is kept whole, and a few kilobytes of permessage-deflate
(RFC 7692) can stand for gigabytes. Both directions are limited, counted after decompression and
while it happens: nothing much larger than the limit ever exists. What is larger, or finds no room
beside what all others keep, ends the socket on both sides with code 1009 (RFC 6455, 7.4.1). Frames
count too: a message may consist of any number of them.

Control frames go from hop to hop: a ping is answered here and passed on empty, a pong goes no
further, and the reason of a close is left out. So no byte that a scanner did not see travels in
one.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from typing import Any, cast

from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.websocket import (
    Fragmentizer,
    WebsocketConnection,
    WebsocketLayer,
    WebsocketMessageHook,
    WebSocketMessageInjected,
)
from mitmproxy.websocket import WebSocketMessage
from wsproto import ConnectionType
from wsproto.events import CloseConnection, Event, Ping, Pong
from wsproto.extensions import Extension, PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits
from wsproto.utilities import split_comma_header

from botbottle.sidecar.egress.options import LayerOptions
from botbottle.sidecar.egress.passage import passage_of
from botbottle.sidecar.egress.room import Room
from botbottle.sidecar.egress.turns import Breath, paced

MAX_MESSAGE = 16 * 1024 * 1024  # bytes of a message, decompressed
FRAME = 64  # bytes that a frame takes here beside its text
AT_ONCE = 32  # frames between two breaths: most of an unfinished message say nothing to anybody

type Machine = FrameDecoder | FrameProtocol


class BoundedDeflate(PerMessageDeflate):
    """Decompression that stops where a message is too large."""

    def frame_inbound_payload_data(self, proto: Machine, data: bytes) -> bytes | CloseReason:
        """As the original, with a limit for this one step."""
        if not self._inbound_compressed or not self._inbound_is_compressible:
            return data
        if self._decompressor is None:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        try:
            found = self._decompressor.decompress(bytes(data), MAX_MESSAGE + 1)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        return CloseReason.MESSAGE_TOO_BIG if len(found) > MAX_MESSAGE else found


class Bound(Extension):
    """Counts what a message has so far; comes after decompression. ``kept``: bytes of unfinished
    messages, and of those that are not judged yet."""

    name = "x-bound"  # never negotiated: it changes nothing on the wire

    def __init__(self, room: Room) -> None:
        self._room = room
        self._text = self._frames = 0
        self._judging = 0
        self._control = False

    @property
    def kept(self) -> int:
        """Bytes that are here."""
        return self._judging + self._text + self._frames * FRAME

    def enabled(self) -> bool:
        """Always."""
        return True

    def offer(self) -> bool | str:
        """Nothing to offer."""
        return False

    def frame_inbound_header(
        self, proto: Machine, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """Control frames may come between the frames of a message and do not count."""
        self._control = opcode.iscontrol()
        if not self._control:
            self._frames += 1
            if self._too_large(FRAME):
                return CloseReason.MESSAGE_TOO_BIG
        return RsvBits(False, False, False)

    def frame_inbound_payload_data(self, proto: Machine, data: bytes) -> bytes | CloseReason:
        """Count a piece."""
        if self._control:
            return data
        self._text += len(data)
        return CloseReason.MESSAGE_TOO_BIG if self._too_large(len(data)) else data

    def _too_large(self, more: int) -> bool:
        text, frames = self._text, self._frames * FRAME
        return max(text, frames) > MAX_MESSAGE or self._room.full(more)

    def frame_inbound_complete(self, proto: Machine, fin: bool) -> bytes | CloseReason | None:
        """A message is over."""
        if fin and not self._control:
            self._judging = self.kept
            self._text = self._frames = 0
        return None

    def judged(self) -> None:
        """All finished messages went on, or are gone."""
        self._judging = 0


class Hop(WebsocketConnection):
    """One side. What it gives to be relayed holds no byte of a control frame's payload."""

    def __init__(
        self, kind: ConnectionType, extensions: list[Extension], peer: Connection, bound: Bound
    ) -> None:
        super().__init__(kind, [*extensions, bound], conn=peer)
        self.bound = bound
        self.more = False  # frames came that were not looked at yet
        self._answers: list[bytes] = []

    def events(self) -> Iterator[Event]:
        """As the original, but only so many; pings are answered by ``answers``."""
        for count, event in enumerate(super().events()):
            self.more = count + 1 == AT_ONCE
            if isinstance(event, Ping):
                self._answers.append(self.send(event.response()))
                yield Ping()
            elif isinstance(event, CloseConnection):
                yield CloseConnection(code=event.code)
            elif not isinstance(event, Pong):
                yield event
            if self.more:
                return

    def answers(self) -> bytes:
        """What this side must be sent on its own account."""
        made, self._answers = b"".join(self._answers), []
        return made


class Again(WebSocketMessageInjected):
    """A message of the agent's that has waited."""


class Messages(WebsocketLayer):
    """mitmproxy's layer over bounded connections."""

    _sides: tuple[Hop, ...] = ()

    def start(self, event: events.Start) -> Generator[commands.Command, Any, None]:
        """As the original; no byte was looked at yet when the connections are exchanged."""
        yield from super().start(event)
        response = self.flow.response
        offered = response.headers.get("sec-websocket-extensions", "") if response else ""
        room = cast(LayerOptions, self.context.options).room
        client = _connection(ConnectionType.SERVER, self.context.client, offered, Bound(room))
        server = _connection(ConnectionType.CLIENT, self.context.server, offered, Bound(room))
        self.client_ws, self.server_ws = self._sides = client, server

    @property
    def kept(self) -> int:
        """Bytes of messages that are here."""
        passage = passage_of(self.flow)
        waiting = passage.socket.waiting.kept if passage and passage.socket else 0
        return sum(side.bound.kept for side in self._sides) + waiting

    def relay_messages(self, event: events.Event) -> Generator[commands.Command, Any, None]:
        """As the original; then the pongs that are due. What is injected is a message of its own,
        also while one of the peer's is unfinished: the original would join the two, unjudged."""
        if isinstance(event, Again):
            yield from self._again(event.message)
        elif isinstance(event, WebSocketMessageInjected):
            source = self.client_ws if event.message.from_client else self.server_ws
            unfinished, source.frame_buf = source.frame_buf, [b""]
            yield from super().relay_messages(event)
            source.frame_buf = unfinished
        else:
            yield from self._relay(event)
        yield from self._tidy()
        for side in self._sides:
            while side.more and self._handle_event == self.relay_messages:
                yield Breath()
                yield from self._relay(events.DataReceived(side.conn, b""))
                yield from self._tidy()

    def _again(self, message: WebSocketMessage) -> Generator[commands.Command, Any, None]:
        """A message that waited is judged to the end, and may go on in one frame."""
        assert self.flow.websocket is not None  # noqa: S101 - its socket has been opened
        message.dropped = False
        self.flow.websocket.messages.append(message)
        yield WebsocketMessageHook(self.flow)
        if not message.dropped:
            for part in Fragmentizer([message.content], message.type == Opcode.TEXT)(
                message.content
            ):
                yield self.server_ws.send2(part)

    def _relay(self, event: events.Event) -> Generator[commands.Command, Any, None]:
        for side in self._sides:
            side.more = False
        yield from paced(super().relay_messages(event))

    def _tidy(self) -> Generator[commands.Command, Any, None]:
        for side in self._sides:
            side.bound.judged()
            if answer := side.answers():
                yield commands.SendData(side.conn, answer)

    _handle_event = cast(Any, start)


def _connection(kind: ConnectionType, peer: Connection, accepted: str, bound: Bound) -> Hop:
    """One side with the extensions that both sides agreed on. ``accepted``: the header's value."""
    extensions: list[Extension] = []
    for each in split_comma_header(accepted.encode("ascii", "replace")):
        if each.split(";", 1)[0].strip() == PerMessageDeflate.name:
            deflate = BoundedDeflate()
            deflate.finalize(each)
            extensions.append(deflate)
    return Hop(kind, extensions, peer, bound)
