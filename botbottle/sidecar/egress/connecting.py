"""Opens connections to upstreams, to the very addresses that were checked."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Protocol

from mitmproxy.connection import Connection, Server
from mitmproxy.proxy.commands import OpenConnection

from botbottle.sidecar.egress.descriptors import Places, Upstreams

_TRIED = 4  # addresses of one name


class Abortable(Protocol):
    """A connection that can be ended."""

    def abort(self) -> None:
        """End it now."""


class Resolving(Protocol):
    """Who checks addresses."""

    connect_timeout: float  # seconds for one address
    upstreams: Upstreams

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Addresses to connect to for a judged target. Raises OSError with a denial code."""


async def reach(
    sidecar: Resolving, connection: Server, protocol: Callable[[], asyncio.BaseProtocol]
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


def _shaken(connection: Connection, link: weakref.ref[Abortable]) -> None:
    """End a connection whose TLS is not there yet."""
    late = link()
    if late is not None and connection.connected and not connection.tls_established:
        connection.error = "upstream: TLS was not established in time"
        late.abort()


class Opening:
    """Connections that are being opened for one client connection. ``made``: the protocol of one;
    ``failed`` is told of one that cannot be made, its ``error`` says why."""

    def __init__(
        self,
        sidecar: Resolving,
        made: Callable[[Server], asyncio.BaseProtocol],
        failed: Callable[[OpenConnection], None],
    ) -> None:
        self._sidecar, self._made, self._failed = sidecar, made, failed
        self._under_way: dict[Connection, tuple[OpenConnection, asyncio.Task[None]]] = {}
        self._places = Places(sidecar.upstreams)
        self._over = False

    def begin(self, command: OpenConnection) -> None:
        """Open a connection."""
        task = asyncio.get_running_loop().create_task(self._connect(command))
        self._under_way[command.connection] = (command, task)

    def done(self, connection: Connection, link: Abortable) -> OpenConnection:
        """A connection is there; who asked for it. Its TLS has as long as it had."""
        if connection.tls:
            loop, late = asyncio.get_running_loop(), weakref.ref(link)
            loop.call_later(self._sidecar.connect_timeout, _shaken, connection, late)
        return self._under_way.pop(connection)[0]

    def lost(self, connection: Connection) -> None:
        """A connection that was there is over."""
        self._places.leave(connection)

    def cancel(self, connection: Connection) -> None:
        """Nobody waits for this connection any more, if anybody did."""
        if connection in self._under_way:
            self._under_way[connection][1].cancel()

    def cancel_all(self) -> None:
        """The client is gone: nobody waits for any."""
        self._over = True
        for _, task in self._under_way.values():
            task.cancel()

    async def _connect(self, command: OpenConnection) -> None:
        connection = command.connection
        try:
            if self._over:
                raise OSError("upstream: nobody waits for this connection")
            self._places.take(connection)
            await reach(self._sidecar, connection, lambda: self._made(connection))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - must be answered
            self._under_way.pop(connection, None)
            self._places.leave(connection)
            connection.error = str(error) if isinstance(error, OSError) else ""
            connection.error = connection.error or f"upstream: {type(error).__name__}"
            if not self._over:
                self._failed(command)
