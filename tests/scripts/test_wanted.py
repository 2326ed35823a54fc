"""What the tests want of Debian: what is here is used; what cannot come fails nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
WANTED = [
    ("browser", ["chromium"], "is skipped"),
    ("npm", ["npm"], "cannot be built"),
    ("shells", ["zsh", "fish"], "are skipped"),
]


def run(script: str, programs: Path) -> subprocess.CompletedProcess[str]:
    """The script where only these programs are found, and nothing may be installed."""
    programs.mkdir(exist_ok=True)
    for name in ("dirname", "id"):
        (programs / name).symlink_to(str(shutil.which(name)))
    return subprocess.run(
        [str(shutil.which("bash")), str(SCRIPTS / script)], check=False, text=True,
        capture_output=True, env={"PATH": str(programs), "BB_INSTALL_ENGINE": "0"},
    )  # fmt: skip


@pytest.mark.parametrize(("script", "wanted", "words"), WANTED)
def test_what_is_missing_is_told_and_fails_nothing(
    script: str, wanted: list[str], words: str, tmp_path: Path
) -> None:
    done = run(script, tmp_path / "bin")
    assert done.returncode == 0 and done.stderr.count(words) == len(wanted)


@pytest.mark.parametrize(("script", "wanted", "words"), WANTED)
def test_what_is_here_needs_nothing(
    script: str, wanted: list[str], words: str, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    for program in wanted:
        (tmp_path / "bin" / program).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / program).chmod(0o755)
    done = run(script, tmp_path / "bin")
    assert done.returncode == 0 and done.stderr == ""
