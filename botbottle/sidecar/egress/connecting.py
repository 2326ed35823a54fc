"""Opens connections to upstreams, to the very addresses that were checked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from mitmproxy.connection import Server

_TRIED = 4  # addresses of one name


class Resolving(Protocol):
    """Who checks addresses."""

    connect_timeout: float  # seconds for one address

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Addresses to connect to for a judged target. Raises OSError with a denial code."""


async def reach(
    sidecar: Resolving, connection: Server, protocol: Callable[[], asyncio.Protocol]
) -> None:
    """Connect to the first address that answers. Raises OSError with a denial code."""
    if connection.address is None:
        raise OSError("upstream: nobody waits for this connection")
    name, port = connection.address
    found, problem = await sidecar.addresses(name, port), ""
    for address in found[:_TRIED]:
        try:
            async with asyncio.timeout(sidecar.connect_timeout):
                await asyncio.get_running_loop().create_connection(protocol, address, port)
            return
        except OSError as error:  # TimeoutError is one
            problem = str(error) or "timed out"
    raise OSError(f"upstream: cannot connect to {name} port {port} ({problem})")
