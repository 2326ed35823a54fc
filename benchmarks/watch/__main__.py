"""What ``bb watch`` costs and how fast it is.

    python -m benchmarks.watch [--bottles 50] [--kills 20] [--seconds 60]      needs DOCKER_HOST

On a real engine with N bottles: CPU of an idle watch (user + system of the whole process, as the
kernel accounts it, without its start), memory before and after its first write, and the time from
the engine's own time stamp of a container's ``die`` to the decision of the pass that repairs it.
``resync`` is the CPU of one whole pass that finds nothing to do. Beside it, from an engine that
answers from memory with 50 bottles: CPU of observing and planning alone.

About three minutes. CPU and memory hold on a busy machine; the latency is wall time and does not:
the load is recorded.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.frame import ROOT, write
from benchmarks.reconcile.homes import write_home
from benchmarks.watch.process import Watch
from benchmarks.watch.resync import resync

TARGETS = {
    "die to decision, p95, seconds": 0.3,
    "idle, per cent of a core": 0.5,
    "memory, MiB": 80,
    "resync, CPU seconds": 0.1,  # of 50 bottles
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bottles", type=int, default=50)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="bb-bench-"))
    env = {**os.environ, "ANTHROPIC_API_KEY": "x", "OPENAI_API_KEY": "x"}
    bb = [sys.executable, "-m", "botbottle", "--home", str(work / "home"), "-C", str(work)]
    write_home(work / "home", given.bottles)
    try:
        quiet([*bb, "apply", "--yes", "--allow", "widen,budget"], env)
        figures = measure(Watch(bb, env, work), given.kills, given.seconds)
    finally:  # whatever happened: nothing of ours stays on the engine
        subprocess.run([*bb, "destroy", "--yes"], env=env, check=False, capture_output=True)
        shutil.rmtree(work, ignore_errors=True)
    figures["observe and plan 50 bottles, CPU seconds"] = resync(50)
    data: dict[str, Any] = {"bottles": given.bottles, "figures": figures, "targets": TARGETS}
    write("watch", f"python -m benchmarks.watch --bottles {given.bottles}", data)


def measure(watch: Watch, kills: int, seconds: float) -> dict[str, float]:
    """Idle first, because the first write loads the docker SDK."""
    watch.start()
    try:
        idle, passes = watch.idle(seconds)
        full = watch.resync(20)
        before = watch.memory()
        delays = [watch.kill_one(number) for number in range(kills)]
        after = watch.memory()
    finally:
        watch.end()
    delays.sort()
    return {
        "idle, per cent of a core": round(100 * idle, 3),
        "idle, passes a minute": round(passes * 60 / seconds, 1),
        "resync, CPU seconds": round(full, 4),
        "memory before the first write, MiB": before,
        "memory, MiB": after,
        "die to decision, p50, seconds": round(statistics.median(delays), 3),
        "die to decision, p95, seconds": round(delays[int(0.95 * (len(delays) - 1))], 3),
        "kills": kills,
    }


def quiet(argv: list[str], env: dict[str, str]) -> None:
    subprocess.run(argv, env=env, check=True, capture_output=True, cwd=ROOT)


if __name__ == "__main__":
    main()
