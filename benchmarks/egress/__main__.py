"""Egress sidecar against stock mitmdump: same upstream, same client, same run, TLS on both sides.

``python -m benchmarks.egress`` writes ``benchmarks/results/egress.json``. All of the sidecar's
stages are on: route matching, outbound scan, credential injection, scrubbing of the response.
Every plan is run in rounds that alternate between the subjects; the figure is the median round.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from botbottle.control import connect, wait_ready
from botbottle.model.route import Auth, Route
from botbottle.model.sidecar_config import SidecarConfig

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "egress.json"
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
PLANS: dict[str, dict[str, Any]] = {
    "keep-alive, 1 connection": {"kind": "get", "path": "/1k", "connections": 1, "requests": 1500},
    "keep-alive, 16 connections": {
        "kind": "get", "path": "/1k", "connections": 16, "requests": 3200,
    },
    "POST 100 kB, 1 connection": {
        "kind": "get", "path": "/1k", "connections": 1, "requests": 200, "body": 100_000,
    },
    "10 MB bodies, 1 connection": {
        "kind": "get", "path": "/10m", "connections": 1, "requests": 20,
    },
    "new connections": {"kind": "connect", "connections": 1, "requests": 100},
    "events, 1 stream": {"kind": "sse", "connections": 1, "events": 1000, "gap": 1000},
    "events, 100 streams": {"kind": "sse", "connections": 100, "events": 100, "gap": 50_000},
}  # fmt: skip


class Subject:
    """A running proxy."""

    def __init__(self, name: str, process: subprocess.Popen[Any], port: int, ca: Path) -> None:
        self.name, self.process, self.port, self.ca = name, process, port, ca

    def cpu(self) -> float:
        """Processor time used so far, in milliseconds: what a busy machine does not distort."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident set in MiB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def free_port() -> int:
    """A port that was free a moment ago."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


STREAMING = """
def responseheaders(flow):
    flow.response.stream = True
"""


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
    deadline = time.monotonic() + 20
    while not (ca.exists() and _listens(port)):
        if time.monotonic() > deadline:
            raise RuntimeError("mitmdump did not start")
        time.sleep(0.05)
    return Subject(name, process, port, ca)


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def sidecar(folder: Path, cert: Path, upstream: int) -> Subject:
    """The egress sidecar with all stages on, its rules compiled beforehand as in its image."""
    rules = folder / "rules"
    subprocess.run([sys.executable, "-m", "botbottle.dlp.compile", rules], check=True, cwd=ROOT)
    for name in ("control", "ca", "public"):
        (folder / name).mkdir()
    port = free_port()
    folders = [f"--{name}={folder / name}" for name in ("control", "ca", "public")]
    process = subprocess.Popen(
        [sys.executable, "-m", "botbottle.sidecar.egress", "--listen", "127.0.0.1",
         f"--proxy-port={port}", "--https-port=-1", "--http-port=-1", "--dns-port=-1",
         "--no-ledger", *folders],
        cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, "BB_DLP_CACHE": str(rules)},
    )  # fmt: skip
    wait_ready(folder / "control", seconds=30)
    route = Route("localhost", port=upstream, auth=Auth("Bearer", "TOKEN"), allow_private=True)
    config = SidecarConfig("bench", (route,), upstream_ca=cert.read_text())
    with connect(folder / "control") as control:
        control.configure(config, {"TOKEN": "a-real-credential-0123456789"}, b"k" * 32)
    return Subject("sidecar", process, port, folder / "public" / "ca.pem")


def measure(subject: Subject | None, upstream: int, ca: Path, plan: dict[str, Any]) -> Any:
    """One round of one plan."""
    port, trust = (subject.port, subject.ca) if subject else (0, ca)
    command = [sys.executable, "-m", "benchmarks.egress.load", str(port), str(upstream), str(trust)]
    before = subject.cpu() if subject else 0.0
    done = subprocess.run(
        [*command, json.dumps(plan)],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    figures = json.loads(done.stdout)
    if subject:
        items = plan.get("requests") or plan["connections"] * plan["events"]
        figures["cpu_ms_each"] = round((subject.cpu() - before) / items, 4)
    return figures


def middle(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Median of each figure over the rounds."""
    return {key: round(statistics.median(r[key] for r in rounds), 3) for key in rounds[0]}


def run(folder: Path, only: str) -> dict[str, Any]:
    """All plans on all subjects."""
    cert, key = certificate(folder)
    serving = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.egress.upstream", str(cert), str(key)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert serving.stdout is not None
    upstream = int(serving.stdout.readline())
    subjects = [
        mitmdump(folder, cert, streaming=False),
        mitmdump(folder, cert, streaming=True),
        sidecar(folder, cert, upstream),
    ]
    figures: dict[str, Any] = {"idle_mib": {s.name: s.memory() for s in subjects}}
    try:
        for name, plan in PLANS.items():
            if only not in name:
                continue
            stock_name = "mitmdump+stream" if plan["kind"] == "sse" else "mitmdump"
            measured = [s for s in subjects if s.name in (stock_name, "sidecar")]
            rounds: dict[str, list[dict[str, float]]] = {"direct": []}
            for _ in range(ROUNDS):
                rounds["direct"].append(measure(None, upstream, cert, plan))
                for subject in measured:
                    rounds.setdefault(subject.name, []).append(
                        measure(subject, upstream, cert, plan)
                    )
            figures[name] = {who: middle(found) for who, found in rounds.items()}
            stock, ours = figures[name][stock_name], figures[name]["sidecar"]
            figures[name]["rate_ratio"] = round(ours["per_second"] / stock["per_second"], 2)
            figures[name]["added_p50_ms"] = round(ours["p50_ms"] - stock["p50_ms"], 3)
            figures[name]["cpu_ratio"] = round(ours["cpu_ms_each"] / stock["cpu_ms_each"], 2)
            print(name, json.dumps(figures[name]), flush=True)
        figures["after_mib"] = {s.name: s.memory() for s in subjects}
    finally:
        for process in (serving, *(s.process for s in subjects)):
            process.terminate()
    return figures


def main() -> None:
    """Measure and write the results."""
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        figures = run(Path(folder), only)
    if only:
        return
    environment = {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_before": load,
        "rounds": ROUNDS,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps({"environment": environment, "figures": figures}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
