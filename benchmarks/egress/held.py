"""How long one scan of a 1 MB body holds up everything else in the process.

In one process, as in the sidecar: an event loop that only counts its turns, and scans in threads
beside it. An event that comes at a random moment waits until the turn it falls into is over; the
figures are the distribution of that wait, weighed by time, with and without scans. On a busy
machine both are those of the machine.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

NAME = "wait beside scans in the process"
SECONDS = 2.0  # for one kind of body
SIZE = 1_000_000


def bodies() -> dict[str, bytes]:
    """Kinds of 1 MB bodies: prose, prose full of escapes, base64."""
    text = "hello world, this is a line of prose. " * (SIZE // 38)
    escaped = 'say "no"\n\t\\d \u00e9' * (SIZE // 22)
    noise = base64.b64encode(random.Random(1).randbytes(SIZE * 3 // 4)).decode()
    parts = {"prose": text, "escapes": escaped, "base64": noise}
    return {name: json.dumps({"text": part}).encode() for name, part in parts.items()}


def waits(gaps: list[float], share: float) -> float:
    """The wait that ``share`` of the moments in ``gaps`` stay under, in the unit of the gaps."""
    total, low, high = sum(gaps), 0.0, max(gaps)
    for _ in range(40):
        middle = (low + high) / 2
        longer = sum(g - middle for g in gaps if g > middle) / total
        low, high = (middle, high) if longer > 1 - share else (low, middle)
    return high


async def turns(work: Callable[[], object] | None) -> dict[str, float]:
    """Lengths of the loop's turns in milliseconds while ``work`` runs in a thread again and
    again."""
    loop, gaps, done = asyncio.get_running_loop(), [], 0
    running = loop.run_in_executor(None, work) if work else None
    last = time.perf_counter()
    end = last + SECONDS
    while last < end:
        await asyncio.sleep(0)
        now = time.perf_counter()
        gaps.append((now - last) * 1000)
        last = now
        if running is not None and running.done():
            done += 1
            running = loop.run_in_executor(None, work) if work else None
    if running is not None:
        await running
    return {"p50_ms": round(waits(gaps, 0.5), 3), "p99_ms": round(waits(gaps, 0.99), 3),
            "scans": done}  # fmt: skip


async def _main() -> dict[str, Any]:
    from botbottle.dlp import OUTBOUND, Scanner
    from botbottle.sidecar.egress.app import prepare

    prepare(asyncio.get_running_loop())
    scanner = Scanner({"TOKEN": b"a-real-credential-0123456789"}, key=b"k" * 32)
    figures: dict[str, Any] = {"alone": await turns(None)}
    for name, body in bodies().items():
        scan = _scan(scanner, body, OUTBOUND)
        scan()
        started = time.thread_time()
        scan()
        cost = round((time.thread_time() - started) * 1000, 2)
        figures[name] = {"scan_cpu_ms": cost, **await turns(scan)}
    return figures


def _scan(scanner: Any, body: bytes, detectors: frozenset[str]) -> Callable[[], object]:
    def scan() -> object:
        return scanner.scan_request(
            "https://localhost/x", (), body, "application/json", "", detectors
        )

    return scan


def measure(rules: str) -> dict[str, Any]:
    """In a process of its own with the compiled rules of the folder ``rules``."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.egress.held"],
        check=True, capture_output=True, text=True, timeout=120,
        env={**os.environ, "BB_DLP_CACHE": rules},
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "aim": "p99 no more than 1 ms over alone"}


if __name__ == "__main__":
    import uvloop

    print(json.dumps(uvloop.run(_main())))
