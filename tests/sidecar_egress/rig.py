"""A real sidecar process between a real client and the scripted upstream, on loopback.

Nothing in it is special to tests: the upstream is reached through the sidecar's ``--hosts`` file
and routes that declare ``allow_private``, exactly as a user would reach a host on a company
network. The ledger is the real service on a real SQLite file.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from botbottle.control import SidecarClient, connect, wait_ready
from botbottle.ledger import open_ledger
from botbottle.model.bottle import Limit, Scope
from botbottle.model.paths import slug
from botbottle.model.resources import SidecarStatus
from botbottle.model.route import Auth, Match, Route
from botbottle.model.sidecar_config import Hold, SidecarConfig
from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
RULES = Path(tempfile.gettempdir()) / f"botbottle-test-rules-{os.getuid()}"
KEY = b"k" * 32
PROJECT, BOTTLE = "test", "b"
ACCOUNT = f"{PROJECT}/{BOTTLE}"
HOSTS = (
    "api.anthropic.com api.openai.com chatgpt.com generativelanguage.googleapis.com "
    "api.example.com other.example.com a.wild.example.com git.example.com"
)
ANTHROPIC, OPENAI, EXAMPLE = "api.anthropic.com", "api.openai.com", "api.example.com"


class LedgerProcess:
    """The ledger service with one account whose bottle scope has the given limits."""

    def __init__(self, folder: Path, limits: Iterable[Limit] = ()) -> None:
        self.db = folder / "ledger.db"
        self.sockets = folder / "l"
        self.directory = self.sockets / slug(PROJECT, BOTTLE)
        self.ledger = open_ledger(str(self.db))
        self._mark = 0
        self.limit(*limits)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def limit(self, *limits: Limit) -> None:
        self.ledger.register(ACCOUNT, [Scope("bottle", f"bottle:{BOTTLE}", tuple(limits))])

    def start(self) -> None:
        command = [sys.executable, "-m", "botbottle.sidecar.ledger", "--db", str(self.db)]
        self._process = subprocess.Popen(
            [*command, "--sockets", str(self.sockets)], cwd=ROOT, stderr=subprocess.DEVNULL
        )
        until(lambda: (self.directory / "ledger.sock").exists(), "the ledger's socket")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        """Connected, but it takes nothing any more; only ``kill`` ends that."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def close(self) -> None:
        self.stop()
        self.ledger.close()

    def rows(self) -> list[Any]:
        """Exchanges stored since the last ``mark``, oldest first."""
        return [r for r in reversed(self.ledger.exchanges(limit=1000)) if r.id > self._mark]

    def mark(self) -> None:
        """Forget what is stored so far."""
        newest = self.ledger.exchanges(limit=1)
        self._mark = newest[0].id if newest else 0

    def reserved(self) -> int:
        """Tokens reserved now in all pools of the account."""
        return sum(p.reserved for p in self.ledger.account_pools(ACCOUNT, time.time()))


class SidecarProcess:
    """``python -m botbottle.sidecar.egress`` in a directory of its own."""

    def __init__(
        self,
        folder: Path,
        ledger: Path | None = None,
        extra: Sequence[str] = (),
        hosts: str = HOSTS,
    ) -> None:
        self.folder = folder
        self._ledger, self._extra = ledger, tuple(extra)
        for name in ("control", "ca", "public"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "hosts").write_text(f"127.0.0.1 {hosts}\n")
        self.lines: list[dict[str, Any]] = []
        self.ports: dict[str, int] = {}
        self.start()

    def _command(self) -> list[str]:
        ledger = ["--ledger", str(self._ledger)] if self._ledger else ["--no-ledger"]
        ports = [f"--{name}-port=0" for name in ("proxy", "https", "http", "dns")]
        folders = [f"--{name}={self.folder / name}" for name in ("control", "ca", "public")]
        return [
            sys.executable, "-m", "botbottle.sidecar.egress", "--listen", "127.0.0.1",
            "--hosts", str(self.folder / "hosts"), *ports, *folders, *ledger, *self._extra,
        ]  # fmt: skip

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command(),
            cwd=ROOT,
            env={**os.environ, "BB_DLP_CACHE": str(RULES)},
            stdout=subprocess.PIPE,
            stderr=(self.folder / "stderr").open("ab"),
            text=True,
        )
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        wait_ready(self.folder / "control", seconds=120)  # rules may be compiled first
        until(lambda: bool(self.ports), "the list of ports")

    def _read(self, stream: Any) -> None:
        for line in stream:
            data = json.loads(line)
            self.lines.append(data)
            if data["event"] == "listening":
                self.ports = {k: v for k, v in data.items() if isinstance(v, int)}

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(15)

    def restart(self, number: int = signal.SIGTERM) -> None:
        self.stop(number)
        self.ports = {}
        self.start()

    def control(self) -> SidecarClient:
        return connect(self.folder / "control")

    @property
    def ca(self) -> Path:
        return self.folder / "public" / "ca.pem"

    @property
    def proxy(self) -> str:
        return f"http://127.0.0.1:{self.ports['proxy']}"

    def errors(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["kind"] == "error"]

    def memory(self) -> int:
        """Resident set in bytes."""
        text = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(text) * os.sysconf("SC_PAGE_SIZE")

    def forget_peak(self) -> int:
        """Start measuring ``peak`` anew; returns the resident set."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")  # proc(5)
        return self.peak()

    def peak(self) -> int:
        """The largest resident set since the start or ``forget_peak``, in bytes."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(x.split()[1]) * 1024 for x in lines if x.startswith("VmHWM"))


