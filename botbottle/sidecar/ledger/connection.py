"""One client connection: frames in, replies out, bounded in every direction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from botbottle.sidecar.ledger.handlers import Caller
from botbottle.sidecar.ledger.wire import MAX_FRAME

MAX_WAITING = 256  # frames of one connection that wait; beyond, reading stops
MAX_BYTES = 4 * MAX_FRAME  # of these frames; beyond, too
MAX_UNREAD = 1024 * 1024  # bytes of replies a client may leave unread before it is cut off


TOO_LONG = b""  # stands in the queue for a frame that was too long to keep


class Connection(asyncio.Protocol):
    """Splits the stream into frames and hands itself over when there is work."""

    def __init__(
        self,
        caller: Caller,
        ready: Callable[[Connection], None],
        opened: Callable[[Connection], bool],
        closed: Callable[[Connection], None],
    ) -> None:
        self.caller = caller
        self.frames: list[bytes] = []
        self.queued = False  # in the service's round
        self.turns = 0  # that it had, or was too late for; see ``Service.ready``
        self.batch = -1  # that it had the last one in
        self.malformed = 0
        self._ready, self._opened, self._closed = ready, opened, closed
        self._buffer = b""
        self._bytes = 0  # of ``frames``
        self._paused = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        if not self._opened(self):
            self.close()

    @property
    def descriptor(self) -> int:
        """Of its socket, once it is connected."""
        transport = cast(asyncio.Transport, self._transport)
        return int(transport.get_extra_info("socket").fileno())

    def data_received(self, data: bytes) -> None:
        lines = (self._buffer + data).split(b"\n")
        self._buffer = lines.pop()
        if len(self._buffer) >= MAX_FRAME:
            lines.append(self._buffer)
            self._buffer = b""
        frames = self.frames
        for line in lines:
            if line and not line.isspace():
                frame = line if len(line) < MAX_FRAME else TOO_LONG
                frames.append(frame)
                self._bytes += len(frame)
        if len(frames) > MAX_WAITING or self._bytes > MAX_BYTES:
            self._pause()
        if frames:
            self._ready(self)

    def _pause(self) -> None:
        if self._transport and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def take(self, most: int) -> list[bytes]:
        """The next frames in order; reading goes on when few are left."""
        taken = self.frames
        if len(taken) <= most:
            self.frames, self._bytes = [], 0
        else:
            taken, self.frames = taken[:most], taken[most:]
            self._bytes -= sum(map(len, taken))
        if self._paused:
            self._resume()
        return taken

    def _resume(self) -> None:
        """Read on when half of what may wait is gone."""
        few = len(self.frames) <= MAX_WAITING // 2 and self._bytes <= MAX_BYTES // 2
        if few and self._transport:
            self._paused = False
            self._transport.resume_reading()

    def send(self, data: bytes) -> None:
        """Write replies; a client that never reads them is cut off."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        if transport.get_write_buffer_size() > MAX_UNREAD:
            transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """What was received whole is still handled: a dying sidecar's last usage counts."""
        self._closed(self)
