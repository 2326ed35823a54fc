"""scripts/browser: a browser that is here is used; one that cannot come fails nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/browser"


def run(programs: Path) -> subprocess.CompletedProcess[str]:
    """The script where only these programs are found, and nothing may be installed."""
    programs.mkdir(exist_ok=True)
    for name in ("dirname", "id"):
        (programs / name).symlink_to(str(shutil.which(name)))
    return subprocess.run(
        [str(shutil.which("bash")), str(SCRIPT)], check=False, text=True, capture_output=True,
        env={"PATH": str(programs), "BB_INSTALL_ENGINE": "0"},
    )  # fmt: skip


def test_without_a_browser_the_script_says_so_and_ends_well(tmp_path: Path) -> None:
    done = run(tmp_path / "bin")
    assert done.returncode == 0 and "is skipped" in done.stderr


def test_a_browser_that_is_here_needs_nothing(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/chromium").write_text("#!/bin/sh\n")
    (tmp_path / "bin/chromium").chmod(0o755)
    done = run(tmp_path / "bin")
    assert done.returncode == 0 and done.stderr == ""
