"""One listening socket for each registered account; the place of a socket is the identity.

A socket is bound under a temporary name and renamed, so there is no moment at which a client
finds a dead one, and a left-over of a killed service is simply replaced.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from botbottle.model.paths import slug
from botbottle.sidecar.ledger.connection import Connection
from botbottle.sidecar.ledger.descriptors import FULL, Descriptors
from botbottle.sidecar.ledger.handlers import Caller
from botbottle.sidecar.ledger.service import Service

NAME = "ledger.sock"
BACKLOG = 64


class Door:
    """The socket of one account and the connections that came through it."""

    def __init__(
        self, service: Service, account: str, path: Path, most: int, descriptors: Descriptors
    ) -> None:
        self.account = account
        self.path = path
        self._service = service
        self._most, self._descriptors = most, descriptors
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def open(self, mode: int, others: int) -> None:
        """Listen, beside so many ``others``. Raises OSError when the directory is missing and
        cannot be made, or too many files are open."""
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        listener = bound(self.path, mode)
        try:
            self._descriptors.require(listener.fileno(), others)
        except OSError:
            listener.close()
            self.path.unlink(missing_ok=True)
            raise
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._connect, sock=listener, backlog=BACKLOG)

    def _connect(self) -> Connection:
        caller = Caller(self.account, self._service.allowance(self.account))
        return Connection(caller, self._service.ready, self._opened, self._connections.discard)

    def _opened(self, connection: Connection) -> bool:
        if len(self._connections) >= self._most:
            return False
        if not self._descriptors.has(connection.descriptor, first=not self._connections):
            self._service.crowded(connection, FULL)
            return False
        self._connections.add(connection)
        return True

    def close(self) -> None:
        """Stop listening, hang up on everybody, remove the socket."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


class Doors:
    """All sockets below one directory, kept equal to the registered accounts."""

    def __init__(self, service: Service, root: Path, most: int, descriptors: Descriptors) -> None:
        self._service = service
        self._root = root
        self._most, self._descriptors = most, descriptors
        self._doors: dict[str, Door] = {}

    async def update(self, accounts: set[str], failed: Callable[[str, OSError], None]) -> None:
        """Open what is new, close what is gone. ``failed`` hears of sockets that cannot be
        made; they are tried again at the next update."""
        for account in self._doors.keys() - accounts:
            self._doors.pop(account).close()
        for account in sorted(accounts - self._doors.keys()):
            project, _, name = account.rpartition("/")
            path = self._root / slug(project, name) / NAME
            try:
                if any(path == door.path for door in self._doors.values()):
                    raise FileExistsError("another bottle's socket has this place")
                await self._open(account, path, 0o666)
            except OSError as error:
                failed(account, error)
                if error.errno == errno.EMFILE:
                    return  # nor has anybody after it a chance

    async def _open(self, account: str, path: Path, mode: int) -> None:
        door = Door(self._service, account, path, self._most, self._descriptors)
        await door.open(mode, len(self._doors))
        self._doors[account] = door

    def close(self) -> None:
        for door in self._doors.values():
            door.close()
        self._doors.clear()


def bound(path: Path, mode: int) -> socket.socket:
    """A listening unix socket at ``path`` with ``mode``, in place of whatever was there."""
    temporary = path.with_name(f".{path.name[:8]}.new")
    temporary.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(temporary))
        temporary.chmod(mode)
        listener.listen(BACKLOG)
        listener.setblocking(False)
        temporary.rename(path)
    except OSError:
        listener.close()
        temporary.unlink(missing_ok=True)
        raise
    return listener
