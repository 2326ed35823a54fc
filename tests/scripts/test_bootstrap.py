"""scripts/bootstrap finds a usable Python, says what is missing, and does nothing twice."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files bootstrap needs, in a directory of its own."""
    where = tmp_path / "checkout"
    (where / "requirements").mkdir(parents=True)
    shutil.copytree(ROOT / "scripts" / "lib", where / "scripts" / "lib")
    shutil.copy(ROOT / "scripts" / "bootstrap", where / "scripts")
    shutil.copy(ROOT / "pyproject.toml", where)
    (where / "requirements" / "dev.txt").write_text("")
    return where


def bootstrap(checkout: Path, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(checkout)} | env
    argv = [str(checkout / "scripts" / "bootstrap")]
    return subprocess.run(argv, env=clean, capture_output=True, text=True, timeout=60, check=False)


def python(where: Path, body: str) -> Path:
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_text(f"#!/bin/sh\n{body}\n")
    where.chmod(0o755)
    return where


def made_venv(checkout: Path) -> None:
    """A .venv whose stamp says that it was made from these very files."""
    python(checkout / ".venv" / "bin" / "python", f'exec {sys.executable} "$@"')
    script = "cd $0 && . ./print && fingerprint"
    text = (checkout / "scripts" / "bootstrap").read_text()
    start = text.index("fingerprint() {")
    (checkout / "print").write_text(text[start : text.index("\n}\n", start) + 3])
    done = subprocess.run(
        ["/bin/sh", "-c", f"here=$0/scripts; {script}", str(checkout)],
        capture_output=True,
        text=True,
        check=True,
    )
    (checkout / ".venv" / ".botbottle-stamp").write_text(done.stdout)


def test_a_second_call_does_nothing_and_takes_no_time(checkout: Path) -> None:
    made_venv(checkout)
    start = time.monotonic()
    done = bootstrap(checkout)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - start < 1


def test_a_changed_lock_is_noticed(checkout: Path) -> None:
    made_venv(checkout)
    (checkout / "requirements" / "dev.txt").write_text("six==1.16.0\n")
    done = bootstrap(checkout, PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert "installing the pinned packages" in done.stderr


def test_a_requirement_without_a_hash_is_refused(checkout: Path) -> None:
    made_venv(checkout)
    (checkout / "requirements" / "dev.txt").write_text("six==1.16.0\n")
    done = bootstrap(checkout)
    assert done.returncode == 1
    assert "hash" in done.stderr
    assert "hint:" in done.stderr
    assert not (checkout / ".venv" / ".botbottle-stamp").exists()


def test_an_unusable_bb_python_is_named(checkout: Path) -> None:
    done = bootstrap(checkout, BB_PYTHON="/bin/false")
    assert done.returncode == 1
    assert "BB_PYTHON=/bin/false" in done.stderr


def test_no_python_anywhere_says_where_it_looked_and_what_to_do(
    checkout: Path, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ["sh", "sed", "cat", "cut", "sort", "ls", "sha256sum", "dirname", "flock", "mkdir"]:
        (tools / name).symlink_to(shutil.which(name) or "")
    python(tools / "python3", "exit 1")
    done = bootstrap(checkout, PATH=str(tools))
    assert done.returncode == 1
    assert "no Python >= 3.12 was found" in done.stderr
    assert "uv python install" in done.stderr


def test_a_broken_shim_on_path_does_not_hide_a_good_interpreter(checkout: Path) -> None:
    python(checkout / "shims" / "python3.13", "echo 'pyenv: not found' >&2; exit 127")
    log = checkout / "called"
    python(
        checkout / ".pyenv" / "versions" / "3.13.9" / "bin" / "python",
        f'case "$1" in -c) exec {sys.executable} "$@";; --version) echo Python 3.13.9;; '
        f'*) echo "$@" > {log}; exit 1;; esac',
    )
    done = bootstrap(checkout, PATH=f"{checkout}/shims:/usr/bin:/bin")
    assert log.read_text().split() == ["-m", "venv", ".venv"]
    assert "cannot make a venv" in done.stderr
