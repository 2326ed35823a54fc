"""The bottle's DNS: every name is the sidecar, and no query goes anywhere.

A program that ignores proxy variables resolves a name, gets the sidecar's own address, and
connects to its port 443 or 80, where the name in SNI or Host is judged like any other. A answers
with the sidecar's address, everything else with an empty answer (so that AAAA and HTTPS lookups
fall back at once). Wire format: RFC 1035; only one question per query, no compression in it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from contextlib import suppress
from typing import cast

A, ANY, IN = 1, 255, 1
TTL = 30  # seconds
_HEADER = struct.Struct("!HHHHHH")
_MAX = 512
MOST = 32  # connections at a time; programs ask over UDP
_PATIENCE = 10  # seconds for all questions of one


def answer(query: bytes, address: str) -> bytes | None:
    """The reply to a query, or None for what is not a query."""
    if len(query) < 12 or len(query) > _MAX:
        return None
    number, flags, questions, *_ = _HEADER.unpack_from(query)
    if flags & 0x8000:
        return None  # a response
    recursion = flags & 0x0100
    opcode = flags & 0x7800
    end = _question_end(query)
    if opcode or questions != 1 or end is None:
        code = 4 if opcode else 1  # not implemented, or malformed
        return _HEADER.pack(number, 0x8000 | opcode | recursion | code, 0, 0, 0, 0)
    kind, klass = struct.unpack_from("!HH", query, end - 4)
    wanted = kind in (A, ANY) and klass == IN
    head = _HEADER.pack(number, 0x8480 | recursion, 1, int(wanted), 0, 0)
    reply = head + query[12:end]
    if wanted:
        packed = ipaddress.IPv4Address(address).packed
        reply += b"\xc0\x0c" + struct.pack("!HHIH", A, IN, TTL, 4) + packed
    return reply


def _question_end(query: bytes) -> int | None:
    """Offset after the question, or None when it is malformed."""
    at = 12
    while at < len(query) and query[at]:
        if query[at] > 63:
            return None
        at += query[at] + 1
    return at + 5 if at + 5 <= len(query) else None


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, address: str) -> None:
        self._address = address
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's is no subclass

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        address = self._address
        if self._transport is not None and (reply := answer(data, address)) is not None:
            self._transport.sendto(reply, addr)


class _Tcp:
    """Answers on connections, of which there are ``MOST``: each is a descriptor, and the control
    socket needs one as well."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._open: set[asyncio.Task[None]] = set()

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= MOST:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._talk(reader, writer)
                    writer.close()
                    await writer.wait_closed()
        finally:
            writer.transport.abort()  # whatever is not taken yet

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                size = struct.unpack("!H", await reader.readexactly(2))[0]
                reply = answer(await reader.readexactly(size), self._address)
                if reply is None:
                    return
                writer.write(struct.pack("!H", len(reply)) + reply)
                await writer.drain()


async def serve(
    address: str, port: int, answer_with: str
) -> tuple[asyncio.BaseTransport, asyncio.Server]:
    """Listen on UDP and TCP; every A query is answered with ``answer_with``."""
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(_Tcp(answer_with), address, port, backlog=MOST)
    bound = server.sockets[0].getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Udp(answer_with), local_addr=(address, bound)
    )
    return transport, server
