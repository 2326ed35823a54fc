"""From the process's start to the moment at which it listens on all ports, rules and byte code
compiled beforehand as in the image; and what is resident then."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.egress.subjects import ROOT

NAME = "start to listening"
STARTS = 7


def measure(rules: str) -> dict[str, Any]:
    """Median of the starts: wall clock, processor time, resident set."""
    found = [_once(rules) for _ in range(STARTS)]
    figures = {key: round(statistics.median(f[key] for f in found), 3) for key in found[0]}
    return {**figures, "starts": STARTS, "aim": "1.0 s"}


def _once(rules: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("control", "ca", "public"):
            Path(folder, name).mkdir()
        folders = [f"--{name}={folder}/{name}" for name in ("control", "ca", "public")]
        ports = [f"--{name}-port=0" for name in ("proxy", "https", "http", "dns")]
        command = [sys.executable, "-m", "botbottle.sidecar.egress", "--listen", "127.0.0.1"]
        started = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--no-ledger", *ports, *folders],
            cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "BB_DLP_CACHE": rules},
        )  # fmt: skip
        try:
            assert process.stdout is not None
            while json.loads(process.stdout.readline())["event"] != "listening":
                pass
            seconds = time.perf_counter() - started
            cpu = time.clock_gettime_ns((~process.pid << 3) | 2) / 1e9
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        finally:
            process.terminate()
            process.wait(10)
    resident = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return {"seconds": seconds, "cpu_seconds": cpu, "resident_mib": resident}
