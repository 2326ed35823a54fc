"""Raw TCP and UDP listeners that record whatever reaches them; for probes that bypass proxies.

Each answers so that a probe can tell that it got through: TCP greets, UDP sends back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

GREETING = b"world\n"
MAX_ARRIVALS = 100_000
SAMPLE = 256  # bytes kept of what arrived


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something that should not have got here, or a positive control that should."""

    transport: str
    port: int
    peer: str
    size: int
    sample: str  # the first bytes, in hexadecimal
    at: float


type Note = Callable[[str, int, str, bytes], None]


class Sinks:
    """All raw listeners of one world."""

    def __init__(self) -> None:
        self._arrivals: list[Arrival] = []
        self._servers: list[asyncio.Server] = []
        self._transports: list[asyncio.DatagramTransport] = []
        self._clients: set[asyncio.StreamWriter] = set()

    async def listen_tcp(self, host: str, port: int) -> int:
        """Open a TCP port (0: any) and return its number."""
        server = await asyncio.start_server(self._serve, host, port)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def listen_udp(self, host: str, port: int) -> int:
        """Open a UDP port (0: any) and return its number."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Datagrams(self._note), local_addr=(host, port)
        )
        self._transports.append(transport)
        return int(transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        """Close all."""
        for server in self._servers:
            server.close()
        for transport in self._transports:
            transport.close()
        for client in self._clients:
            client.close()

    def as_dict(self) -> list[dict[str, Any]]:
        """The arrivals as JSON-like data."""
        return [asdict(arrival) for arrival in self._arrivals]

    def reset(self) -> None:
        """Forget the arrivals."""
        self._arrivals.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str(writer.get_extra_info("peername")[0])
        port = int(writer.get_extra_info("sockname")[1])
        self._note("tcp", port, peer, b"")  # that it connected is already news
        self._clients.add(writer)
        try:
            writer.write(GREETING)
            async with asyncio.timeout(60):
                while data := await reader.read(65536):
                    self._note("tcp", port, peer, data)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    def _note(self, transport: str, port: int, peer: str, data: bytes) -> None:
        if len(self._arrivals) < MAX_ARRIVALS:
            sample = data[:SAMPLE].hex()
            arrival = Arrival(transport, port, peer, len(data), sample, time.time())
            self._arrivals.append(arrival)


class Datagrams(asyncio.DatagramProtocol):
    """One UDP port."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Called by asyncio."""
        assert self._transport is not None
        port = int(self._transport.get_extra_info("sockname")[1])
        self._note("udp", port, str(addr[0]), data)
        self._transport.sendto(data, addr)
