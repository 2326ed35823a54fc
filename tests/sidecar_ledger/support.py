"""What the service's tests speak with: raw sockets, processes, patience."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botbottle.ledger.api import Ledger
from botbottle.model.paths import slug
from botbottle.sidecar.ledger import wire
from tests.ledger.worlds import exchange


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Poll until true; the value. Fails the test when it never is."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)
    return value


@dataclass
class World:
    home: Path
    ledger: Ledger

    @property
    def db(self) -> Path:
        return self.home / "l" / "bot-bottle.db"

    @property
    def root(self) -> Path:
        return self.home / "s"

    def path(self, name: str) -> Path:
        """Where the socket of ``p/NAME`` belongs."""
        return self.root / slug("p", name) / "ledger.sock"

    def socket(self, name: str) -> Path:
        """The same, once it is there."""
        wait_for(self.path(name).exists)
        return self.path(name)


class Raw:
    """A client without manners: sends what it is told."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(60)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rb")
        self._number = 0

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self) -> dict[str, Any] | None:
        """The next reply; None at the end."""
        try:
            line = self._file.readline()
        except ConnectionResetError:
            return None
        return json.loads(line) if line else None

    def frame(self, op: str, **fields: Any) -> bytes:
        self._number += 1
        return wire.encode({"v": 1, "id": self._number, "op": op, **fields})

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        self.send(self.frame(op, **fields))
        reply = self.receive()
        assert reply is not None
        assert reply["id"] == self._number
        return reply

    def admit(self, **fields: Any) -> dict[str, Any]:
        return self.ask(
            "admit", **{"provider": "claude", "model": "m", "input": 10, "output": 90, **fields}
        )

    def settle(self, *rows: dict[str, Any], lease: str = "") -> dict[str, Any]:
        return self.ask("settle", lease=lease, exchanges=list(rows))


def row(output: int = 50, **changes: Any) -> dict[str, Any]:
    """An exchange as it travels, with any field replaced."""
    return {**wire.exchange_to_wire(exchange(output, prompt=50, at=time.time())), **changes}


def alarms(service: World) -> list[Any]:
    """What the service has kept of attacks."""
    return [e for e in service.ledger.events(limit=1000) if e.kind == "alarm"]


class Process:
    """The service as a child process. ``files``: its limits of open files, soft and hard."""

    def __init__(self, world: World, files: tuple[int, int] | None = None) -> None:
        self._world = world
        self._files = files
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "botbottle.sidecar.ledger"]
        arguments = ["--db", str(self._world.db), "--sockets", str(self._world.root)]
        self._child = subprocess.Popen([*command, *arguments], stderr=subprocess.DEVNULL)
        if self._files is not None:
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, self._files)
        wait_for(self.answers)

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def answers(self) -> bool:
        """Whether the service says hello."""
        try:
            with Raw(self._world.root / "service.sock") as raw:
                return bool(raw.ask("hello")["ok"])
        except (OSError, AssertionError):
            return False

    def kill(self) -> None:
        """SIGKILL, at this very moment."""
        assert self._child is not None
        self._child.send_signal(signal.SIGKILL)
        self._child.wait(60)

    def stop(self) -> int:
        if self._child is None or self._child.poll() is not None:
            return 0
        self._child.terminate()
        return self._child.wait(60)
