"""``python -m benchmarks [NAME ...]``: run all benchmarks, or the named ones, one after another.

Each writes ``benchmarks/results/NAME.json`` with its environment and the command that repeats it.
One that takes longer than LIMIT is ended and counts as failed; the last lines say how each went.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

ALL = (
    ("start", ()),
    ("manifests", ()),
    ("planner", ()),
    ("reconcile", ()),
    ("watch", ("--kills", "10")),
    ("egress", ()),
    ("ledger", ()),
    ("meter", ()),
    ("dlp", ()),
    ("top", ()),
    ("enforcement", ()),
)
LIMIT = 480  # seconds for one benchmark, with everything it started
TOTAL = 2400  # seconds for all of them: those that are left then are not started


def run(name: str, arguments: tuple[str, ...], seconds: float) -> str:
    """How a benchmark went, in words; empty when well. What it started ends with it."""
    if seconds <= 0:
        return "not started: out of time"
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{name}", *arguments], start_new_session=True
    )
    try:
        code = process.wait(seconds)
        return f"exit code {code}" if code else ""
    except subprocess.TimeoutExpired:
        bound = "its own bound" if seconds >= LIMIT else "the bound of them all"
        return f"ended after {seconds:.0f} s, {bound}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def main() -> int:
    """0 when every benchmark ran."""
    wanted = set(sys.argv[1:])
    if unknown := wanted - {name for name, _ in ALL}:
        print(f"unknown: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 64
    outcomes: list[tuple[str, float, str]] = []
    began = time.monotonic()
    for name, arguments in ALL:
        if (wanted and name not in wanted) or find_spec(f"benchmarks.{name}.__main__") is None:
            continue
        print(f"== {name}", flush=True)
        start = time.monotonic()
        problem = run(name, arguments, min(LIMIT, began + TOTAL - start))
        outcomes.append((name, time.monotonic() - start, problem))
    for name, seconds, problem in outcomes:
        print(f"{name:12}{seconds:6.0f} s  {problem or 'ok'}")
    return 1 if any(problem for _, _, problem in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
