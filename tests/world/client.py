"""Steers a world that runs elsewhere, over its control port or unix socket; stdlib alone."""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

TIMEOUT = 60.0
READY_SECONDS = 30.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("world", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class RemoteWorld:
    """The control API as methods. ``where`` is ``http://host:port`` or the path of a socket."""

    def __init__(self, where: str) -> None:
        self._where = where

    def call(self, method: str, path: str, data: Any = None) -> Any:
        """One request; JSON in, JSON (or text) out; ``RuntimeError`` with the server's words."""
        connection = self._connect()
        try:
            body = None if data is None else json.dumps(data)
            connection.request(method, path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {raw.decode()}")
        kind = answer.getheader("content-type", "")
        return json.loads(raw) if kind.startswith("application/json") else raw.decode()

    def _connect(self) -> http.client.HTTPConnection:
        if not self._where.startswith("http://"):
            return UnixConnection(self._where)
        parts = urlsplit(self._where)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)

    def script(
        self,
        *,
        host: str = "*",
        path: str = "*",
        method: str = "*",
        model: str = "*",
        times: int | None = None,
        **behaviour: Any,
    ) -> None:
        """Push a rule."""
        match = {"host": host, "path": path, "method": method, "model": model, "times": times}
        self.call("POST", "/rules", {**match, "script": behaviour})

    def default(self, **behaviour: Any) -> None:
        """What happens to requests that match no rule."""
        self.call("POST", "/default", behaviour)

    def plain(self) -> None:
        """Forget all rules and the default."""
        self.call("DELETE", "/rules")

    def fail_certificates(self, hosts: Mapping[str, str]) -> None:
        """Show bad certificates."""
        self.call("POST", "/faults", dict(hosts))

    def truth(self, since: int = 0, settle_seconds: float = 1.0) -> dict[str, Any]:
        """The whole truth."""
        found: dict[str, Any] = self.call("GET", f"/truth?since={since}&settle={settle_seconds}")
        return found

    def requests(self, settle_seconds: float = 1.0, **wanted: Any) -> list[dict[str, Any]]:
        """The records whose fields equal those given, oldest first."""
        found = self.truth(settle_seconds=settle_seconds)["requests"]
        return [r for r in found if all(r[key] == value for key, value in wanted.items())]

    def totals(self, settle_seconds: float = 1.0) -> dict[str, Any]:
        """Sums over all records."""
        found: dict[str, Any] = self.call("GET", f"/totals?settle={settle_seconds}")
        return found

    def reset(self) -> None:
        """Forget rules, faults and records."""
        self.call("POST", "/reset")

    def drop(self) -> None:
        """Reset every open connection."""
        self.call("POST", "/drop")

    def ca_pem(self) -> str:
        """The certificate to trust."""
        return str(self.call("GET", "/ca.pem"))


class SpawnedWorld(RemoteWorld):
    """A world in a process of its own, ended with the ``with`` block."""

    def __init__(self, *args: str, max_seconds: int = 600) -> None:
        command = [sys.executable, "-m", "tests.world", "serve", "--max-seconds", str(max_seconds)]
        self._process = _start([*command, *args])
        self.ready = _ready_line(self._process)
        super().__init__(f"http://127.0.0.1:{self.ready['control_port']}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


def _start(command: Sequence[str]) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        command,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )


def _ready_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if select.select([process.stdout], [], [], 0.2)[0]:
            line = process.stdout.readline()
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
    process.kill()
    raise RuntimeError("the world did not start")
