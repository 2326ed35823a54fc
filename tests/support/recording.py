"""A unix-socket proxy in front of an engine: records every request, and can refuse, delay, cut or
fail it, or kill the client before or after the request takes effect.

It forwards bytes and understands just enough HTTP/1.1 to find where requests begin. Point
DOCKER_HOST at ``url``. Crash tests start bb as a subprocess, give its pid to ``kill_at`` and let
the proxy kill it with SIGKILL at the k-th writing request: a crash at an exact point, without any
switch in the product.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.faults import Fault, Request, matching
from tests.support.passing import PATIENCE, Session


@dataclass(slots=True)
class Recorder:
    """The proxy. ``requests`` grows in the order in which requests arrived."""

    engine: str  # path of the engine's socket
    path: str
    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    _used: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: set[socket.socket] = field(default_factory=set)
    _clients: list[socket.socket] = field(default_factory=list)
    _serving: list[threading.Thread] = field(default_factory=list)
    _server: socket.socket | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    @property
    def writes(self) -> list[Request]:
        return [r for r in self.requests if r.writes]

    def clear(self) -> None:
        """Forget requests and faults."""
        with self._lock:
            self.requests.clear()
            self.faults.clear()
            self._used.clear()

    def refuse_writes(self) -> None:
        """Answer 403 to everything but GET and HEAD."""
        self.faults.append(Fault(lambda r, _n: r.writes, status=403))

    def fail(self, pattern: str, status: int = 500, times: int = -1) -> None:
        """Answer ``status`` to requests whose ``METHOD /path`` matches ``pattern``."""
        self.faults.append(Fault(matching(pattern), status=status, times=times))

    def delay(self, pattern: str, seconds: float, times: int = -1) -> None:
        self.faults.append(Fault(matching(pattern), delay=seconds, times=times))

    def hold(self, pattern: str) -> threading.Event:
        """Keep the first matching request waiting until the returned event is set."""
        gate = threading.Event()
        self.faults.append(Fault(matching(pattern), gate=gate, times=1))
        return gate

    def cut(self, pattern: str, when: str = "before", times: int = 1) -> None:
        """Close the client's connection instead of forwarding (``before``) or instead of passing
        on the engine's answer (``after``)."""
        self.faults.append(Fault(matching(pattern), cut=True, when=when, times=times))

    def kill_at(self, write: int, pid: Callable[[], int], when: str = "before") -> None:
        """SIGKILL the process ``pid()`` at the ``write``-th writing request (from 1)."""
        self.faults.append(
            Fault(
                lambda r, n: r.writes and n == write,
                cut=True,
                when=when,
                act=lambda: os.kill(pid(), signal.SIGKILL),
                times=1,
            )
        )

    def open_connections(self) -> list[socket.socket]:
        """Clients that are connected now."""
        with self._lock:
            return [s for s in self._clients if s.fileno() >= 0]

    def cut_all(self) -> None:
        """Close every open connection, as an engine restart does."""
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def start(self) -> None:
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(self.path)
        self._server.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            with contextlib.suppress(OSError):
                self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
        self.drain()
        self.cut_all()
        Path(self.path).unlink(missing_ok=True)

    def drain(self) -> None:
        """Let go of the clients and wait until the engine has ended what they asked for: a killed
        client's last request may still be under way, and whoever looks next would see its effect
        come out of nowhere."""
        with self._lock:
            clients, serving = list(self._clients), list(self._serving)
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + PATIENCE
        for thread in serving:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        assert self._server is not None
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            with self._lock:  # whoever drains sees a client and its thread, which has started
                self._clients.append(client)
                self._serving = [t for t in self._serving if t.is_alive()] + [thread]
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        engine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with client, engine, contextlib.suppress(OSError):
            engine.connect(self.engine)
            with self._lock:
                self._open |= {client, engine}
            Session(self.arrived, client, engine).run()
        with self._lock:
            self._open -= {client, engine}

    def arrived(self, request: Request) -> Fault | None:
        """Record a request and find its fault."""
        with self._lock:
            self.requests.append(request)
            number = sum(r.writes for r in self.requests)
            for index, fault in enumerate(self.faults):
                used = self._used.get(index, 0)
                if fault.times in (-1, *range(used + 1, fault.times + 1)) and fault.matches(
                    request, number
                ):
                    self._used[index] = used + 1
                    return fault
        return None


@contextlib.contextmanager
def recording(engine: str) -> Iterator[Recorder]:
    """A proxy before the engine's socket (a path or ``unix://`` URL)."""
    with tempfile.TemporaryDirectory(prefix="bb-") as directory:
        recorder = Recorder(engine.removeprefix("unix://"), f"{directory}/d.sock")
        recorder.start()
        try:
            yield recorder
        finally:
            recorder.stop()
