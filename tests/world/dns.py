"""A tiny DNS responder over UDP and TCP that answers every name alike and records who asked.

Enough of RFC 1035 to prove whether a query got out of a bottle; nothing is ever forwarded.
"""

from __future__ import annotations

import asyncio
import ipaddress
import struct
import time
from dataclasses import asdict, dataclass
from typing import Any

TYPES = {1: "A", 2: "NS", 5: "CNAME", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 255: "ANY"}
MAX_QUERIES = 100_000
NXDOMAIN, FORMERR = 3, 1


@dataclass(frozen=True, slots=True)
class Query:
    """A question that arrived."""

    name: str
    type: str
    transport: str
    peer: str
    at: float


class Responder(asyncio.DatagramProtocol):
    """Answers A questions with ``answer``, or everything with NXDOMAIN when it is None."""

    def __init__(self, answer: str | None) -> None:
        self._answer = ipaddress.IPv4Address(answer).packed if answer else None
        self._queries: list[Query] = []
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Open UDP and TCP on the same port (0: any) and return its number."""
        self._server = await asyncio.start_server(self._serve_tcp, host, port)
        port = int(self._server.sockets[0].getsockname()[1])
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(host, port)
        )
        return port

    def close(self) -> None:
        """Close both."""
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()

    def as_dict(self) -> list[dict[str, Any]]:
        """The queries as JSON-like data."""
        return [asdict(query) for query in self._queries]

    def reset(self) -> None:
        """Forget the queries."""
        self._queries.clear()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Called by asyncio."""
        reply = self.respond(data, "udp", str(addr[0]))
        if reply and self._transport is not None:
            self._transport.sendto(reply, addr)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str(writer.get_extra_info("peername")[0])
        try:
            async with asyncio.timeout(30):
                while size := await reader.readexactly(2):
                    data = await reader.readexactly(struct.unpack(">H", size)[0])
                    reply = self.respond(data, "tcp", peer)
                    writer.write(struct.pack(">H", len(reply)) + reply)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass
        finally:
            writer.close()

    def respond(self, data: bytes, transport: str, peer: str) -> bytes:
        """Record the question and build the answer; garbage is recorded too and gets FORMERR."""
        if len(data) < 12:
            self._note(Query("", "garbage", transport, peer, time.time()))
            return b""
        try:
            name, end = _name(data, 12)
            kind = struct.unpack(">H", data[end : end + 2])[0]
        except (IndexError, struct.error, ValueError):
            self._note(Query("", "garbage", transport, peer, time.time()))
            return data[:2] + struct.pack(">HHHHH", 0x8080 | FORMERR, 0, 0, 0, 0)
        self._note(Query(name, TYPES.get(kind, str(kind)), transport, peer, time.time()))
        return self._reply(data[:2], data[12 : end + 4], kind)

    def _reply(self, ident: bytes, question: bytes, kind: int) -> bytes:
        if self._answer is None:
            return ident + struct.pack(">HHHHH", 0x8180 | NXDOMAIN, 1, 0, 0, 0) + question
        if kind not in (1, 255):
            return ident + struct.pack(">HHHHH", 0x8180, 1, 0, 0, 0) + question
        record = struct.pack(">HHHIH", 0xC00C, 1, 1, 5, 4) + self._answer
        return ident + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + question + record

    def _note(self, query: Query) -> None:
        if len(self._queries) < MAX_QUERIES:
            self._queries.append(query)


def _name(data: bytes, at: int) -> tuple[str, int]:
    """A name without compression (questions have none) and where it ends."""
    labels = []
    while size := data[at]:
        if size > 63:
            raise ValueError("compressed or oversized label in a question")
        labels.append(data[at + 1 : at + 1 + size].decode("ascii", "backslashreplace"))
        at += 1 + size
    return ".".join(labels).lower(), at + 1
