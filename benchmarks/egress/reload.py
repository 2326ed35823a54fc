"""How long a change of routes or secrets takes to be active, and what open streams notice of it.

The time is that of the whole exchange on the control socket: the answer comes when the change is
active. Configurations have ``ROUTES`` routes; every one differs from the one before by a route, and
every second one by a secret too, which has the scanners' and the scrubber's tables made anew.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from msgspec.structs import replace

from benchmarks.egress.subjects import CREDENTIAL, ROOT, Subject
from botbottle.control import SidecarClient, connect
from botbottle.model.route import Auth, Route
from botbottle.model.sidecar_config import SidecarConfig

NAME = "reload"
CHANGES = 40
ROUTES = 200
STREAMS, EVENTS = 8, 600
PLAN = {"kind": "sse", "connections": STREAMS, "events": EVENTS, "gap": 5000}


def measure(subject: Subject, upstream: int) -> dict[str, Any]:
    """Milliseconds of a change beside open streams; the streams' events that came."""
    command = [sys.executable, "-m", "benchmarks.egress.load", str(subject.port), str(upstream)]
    reading = subprocess.Popen(
        [*command, str(subject.ca), json.dumps(PLAN)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with connect(subject.ca.parent.parent / "control") as control:
        while control.details()["streams"] < STREAMS:
            time.sleep(0.05)
        config = control.status().config
        assert config is not None
        spent: dict[str, list[float]] = {"routes": [], "routes and a secret": []}
        for number in range(CHANGES):
            kind = "routes and a secret" if number % 2 else "routes"
            spent[kind].append(_change(control, config, upstream, number))
        control.configure(config, {"TOKEN": CREDENTIAL}, b"k" * 32)
    figures = json.loads(reading.communicate(timeout=120)[0])
    wanted = STREAMS * EVENTS
    return {
        **{kind: _summary(found) for kind, found in spent.items()},
        "events_expected": wanted,
        "events_came": figures["count"],
        "event_p99_ms": figures["p99_ms"],
        "aim": "50 ms, every event comes",
    }


def _change(control: SidecarClient, config: SidecarConfig, upstream: int, number: int) -> float:
    """Milliseconds until a configuration with other routes was active."""
    auth = Auth("Bearer", "TOKEN")
    kept = Route("localhost", port=upstream, auth=auth, allow_private=True)
    more = (Route(f"h{number}-{n}.example.com", auth=auth) for n in range(ROUTES - 1))
    fresh = replace(config, routes=(kept, *more))
    secret = f"{CREDENTIAL}-{(number + 1) // 2}"  # another one when ``number`` is odd
    started = time.perf_counter()
    control.configure(fresh, {"TOKEN": secret}, b"k" * 32)
    return (time.perf_counter() - started) * 1000


def _summary(found: list[float]) -> dict[str, float]:
    ordered = sorted(found)
    return {"p50_ms": round(ordered[len(ordered) // 2], 2), "max_ms": round(ordered[-1], 2)}