class Rig:
    """World, ledger service and sidecar, wired up."""

    def __init__(self, folder: Path, world: World, limits: Iterable[Limit] = ()) -> None:
        self.world = world
        self.ledger = LedgerProcess(folder, limits)
        self.sidecar = SidecarProcess(folder, self.ledger.directory)
        self.world.reset()

    def close(self) -> None:
        self.sidecar.stop()
        self.ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def route(self, host: str, **fields: Any) -> Route:
        """A route to the scripted upstream under the name ``host``."""
        return Route(**{"host": host, "port": self.world.tls_port, "allow_private": True, **fields})

    def config(self, *routes: Route, **fields: Any) -> SidecarConfig:
        pem = self.world.authority.pem.decode()
        return SidecarConfig(**{"bottle": BOTTLE, "routes": routes, "upstream_ca": pem, **fields})

    def configure(
        self, *routes: Route, secrets: dict[str, str] | None = None, **fields: Any
    ) -> SidecarStatus:
        with self.sidecar.control() as control:
            return control.configure(self.config(*routes, **fields), secrets or {}, KEY)

    def standard(self, **fields: Any) -> SidecarStatus:
        """Routes for both providers and one plain host."""
        return self.configure(
            self.route(ANTHROPIC, auth=Auth("header", "AK", "x-api-key"), provider="claude"),
            self.route(OPENAI, auth=Auth("Bearer", "OK"), provider="codex"),
            self.route(EXAMPLE),
            secrets={"AK": "sk-real-anthropic-0001", "OK": "sk-real-openai-00002"},
            **fields,
        )

    def url(self, host: str, path: str = "/") -> str:
        return f"https://{host}:{self.world.tls_port}{path}"

    def tunnel(
        self, host: str, *, sni: str | None = None, alpn: Sequence[str] = (), port: int = 0
    ) -> ssl.SSLSocket:
        """A TLS connection through CONNECT, with the sidecar's CA trusted."""
        raw = self.connect(f"{host}:{port or self.world.tls_port}")
        context = ssl.create_default_context(cafile=str(self.sidecar.ca))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context.wrap_socket(raw, server_hostname=sni or host)

    def connect(self, authority: str) -> socket.socket:
        """A socket after a successful CONNECT."""
        raw = self.raw()
        raw.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
        reply = b""
        while b"\r\n\r\n" not in reply:
            data = raw.recv(4096)
            if not data:
                break
            reply += data
        if b" 200 " not in reply.split(b"\r\n", 1)[0]:
            raise ConnectionRefusedError(reply.decode())
        return raw

    def raw(self, port: str = "proxy") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.sidecar.ports[port]), timeout=10)


def until(done: Any, what: str, seconds: float = 60.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.01)


__all__ = [
    "ACCOUNT",
    "ANTHROPIC",
    "EXAMPLE",
    "OPENAI",
    "Hold",
    "LedgerProcess",
    "Match",
    "Rig",
    "SidecarProcess",
    "until",
]
