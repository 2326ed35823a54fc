"""An engine that owns nothing: answers a watch's reading calls over a unix socket, so that the
process itself (signals, locks, files) can be tested where no engine is.

It can be stopped and started again, made to hang, to fail, and to cut its event streams. Writing
requests are answered 403 and kept in ``writes``.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ANSWERS: dict[str, object] = {
    "/version": {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"},
    "/info": {"ID": "stub", "Runtimes": {"runc": {}}, "DockerRootDir": "/nonexistent"},
    "/containers/json": [],
    "/networks": [],
    "/volumes": {"Volumes": []},
    "/images/json": [],
}


@dataclass(slots=True)
class StubEngine:
    """See the module. ``answers``: path without the version → JSON."""

    path: Path
    answers: dict[str, object] = field(default_factory=lambda: dict(ANSWERS))
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    status: int = 200  # of every list while not 200: the engine fails
    hanging: threading.Event = field(default_factory=threading.Event)
    _server: socket.socket | None = None
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(self.path))
        self._server.listen(64)
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def stop(self) -> None:
        """Nobody answers any more; every connection ends."""
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
        self.path.unlink(missing_ok=True)
        self.cut()

    def cut(self) -> None:
        """End every open connection, event streams among them."""
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with self._lock:
                    self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with (
            contextlib.suppress(OSError, ValueError),
            connection,
            connection.makefile("rb") as text,
        ):
            while request := text.readline():
                while text.readline().strip():
                    pass
                method, target = request.decode().split()[:2]
                self._answer(connection, method, _path(target))

    def _answer(self, connection: socket.socket, method: str, path: str) -> None:
        if method != "GET":
            self.writes.append(f"{method} {path}")
            connection.sendall(_reply(403, {"message": "a stub owns nothing"}))
            return
        self.reads.append(path)
        if self.hanging.is_set():
            threading.Event().wait(600)
        if path == "/events":
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.recv(1)  # until either side ends it
            raise ValueError("the stream ended")
        found = self.answers.get(path)
        bad = self.status != 200 and path != "/version"
        status = self.status if bad else 200 if found is not None else 404
        connection.sendall(_reply(status, {"message": "stub"} if status != 200 else found))


def _path(target: str) -> str:
    bare = target.partition("?")[0]
    return "/" + bare.split("/", 2)[2] if bare.startswith("/v1.") else bare


def _reply(status: int, data: object) -> bytes:
    body = json.dumps(data).encode()
    head = f"HTTP/1.1 {status} X\r\nServer: Docker/20.10.24 (linux)\r\nApi-Version: 1.41\r\n"
    return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextlib.contextmanager
def stub_engine(folder: Path) -> Iterator[StubEngine]:
    """A running stub; its socket's path is short whatever the folder's is."""
    link = Path(f"/tmp/bb-stub-{os.getpid()}-{abs(hash(folder)) % 10**8}")
    made = StubEngine(link)
    made.start()
    try:
        yield made
    finally:
        made.stop()
