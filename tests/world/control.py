"""The control API: scripts in, truth out. A port of its own, which no bottle can reach.

``GET /health``, ``GET /truth[?since=&settle=]``, ``GET /totals[?settle=]``, ``GET /ca.pem``,
``POST /rules`` (one rule or a list), ``DELETE /rules``, ``POST /default`` (a script),
``POST /faults`` (host to certificate fault), ``POST /reset``, ``POST /drop``, ``POST /stop``.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.world import http1
from tests.world.app import App
from tests.world.ca import FAULTS, Authority
from tests.world.delivery import Sink
from tests.world.dns import Responder
from tests.world.script import Book, parse, parse_rule
from tests.world.sinks import Sinks
from tests.world.stream import Stream
from tests.world.truth import Connection, totals
from tests.world.wire import Reply, Request, json_reply, text_reply

MAX_SETTLE = 30.0  # seconds


class Control:
    """Answers the control API for one world."""

    def __init__(
        self,
        app: App,
        authority: Authority,
        dns: Responder | None,
        sinks: Sinks,
        drop: Callable[[], int],
    ) -> None:
        self._app = app
        self._authority = authority
        self._dns = dns
        self._sinks = sinks
        self._drop = drop
        self._servers: list[asyncio.Server] = []
        self.stop = asyncio.Event()

    async def listen(self, host: str, port: int) -> int:
        """Open a TCP port (0: any) and return its number."""
        loop = asyncio.get_running_loop()
        sock = socket.create_server((host, port))
        self._servers.append(await loop.create_server(self._protocol, sock=sock))
        return int(sock.getsockname()[1])

    async def listen_unix(self, path: Path) -> None:
        """Open a unix socket, for everybody who reaches its folder."""
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_unix_server(self._protocol, str(path)))
        path.chmod(0o666)

    def close(self) -> None:
        """Close the ports."""
        for server in self._servers:
            server.close()

    def _protocol(self) -> Stream:
        return Client(self._answer)

    async def _answer(self, request: Request, sink: Sink) -> None:
        try:
            reply = await self._reply(request)
        except (ValueError, TypeError, KeyError) as error:
            reply = json_reply({"error": str(error)}, status=400)
        body = b"".join(frame.data for frame in reply.frames)
        head = [*reply.headers, ("content-length", str(len(body)))]
        await sink.start(reply.status, head, end=False)
        await sink.data(body)
        await sink.end()

    async def _reply(self, request: Request) -> Reply:
        if request.method == "GET":
            return await self._read(request)
        return self._write(request)

    async def _read(self, request: Request) -> Reply:
        await settle(self._app, float(request.arg("settle", "0")))
        match request.path:
            case "/health":
                return json_reply({"ready": True})
            case "/truth":
                return json_reply(self.truth(int(request.arg("since", "0"))))
            case "/totals":
                return json_reply(totals(self._app.truth.records()))
            case "/ca.pem":
                return text_reply(self._authority.pem.decode(), kind="application/x-pem-file")
        return json_reply({"error": "no such path"}, status=404)

    def _write(self, request: Request) -> Reply:
        data = request.json()
        match request.method, request.path:
            case "POST", "/rules":
                items = data if isinstance(data, list) else [data]
                self._app.book.rules.extend([parse_rule(item) for item in items])
            case "DELETE", "/rules":
                self._app.book = Book()
            case "POST", "/default":
                self._app.book.default = parse(data)
            case "POST", "/faults":
                self._authority.faults = faults(data)
            case "POST", "/reset":
                self.reset()
            case "POST", "/drop":
                return json_reply({"dropped": self._drop()})
            case "POST", "/stop":
                self.stop.set()
            case _:
                return json_reply({"error": "no such path"}, status=404)
        return json_reply({"ok": True})

    def truth(self, since: int = 0) -> dict[str, Any]:
        """The whole truth, with DNS queries and whatever reached the raw sinks."""
        queries = self._dns.as_dict() if self._dns else []
        return self._app.truth.as_dict(since) | {"dns": queries, "raw": self._sinks.as_dict()}

    def reset(self) -> None:
        """Forget rules and records."""
        self._app.book = Book()
        self._app.truth.reset()
        self._authority.faults = {}
        self._sinks.reset()
        if self._dns is not None:
            self._dns.reset()


class Client(Stream):
    """A connection to the control API."""

    def __init__(self, answer: http1.Answer) -> None:
        super().__init__()
        self._answer = answer
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        super().connection_made(transport)
        self._task = asyncio.ensure_future(self._serve())

    async def _serve(self) -> None:
        found = Connection(0, "control", 0, False, 0.0)
        with contextlib.suppress(ConnectionError):
            await http1.serve(self, found, self._answer, None)


def faults(data: Any) -> dict[str, str]:
    """Host to certificate fault, checked."""
    found = {str(host): str(fault) for host, fault in dict(data).items()}
    if bad := set(found.values()) - set(FAULTS):
        raise ValueError(f"unknown faults: {sorted(bad)}; known: {FAULTS}")
    return found


async def settle(app: App, seconds: float) -> None:
    """Wait until no answer is on its way, at most so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(min(seconds, MAX_SETTLE)):
            while not app.truth.settled():
                await asyncio.sleep(0.005)
