"""How long an upload that passes while it arrives holds up the events of another stream.

Uploads of 100 MB follow one another on one connection; a stream of events has another, in another
process. The control is the same upload where nothing is looked for. CPU is the sidecar's, for each
megabyte that the upload sent meanwhile.

``python -m benchmarks.egress.uploads PORT UPSTREAM CA PATH`` sends until its input ends, and prints
the bytes that it sent.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import statistics
import subprocess
import sys
from typing import Any

from msgspec.structs import replace

from benchmarks.egress.subjects import CREDENTIAL, ROOT, Subject
from botbottle.control import connect
from botbottle.model.route import Auth, Dlp, Match, PathMatch, Route

NAME = "delay beside an upload of 100 MB"
ROUNDS = 5
SIZE = 100_000_000  # bytes of each upload
PIECE = 64 * 1024
SSE = {"kind": "sse", "connections": 1, "events": 1000, "gap": 1000}
PATHS = {"alone": "", "beside an unscanned upload": "/unscanned", "beside an upload": "/scanned"}


def measure(subjects: dict[str, Subject], upstream: int) -> dict[str, Any]:
    """Delays of events in milliseconds and CPU in milliseconds a MB, by subject and condition: the
    median of rounds in which all take turns."""
    rounds: dict[tuple[str, str], list[dict[str, float]]] = {}
    for subject in subjects.values():
        _configure(subject, upstream)
    for _ in range(ROUNDS):
        for name, path in PATHS.items():
            for who, subject in subjects.items():
                rounds.setdefault((who, name), []).append(_once(subject, upstream, path))
    figures: dict[str, Any] = {who: {} for who in subjects}
    for (who, name), found in rounds.items():
        figures[who][name] = {k: round(statistics.median(r[k] for r in found), 3) for k in found[0]}
    return figures


def _configure(subject: Subject, upstream: int) -> None:
    auth = Auth("Bearer", "TOKEN")
    scanned = Route(
        "localhost", port=upstream, auth=auth, allow_private=True, stream_uploads=True,
        matches=(Match(paths=(PathMatch("prefix", "/scanned"),)),),
    )  # fmt: skip
    plain = Route(
        "localhost", port=upstream, auth=auth, allow_private=True, stream_uploads=True,
        dlp=Dlp(outbound_detectors=()),
    )  # fmt: skip
    with connect(subject.ca.parent.parent / "control") as control:
        config = control.status().config
        assert config is not None
        fresh = replace(config, routes=(scanned, plain))
        control.configure(fresh, {"TOKEN": CREDENTIAL}, b"k" * 32)


def _once(subject: Subject, upstream: int, path: str) -> dict[str, float]:
    where = [str(subject.port), str(upstream), str(subject.ca)]
    sender = None
    if path:
        sender = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.egress.uploads", *where, path],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert sender.stdout is not None
        sender.stdout.readline()
    began = subject.cpu()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.egress.load", *where, json.dumps(SSE)],
        check=True, cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    sent = int(sender.communicate(timeout=60)[0]) if sender is not None else 0
    spent = subject.cpu() - began
    each = {"cpu_ms_a_mb": spent / (sent / 1e6)} if sent else {}
    return {"p50_ms": found["p50_ms"], "p99_ms": found["p99_ms"], "mb": sent / 1e6, **each}


def send(proxy: int, upstream: int, ca: str, path: str) -> int:
    """Send uploads one after the other until standard input ends; how many bytes."""
    context = ssl.create_default_context(cafile=ca)
    body, sent = json.dumps({"text": "hello world, a line of prose. " * 3000}).encode(), 0
    piece = body[:PIECE]
    with socket.create_connection(("127.0.0.1", proxy)) as plain:
        name = f"localhost:{upstream}"
        plain.sendall(f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        plain.recv(4096)
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            print("begun", flush=True)
            while True:
                head = f"POST {path} HTTP/1.1\r\nHost: {name}\r\nContent-Length: {SIZE}\r\n"
                tls.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode())
                for at in range(0, SIZE, PIECE):
                    if select.select([sys.stdin], [], [], 0)[0]:
                        return sent
                    tls.sendall(piece[: SIZE - at])
                    sent += len(piece[: SIZE - at])
                tls.recv(65536)


if __name__ == "__main__":
    print(send(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
