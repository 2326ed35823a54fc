"""One TCP connection as mitmproxy's layers see it: bytes in become events, bytes out leave once
per step. Once TLS is established it is opened and sealed here, and the layers see plain bytes."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address, IPv4Network
from typing import Protocol, cast

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import events

from botbottle.sidecar.egress.channel import Broken, Channel
from botbottle.sidecar.egress.turns import Turns

GLUT = 1024 * 1024  # bytes that wait for a peer at which the peer itself is not read any more
HANDSHAKE = 64 * 1024  # bytes of an agent's TLS handshake, and what it says in the same breath
_SLICE = 16 * 1024  # bytes of it at once
OWED = 64 * 1024  # bytes that TLS may answer of its own (updates of keys) to one that does not read


class Owner(Protocol):
    """Who is told what happens on a link, when it is its turn."""

    turns: Turns

    def opened(self, link: Link) -> None: ...
    def lost(self, link: Link) -> None: ...
    def feed(self, event: events.Event) -> None: ...
    def filled(self) -> None: ...
    def drained(self) -> None: ...


class Link(asyncio.BufferedProtocol):
    """A connection of the agent or of an upstream. ``full``: its peer reads too slowly."""

    def __init__(self, owner: Owner, connection: Connection) -> None:
        self._owner = owner
        self.connection = connection
        self.transport: asyncio.Transport | None = None
        self.full = False
        self._channel: Channel | None = None
        self._shaking: int | None = None  # bytes of a handshake that came
        self._ended = False
        self._reading = self._wanted = True
        self._late = b""  # what came when others had their turn
        self._written = 0
        self._answered = 0  # bytes that TLS answered since the peer began to read too slowly
        self._out: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._owner.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._owner.turns.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(self._owner.turns.came(nbytes))

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer: handled now, or in turn. Until then nothing more is read."""
        turns = self._owner.turns
        if not turns.over:
            self._received(data)
            return
        self._late += data
        self._look()
        turns.later(self._catch_up)

    def _catch_up(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self._handle_late()
            self._look()

    def _handle_late(self) -> None:
        late, self._late = self._late, b""
        if late:
            self._received(late)

    def _received(self, data: bytes) -> None:
        if self._channel is not None:
            self._opened(self._channel, data)
        elif self._shaking is None:
            self._owner.feed(events.DataReceived(self.connection, data))
        else:
            self._shake(data)

    def shake(self, came: int) -> bool:
        """From here on the peer shakes hands; ``came``: bytes of that so far. False when that is
        too much, and the connection ended of it."""
        self._shaking = came
        if came > HANDSHAKE:
            self.abort()
        return came <= HANDSHAKE

    def _shake(self, data: bytes) -> None:
        """Bytes of a handshake, or the first ones after it: then TLS is established meanwhile. The
        layers look at all of a ClientHello whenever some of it came, so that has a limit."""
        for at in range(0, len(data), _SLICE):
            part = data[at : at + _SLICE]
            if self._channel is not None:
                self._opened(self._channel, data[at:])
                return
            gone = self.transport is None or self.transport.is_closing()
            if gone or not self.shake((self._shaking or 0) + len(part)):
                return
            self._owner.feed(events.DataReceived(self.connection, part))

    def secure(self, channel: Channel) -> None:
        """From here on what is received and written is plain; what was written before was not."""
        self.flush()
        self._channel = channel

    def _opened(self, channel: Channel, data: bytes) -> None:
        try:
            plain, answer = channel.open(data), channel.owed()
        except Broken:
            self.abort()
            return
        if answer and not self._answer(answer):
            return
        if plain:
            self._owner.feed(events.DataReceived(self.connection, plain))
        if channel.ended:
            self.connection.state &= ~ConnectionState.CAN_READ
            self._end()

    def _answer(self, data: bytes) -> bool:
        """Send what TLS itself answers; False when the connection ended of it. The layers do not
        see such bytes, so nothing there would make a peer wait that only asks and never reads."""
        self._answered = self._answered + len(data) if self.full else 0
        if self._answered > OWED or self.transport is None:
            self.abort()
            return False
        self._send(self.transport, data)
        return True

    def eof_received(self) -> bool:
        self._handle_late()
        self.connection.state &= ~ConnectionState.CAN_READ
        self._end()
        return self.connection.state is ConnectionState.CAN_WRITE

    def connection_lost(self, exc: Exception | None) -> None:
        self._handle_late()
        self.connection.state = ConnectionState.CLOSED
        self._end()
        self._owner.lost(self)

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._owner.feed(events.ConnectionClosed(self.connection))

    def pause_writing(self) -> None:
        self.full = True
        self._owner.filled()

    def resume_writing(self) -> None:
        self.full = False
        self._owner.drained()

    @property
    def glutted(self) -> bool:
        """Whether so much waits for the peer that nothing it says may add to it."""
        return self.full and self.waiting > GLUT

    @property
    def waiting(self) -> int:
        """Bytes that wait for the peer."""
        return self.transport.get_write_buffer_size() if self.transport is not None else 0

    @property
    def taken(self) -> int:
        """Bytes that the peer's side has taken so far."""
        return self._written - self.waiting

    def read(self, *, wanted: bool) -> None:
        """Read from the peer, or leave what it sends to the kernel."""
        self._wanted = wanted
        self._look()

    def _look(self) -> None:
        """Read when it is wanted, and nothing is left of what came before."""
        reads, transport = self._wanted and not self._late, self.transport
        if reads is self._reading or transport is None or transport.is_closing():
            return
        self._reading = reads
        if reads:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def write(self, data: bytes) -> None:
        """Keep ``data`` for the end of this step."""
        self._out.append(data)

    def flush(self) -> None:
        """Hand everything written in this step to the transport."""
        if self._out:
            out, self._out = self._out, []
            if self.transport and not self.transport.is_closing():
                data = bytes(out[0]) if len(out) == 1 else b"".join(out)
                if self._channel is None or not data:
                    self._send(self.transport, data)
                else:
                    self._seal(self.transport, self._channel, data)

    def _seal(self, transport: asyncio.Transport, channel: Channel, data: bytes) -> None:
        """One write: the transport may say within a write that its peer is slow,
        and what follows from that may be written, or close the link, before the write returns."""
        try:
            sealed = channel.seal(data)
        except Broken:
            self.abort()
            return
        self._send(transport, sealed)

    def _send(self, transport: asyncio.Transport, data: bytes) -> None:
        self._written += len(data)
        transport.write(data)

    def close(self, *, half: bool = False) -> None:
        """Close after what was written; ``half``: only our direction."""
        self.flush()
        if not half:
            self.connection.state = ConnectionState.CLOSED
            if self.transport:
                self.transport.close()
        elif self.connection.state & ConnectionState.CAN_WRITE:
            self.connection.state &= ~ConnectionState.CAN_WRITE
            if self.transport and self.transport.can_write_eof():
                self.transport.write_eof()

    def abort(self) -> None:
        """Drop the connection, whatever was not sent yet, and what came and was not handled."""
        self._out.clear()
        self._late = b""
        if self.transport:
            self.transport.abort()


class AgentLink(Link):
    """A connection from the bottle's own network. Linux takes what comes to any of its addresses
    on any of its networks, so a neighbour outside could route to the inner one."""

    def __init__(self, owner: Owner, connection: Connection, peers: IPv4Network) -> None:
        super().__init__(owner, connection)
        self._peers = peers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if IPv4Address(transport.get_extra_info("peername")[0]) in self._peers:
            super().connection_made(transport)
        else:
            cast(asyncio.Transport, transport).abort()


class Closed(asyncio.Protocol):
    """A connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()
