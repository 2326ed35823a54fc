"""A duplex byte stream over asyncio that can be reset, and that knows when the peer left."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

CHUNK = 65536
LOW_WATER = 64 * 1024


class Stream(asyncio.Protocol):
    """Received bytes queue up in ``read``; ``closed`` is set when the peer ended or vanished."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._tls = False

    @property
    def transport(self) -> asyncio.Transport:
        """The transport; only after the connection is made."""
        assert self._transport is not None
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._tls = transport.get_extra_info("ssl_object") is not None
        transport.set_write_buffer_limits(high=LOW_WATER)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio; reading pauses while too much is waiting."""
        self._buffer += data
        self._arrived.set()
        if len(self._buffer) > 16 * CHUNK:
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """The peer sends no more; keep our half open so that an answer can still go out."""
        self.closed.set()
        self._arrived.set()
        # TLS cannot stay half open. Its end may be told after the connection was given up, when
        # the transport has nothing left to ask.
        return not self._tls

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self.closed.set()
        self._arrived.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """Called by asyncio when the peer reads slower than we write."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Called by asyncio."""
        self._writable.set()

    async def peek(self) -> bytes:
        """What has arrived so far, left in place; waits for the first byte or the end."""
        while not self._buffer and not self.closed.is_set():
            self._arrived.clear()
            await self._arrived.wait()
        return bytes(self._buffer)

    async def read(self) -> bytes:
        """What arrived; empty at the end."""
        data = await self.peek()
        self._buffer.clear()
        with contextlib.suppress(RuntimeError):  # not paused, or already closed
            self.transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Send, waiting while the peer is slow; ``ConnectionError`` when it is gone."""
        if self.transport.is_closing():
            raise ConnectionResetError("connection is closed")
        self.transport.write(data)
        await self._writable.wait()
        if self.transport.is_closing():
            raise ConnectionResetError("connection was lost while sending")

    def close(self) -> None:
        """Orderly close: everything written goes out first."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Close with a TCP reset, dropping what is still queued."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
