"""The proxies of the benchmark that come with the project's own environment: ours and mitmdump.

A subject listens on loopback, verifies the upstream's certificate and presents one of its own
authority. Ours runs with every stage on; the metered one has the ledger service beside it and
takes the upstream for a model provider.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botbottle.control import connect, wait_ready
from botbottle.ledger import open_ledger
from botbottle.model.bottle import Limit, Scope
from botbottle.model.paths import slug
from botbottle.model.route import Auth, Route
from botbottle.model.sidecar_config import SidecarConfig

ROOT = Path(__file__).resolve().parents[2]
CREDENTIAL = "a-real-credential-0123456789"
STREAMING = """
def responseheaders(flow):
    flow.response.stream = True
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A running proxy. ``helpers``: processes that belong to it and end with it."""

    name: str
    process: subprocess.Popen[Any]
    port: int
    ca: Path
    helpers: tuple[subprocess.Popen[Any], ...] = field(default=())

    def cpu(self) -> float:
        """Processor time of all its threads so far, in milliseconds: what a busy machine does not
        distort. The clock is that of clock_getcpuclockid(3)."""
        return time.clock_gettime_ns((~self.process.pid << 3) | 2) / 1e6

    def memory(self) -> float:
        """Resident set in MiB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)

    def stop(self) -> None:
        """End it and its helpers."""
        for process in (self.process, *self.helpers):
            process.terminate()
        for process in (self.process, *self.helpers):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def certificate(folder: Path, name: str, *more: str) -> tuple[Path, Path]:
    """A self-signed certificate of ``name`` and its key; ``more`` goes to openssl."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
         "-subj", f"/CN={name}", *more],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(ready: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait, or raise RuntimeError."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start")
        time.sleep(0.05)


def mitmdump(folder: Path, cert: Path, *, streaming: bool) -> Subject:
    """Stock mitmdump, quiet, verifying the upstream. ``streaming``: with the one-line add-on
    that event streams need; without it a stock proxy holds a stream back until its end."""
    name = "mitmdump+stream" if streaming else "mitmdump"
    port, home, script = free_port(), folder / name, folder / "streaming.py"
    script.write_text(STREAMING)
    extra = ["-s", str(script)] if streaming else []
    program = Path(sys.executable).with_name("mitmdump")
    process = subprocess.Popen(
        [program, "-q", "--listen-host", "127.0.0.1", "--listen-port", str(port),
         "--set", f"confdir={home}", "--set", f"ssl_verify_upstream_trusted_ca={cert}",
         "--set", "stream_large_bodies=1m", *extra],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    ca = home / "mitmproxy-ca-cert.pem"
    until(lambda: ca.exists() and listens(port), name)
    return Subject(name=name, process=process, port=port, ca=ca)


def sidecar(folder: Path, cert: Path, upstream: int, *, metered: bool = False) -> Subject:
    """The egress sidecar with all stages on, its rules compiled beforehand as in its image."""
    home = folder / ("metered" if metered else "sidecar")
    rules = folder / "rules"
    if not rules.exists():
        subprocess.run([sys.executable, "-m", "botbottle.dlp.compile", rules], check=True, cwd=ROOT)
    for name in ("control", "ca", "public"):
        (home / name).mkdir(parents=True)
    port = free_port()
    ledger, helpers = _ledger(home) if metered else (["--no-ledger"], ())
    folders = [f"--{name}={home / name}" for name in ("control", "ca", "public")]
    process = subprocess.Popen(
        [sys.executable, "-m", "botbottle.sidecar.egress", "--listen", "127.0.0.1",
         f"--proxy-port={port}", "--https-port=-1", "--http-port=-1", "--dns-port=-1",
         *ledger, *folders],
        cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, "BB_DLP_CACHE": str(rules)},
    )  # fmt: skip
    wait_ready(home / "control", seconds=30)
    config = SidecarConfig(
        bottle="bench",
        routes=(Route("localhost", port=upstream, auth=Auth("Bearer", "TOKEN"),
                      allow_private=True),),
        metered=(("localhost", "claude"),) if metered else (),
        upstream_ca=cert.read_text(),
    )  # fmt: skip
    with connect(home / "control") as control:
        control.configure(config, {"TOKEN": CREDENTIAL}, b"k" * 32)
    ca = home / "public" / "ca.pem"
    return Subject(name=home.name, process=process, port=port, ca=ca, helpers=tuple(helpers))


def _ledger(home: Path) -> tuple[list[str], Iterable[subprocess.Popen[Any]]]:
    """The ledger service with one account under a limit that is never reached."""
    database, sockets = home / "ledger.db", home / "l"
    limit = Limit("claude", 10**12)
    with contextlib.closing(open_ledger(str(database))) as ledger:
        ledger.register("bench/b", [Scope("bottle", "bottle:b", (limit,))])
    process = subprocess.Popen(
        [sys.executable, "-m", "botbottle.sidecar.ledger", "--db", str(database),
         "--sockets", str(sockets)],
        cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    directory = sockets / slug("bench", "b")
    until((directory / "ledger.sock").exists, "the ledger service")
    return [f"--ledger={directory}"], (process,)
