"""What every benchmark shares: the environment, whole-process measurement, JSON results.

CPU is user + system time of the process and its children as the kernel accounts it; wall time is
given beside it. Figures of one file come from one run on one machine: compare inside a file.
"""

from __future__ import annotations

import compileall
import json
import os
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds of wall and CPU time, peak memory of the largest process in MiB."""

    wall: float
    cpu: float
    rss: float


def environment() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "kernel": platform.release().split("-")[0],
        "cpus": os.cpu_count(),
        "load": [round(x, 2) for x in os.getloadavg()],
    }


def compiled() -> None:
    """Byte code for the package, as an installation has it: without it (an environment that says
    PYTHONDONTWRITEBYTECODE, a fresh checkout) every start would compile the sources."""
    compileall.compile_dir(ROOT / "botbottle", quiet=2)


def run(argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None,
        codes: Sequence[int] = (0,)) -> Sample:  # fmt: skip
    """Run to the end and account for it. Raises AssertionError on another exit code."""
    start = time.perf_counter()
    process = subprocess.Popen(
        argv,
        env=dict(env or os.environ),
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    error = process.stderr.read() if process.stderr else b""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    assert process.returncode in codes, (
        f"{argv[:4]}: {process.returncode}\n{error.decode()[-2000:]}"
    )
    return Sample(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def measure(
    commands: Mapping[str, Callable[[], Sample]], runs: int, *, warm: bool = True
) -> dict[str, dict[str, float]]:
    """Run the commands in turn, A B C A B C …, so that a drifting machine hurts all alike."""
    if warm:
        for command in commands.values():
            command()
    samples: dict[str, list[Sample]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            samples[name].append(command())
    return {name: summary(found) for name, found in samples.items()}


def summary(samples: Sequence[Sample]) -> dict[str, float]:
    """Minimum and median of wall and CPU seconds, largest memory."""
    return {
        "wall_min": round(min(s.wall for s in samples), 4),
        "wall_median": round(statistics.median(s.wall for s in samples), 4),
        "cpu_min": round(min(s.cpu for s in samples), 4),
        "cpu_median": round(statistics.median(s.cpu for s in samples), 4),
        "rss_mib": round(max(s.rss for s in samples), 1),
        "runs": len(samples),
    }


def ratio(
    figures: Mapping[str, Mapping[str, float]], one: str, other: str, key: str = "wall_median"
) -> float:
    """``one`` / ``other`` of a figure."""
    return round(figures[one][key] / figures[other][key], 3)


def write(name: str, command: str, data: Mapping[str, Any]) -> Path:
    """Write ``results/NAME.json`` with the environment and the command that reproduces it."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    document = {"command": command, "environment": environment(), **data}
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    print(f"{path.relative_to(ROOT)}")
    return path


def children_cpu() -> float:
    """CPU seconds of finished children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
