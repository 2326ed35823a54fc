"""How long one scan of a 1 MB body, or an upload that passes while it arrives, holds up everything
else in the process.

In one process, as in the sidecar: an event loop that only counts its turns, and scans in threads
beside it; of uploads also what it was before they were judged in threads. An event that comes at a
random moment waits until the turn it falls into is over; the figures are the distribution of that
wait, weighed by time, with and without scans. On a busy machine both are those of the machine;
``own`` is what the loop's own thread computes in a turn, which is not.
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
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

NAME = "wait beside scans in the process"
SECONDS = 2.0  # for one kind of body
SIZE = 1_000_000
PIECE = 64 * 1024  # bytes of an upload that come at once

type Work = Callable[[], Coroutine[Any, Any, object]]


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


async def turns(work: Work | None) -> dict[str, float]:
    """Lengths of the loop's turns in milliseconds while ``work`` is done again and again."""
    gaps, own, done = [], [], 0
    running = asyncio.create_task(work()) if work else None
    last = time.perf_counter()
    end, computed = last + SECONDS, time.thread_time()
    while last < end:
        await asyncio.sleep(0)
        now, spent = time.perf_counter(), time.thread_time()
        gaps.append((now - last) * 1000)
        own.append((spent - computed) * 1000)
        last, computed = now, spent
        if running is not None and running.done():
            done += 1
            running = asyncio.create_task(work()) if work else None
    if running is not None:
        await running
    return {"p50_ms": round(waits(gaps, 0.5), 3), "p99_ms": round(waits(gaps, 0.99), 3),
            "own_p99_ms": round(waits(own, 0.99), 3), "scans": done}  # fmt: skip


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
        figures[name] = {"scan_cpu_ms": cost, **await turns(partial(asyncio.to_thread, scan))}
        for how, aside in (("on the loop, as before", False), ("aside", True)):
            figures[f"{name}, uploaded, {how}"] = await turns(
                partial(_upload, scanner, body, OUTBOUND, aside=aside)
            )
    return figures


async def _upload(scanner: Any, body: bytes, detectors: frozenset[str], *, aside: bool) -> None:
    from botbottle.sidecar.egress.passing import Passing
    from botbottle.sidecar.egress.upload import Upload

    passing = Passing(Upload(scanner, detectors, tuple, lambda found: None))
    for at in range(0, len(body) + PIECE, PIECE):
        piece = body[at : at + PIECE]
        if aside:
            passing.take(piece)
            while not passing.judged:
                await passing.judge()
        passing(piece)
        await asyncio.sleep(0)


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
