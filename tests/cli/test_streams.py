"""Standard streams that are closed, full, or whose reader has left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.homes import ENGINE, home
from tests.cli_manifests.run import bb

PACKAGE = Path(__file__).parents[2]
PRODUCTS = ["validate --json", "list --offline", "info web", "schema plan", "version", "--help",
            "__complete pl", "completion zsh"]  # fmt: skip
LEFT = "mkfifo p; exec 4<>p 3>p 4<&-;"  # stream 3: a pipe whose reader has left


def shell(script: str, made: Path, **environ: str) -> Any:
    """Run ``script`` with bb's command line as ``"$@"``."""
    argv = ["bash", "-c", script, "bash", sys.executable, "-m", "botbottle"]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PACKAGE), "BB_HOME": str(made)}
    return subprocess.run(
        argv, env=env | {"DOCKER_HOST": ENGINE} | environ, cwd=made.parent,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", PRODUCTS)
def test_a_full_disk_behind_the_product_is_told_as_such(
    words: str, unbuffered: str, tmp_path: Path
) -> None:
    ran = shell(f'"$@" {words} >/dev/full', home(tmp_path), PYTHONUNBUFFERED=unbuffered)
    assert ran.returncode == 1
    assert "error BB1002: No space left on device" in ran.stderr, ran.stderr
    assert "Exception" not in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", PRODUCTS)
def test_a_reader_that_has_left_is_nobody_to_tell(
    words: str, unbuffered: str, tmp_path: Path
) -> None:
    script = f'{LEFT} "$@" {words} >&3 2>told; code=$?; cat told; exit $code'
    ran = shell(script, home(tmp_path), PYTHONUNBUFFERED=unbuffered)
    shown = ran.stdout.replace("bb validate: 1 bottle  1 agent  0 errors  0 warnings  exit 0\n", "")
    assert (ran.returncode, shown) == (1, "")


@pytest.mark.parametrize(
    ("words", "code"), [("validate", 1), ("nonsense", 64), ("plan", 8), ("version", 0)]
)
@pytest.mark.parametrize("where", ["2>/dev/full", "2>&3"])
def test_messages_that_nobody_gets_leave_the_exit_code(
    words: str, code: int, where: str, tmp_path: Path
) -> None:
    ran = shell(f'{LEFT} "$@" {words} >/dev/null {where}', home(tmp_path))
    assert ran.returncode == code


def test_the_product_stands_before_what_is_said_about_it(tmp_path: Path) -> None:
    made = home(tmp_path)
    (made / "agents/bad.md").write_text("---\nbottle: nope\n---\n")
    lines = shell('"$@" validate 2>&1', made).stdout.splitlines()
    assert "BB2210" in lines[0] and lines[-1].startswith("bb validate: ")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_failure(closed: str, tmp_path: Path) -> None:
    ran = shell(f'"$@" validate {closed}', home(tmp_path))
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("number", [0, 1, 2])
def test_no_file_gets_the_number_of_a_closed_stream(number: int) -> None:
    script = (
        "import os, sys; from botbottle.__main__ import open_streams\n"
        f"os.close({number}); open_streams(); new = os.open('/etc/hostname', os.O_RDONLY)\n"
        f"sys.exit(new <= 2 or os.readlink('/proc/self/fd/{number}') != '/dev/null')"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=PACKAGE, check=False, timeout=60)
    assert ran.returncode == 0


@pytest.mark.parametrize("charset", ["ascii", "latin-1", "utf-8"])
def test_what_a_terminal_cannot_show_is_shown_as_its_code(charset: str, tmp_path: Path) -> None:
    made = home(tmp_path)
    (made / "bottles/loop.md").write_text("---\nextends: knot\n---\n")
    (made / "bottles/knot.md").write_text("---\nextends: loop\n---\n")
    ran = bb("--home", str(made), "-C", str(made), "validate", PYTHONIOENCODING=charset)
    arrow = "→" if charset == "utf-8" else "\\u2192"
    assert ran.code == 3 and f"knot {arrow} loop" in ran.out and "bug" not in ran.err
