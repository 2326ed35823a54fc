"""Run ``bb`` as a user does: a process of its own, nothing of this machine's home."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run of ``bb`` left behind."""

    code: int
    out: str
    err: str


def bb(*args: str, cwd: Path | None = None, stdin: str = "", **environ: str) -> Ran:
    """Run ``bb ARGS``; ``environ`` adds variables."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BB_") and k != "EDITOR"}
    ran = subprocess.run(
        [sys.executable, "-m", "botbottle", *args],
        cwd=cwd,
        env=kept | {"PYTHONPATH": str(Path(__file__).parents[2])} | environ,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)
