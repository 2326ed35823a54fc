"""How long a scan of one stream's body holds up the events of another stream.

Three conditions alternate, the middle one being the control: an event stream alone; the same
beside 1 MB requests that are not scanned (their transport takes the event loop too); the same
beside 1 MB requests that are. What scanning costs others is the third against the second.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

from msgspec.structs import replace

from benchmarks.egress.subjects import CREDENTIAL, ROOT, Subject
from botbottle.control import connect
from botbottle.model.route import Auth, Dlp, Match, PathMatch, Route

NAME = "delay beside 1 MB scans"
ROUNDS = 3
PLAN = {"kind": "beside", "events": 1000, "gap": 1000, "body": 1_000_000}
CONDITIONS: dict[str, dict[str, Any]] = {
    "alone": {**PLAN, "connections": 1},
    "beside unscanned bodies": {**PLAN, "connections": 3, "path": "/unscanned"},
    "beside scanned bodies": {**PLAN, "connections": 3, "path": "/scanned"},
}


def measure(subject: Subject, upstream: int) -> dict[str, Any]:
    """Delays of the stream's events in milliseconds, median of the rounds, and what scans add."""
    _configure(subject, upstream)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in CONDITIONS}
    for _ in range(ROUNDS):
        for name, plan in CONDITIONS.items():
            rounds[name].append(_once(subject, upstream, plan))
    figures: dict[str, Any] = {
        name: {key: round(statistics.median(r[key] for r in found), 3) for key in found[0]}
        for name, found in rounds.items()
    }
    scanned, plain = figures["beside scanned bodies"], figures["beside unscanned bodies"]
    for key in ("p50_ms", "p99_ms"):
        figures[f"scans_add_{key}"] = round(scanned[key] - plain[key], 3)
    return figures


def _configure(subject: Subject, upstream: int) -> None:
    """A route without outbound detectors beside the scanned one."""
    auth = Auth("Bearer", "TOKEN")
    plain = Route(
        "localhost", port=upstream, auth=auth, allow_private=True,
        matches=(Match(paths=(PathMatch("prefix", "/unscanned"),)),),
        dlp=Dlp(outbound_detectors=()),
    )  # fmt: skip
    scanned = Route("localhost", port=upstream, auth=auth, allow_private=True)
    with connect(subject.ca.parent.parent / "control") as control:
        status = control.status()
        assert status.config is not None
        config = replace(status.config, routes=(plain, scanned))
        control.configure(config, {"TOKEN": CREDENTIAL}, b"k" * 32)


def _once(subject: Subject, upstream: int, plan: dict[str, Any]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.egress.load", str(subject.port), str(upstream)]
    done = subprocess.run(
        [*command, str(subject.ca), json.dumps(plan)],
        check=True, cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found
