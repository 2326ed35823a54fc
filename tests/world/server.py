"""Listens, records every connection, and hands it to the protocol that the client chose."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

import h11

from tests.world import http1, http2, websocket, ws_session
from tests.world.app import App
from tests.world.ca import FALLBACK_NAME, Authority
from tests.world.dialects import registry
from tests.world.dialects.plain import error
from tests.world.stream import Stream
from tests.world.truth import Connection
from tests.world.wire import Request, json_reply

HANDSHAKE_SECONDS = 10.0
PREFACE = b"PRI "


class Server:
    """The data ports: TLS with a certificate for whatever name is asked for, and plain HTTP."""

    def __init__(self, app: App, authority: Authority) -> None:
        self._app = app
        self._authority = authority
        self._context = authority.context(FALLBACK_NAME)
        self._context.sni_callback = self._choose
        self._names: dict[int, str] = {}
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._streams: set[Stream] = set()

    async def listen(self, host: str, port: int, *, tls: bool) -> int:
        """Open a port (0: any) and return its number."""
        listener = socket.create_server((host, port), backlog=512)
        listener.setblocking(False)
        self._listeners.append(listener)
        self._spawn(self._accept(listener, tls=tls))
        return int(listener.getsockname()[1])

    async def close(self) -> None:
        """Close the ports and every connection."""
        for listener in self._listeners:
            listener.close()
        self.drop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop(self) -> int:
        """Reset all open connections; returns how many there were."""
        streams = list(self._streams)
        for stream in streams:
            stream.reset()
        return len(streams)

    def _spawn(self, work: asyncio._CoroutineLike[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket, *, tls: bool) -> None:
        loop = asyncio.get_running_loop()
        port = int(listener.getsockname()[1])
        while True:
            sock, address = await loop.sock_accept(listener)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            found = self._app.truth.connected(str(address[0]), port, tls=tls)
            self._spawn(self._connection(sock, found))

    async def _connection(self, sock: socket.socket, found: Connection) -> None:
        loop = asyncio.get_running_loop()
        stream = Stream()
        try:
            await loop.connect_accepted_socket(
                lambda: stream,
                sock,
                ssl=self._context if found.tls else None,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if found.tls else None,
            )
        except (OSError, ssl.SSLError, asyncio.CancelledError) as failure:
            found.error = f"handshake: {failure!r}"
            sock.close()
            return
        self._streams.add(stream)
        try:
            await self._serve(stream, found)
        except Exception as failure:  # noqa: BLE001 - one broken exchange, on record, is no end
            found.error = found.error or repr(failure)
        finally:
            self._streams.discard(stream)
            stream.close()

    async def _serve(self, stream: Stream, found: Connection) -> None:
        tls = stream.transport.get_extra_info("ssl_object")
        if tls is not None:
            found.alpn = tls.selected_alpn_protocol()
            found.sni = getattr(tls, "world_sni", None)
        if found.alpn == "h2" or (tls is None and (await stream.peek())[:4] == PREFACE):
            await http2.Session(stream, found, self._app.answer).serve()
        else:
            await http1.serve(stream, found, self._app.answer, self._upgrade)

    def _choose(self, tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        """SNI callback: note the name and show a certificate for it."""
        if name is None:
            return
        self._app.truth.asked_for(name)
        tls.world_sni = name  # type: ignore[attr-defined]
        tls.context = self._authority.context(name)

    async def _upgrade(
        self, request: Request, stream: Stream, trailing: bytes, machine: h11.Connection
    ) -> bool:
        """Answer a WebSocket upgrade; whether the connection was taken over."""
        speaks = registry.UPGRADE_PATH.fullmatch(request.path) is not None
        script = self._app.book.pick("UPGRADE", request.host, request.path, "")
        if script.upgrade_status or not (speaks or request.path == "/ws"):
            await self._decline(request, http1.Exchange(stream, machine), script.upgrade_status)
            return False
        self._note(request, "openai.ws_upgrade" if speaks else "ws.echo", 101)
        socket_ = await websocket.accept(request, stream, trailing, machine)
        with contextlib.suppress(ConnectionError):
            if speaks:
                await ws_session.Session(self._app, request, socket_).run()
            else:
                await ws_session.echo(socket_)
        return True

    def _note(self, request: Request, dialect: str, status: int) -> None:
        named = registry.RESPONSES_WS if dialect.startswith("openai") else registry.MISSING
        provider = registry.provider_of(request.host, named)
        record = self._app.truth.received(request, provider, dialect, metered=False)
        record.status = status
        self._app.truth.finish(record, "completed")

    async def _decline(self, request: Request, sink: http1.Exchange, status: int | None) -> None:
        status = status or 404
        self._note(request, "ws.declined", status)
        reply = json_reply(error(status, "no WebSocket here"), status=status)
        body = b"".join(frame.data for frame in reply.frames)
        await sink.start(status, [*reply.headers, ("content-length", str(len(body)))], end=False)
        await sink.data(body)
        await sink.end()
