"""The commands that the README names exist, and CI runs the same one as everybody."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("demo", "test", "check", "bench", "chaos", "e2e", "unit", "lock", "clean")


@pytest.mark.parametrize("target", TARGETS)
def test_make_knows_the_target(target: str) -> None:
    argv = ["make", "--dry-run", "--no-print-directory", target]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("target", [t for t in TARGETS if t != "clean"])
def test_every_target_makes_sure_of_the_environment_first(target: str) -> None:
    argv = ["make", "--dry-run", "--no-print-directory", target]
    first = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert first.splitlines()[0] == "scripts/bootstrap"


def test_make_alone_lists_the_targets() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = {line.split()[0] for line in done.stdout.splitlines()}
    assert set(TARGETS) <= listed


def test_ci_runs_exactly_make_test() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    commands = [x for x in lines if x and not x.startswith(("#", "set ", "cd "))]
    assert commands == ["exec make test"]


def test_the_pre_commit_hook_validates_and_takes_no_file_names() -> None:
    text = (ROOT / ".pre-commit-hooks.yaml").read_text()
    assert re.search(r"^- id: bb-validate$", text, re.MULTILINE)
    assert "entry: bb validate" in text
    assert r"files: ^\.bot-bottle/" in text
    assert "pass_filenames: false" in text


@pytest.mark.parametrize("script", ["bootstrap", "engine", "lock", "postgres"])
def test_every_script_parses_and_can_be_run(script: str) -> None:
    path = ROOT / "scripts" / script
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(path)], check=True)
