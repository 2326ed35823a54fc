"""The project's lock: one holder, said in words, given back whatever happens to it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from botbottle.errors import Locked
from botbottle.locking import holder, operator, project_lock, resting

ROOT = Path(__file__).parents[1]
HOLD = """
import sys
from botbottle.locking import project_lock
with project_lock(sys.argv[1], "apply"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "run" / "proj.lock"


@pytest.fixture
def other(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMUX_PANE": "%7"},
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_held_lock_is_refused_at_once_and_names_its_holder(
    lock: Path, other: subprocess.Popen[str]
) -> None:
    with pytest.raises(Locked) as caught, project_lock(str(lock), "plan"):
        pytest.fail("two holders")
    assert int(caught.value.exit_code) == 6
    assert f"bb apply, process {other.pid}" in str(caught.value)
    assert "tmux pane %7" in str(caught.value) and "--lock-timeout" in caught.value.hint


def test_waiting_is_told_once_and_ends_at_the_timeout(
    lock: Path, other: subprocess.Popen[str]
) -> None:
    now, told = [0.0], list[str]()

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with (
        pytest.raises(Locked),
        project_lock(
            str(lock), "x", timeout=3, waiting=told.append, sleep=sleep, clock=lambda: now[0]
        ),
    ):
        pytest.fail("two holders")
    assert now[0] >= 3 and len(told) == 1 and str(other.pid) in told[0]


def test_it_is_taken_as_soon_as_the_other_lets_go(lock: Path, other: subprocess.Popen[str]) -> None:
    def sleep(_: float) -> None:
        other.communicate()

    with project_lock(str(lock), "mine", timeout=60, sleep=sleep):
        assert f"bb mine, process {os.getpid()}" in holder(lock)


def test_a_killed_holder_leaves_no_lock_behind(lock: Path, other: subprocess.Popen[str]) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    with project_lock(str(lock), "next"):
        assert str(other.pid) not in holder(lock)


def test_a_program_that_the_holder_starts_does_not_inherit_the_lock(lock: Path) -> None:
    with project_lock(str(lock), "first"):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with project_lock(str(lock), "second"):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_lock_file_with_nonsense_in_it_is_no_obstacle(lock: Path) -> None:
    lock.parent.mkdir()
    lock.write_text("\0 not json")
    assert holder(lock) == "an unknown process"
    with project_lock(str(lock), "x"):
        assert "bb x" in holder(lock)


def test_a_lock_rests_with_one_mark_until_somebody_takes_it(lock: Path) -> None:
    assert resting(str(lock)) is None
    with project_lock(str(lock), "first") as before:
        assert before is not None  # the file was made just now, and is empty
        assert resting(str(lock)) is None
    mark = resting(str(lock))
    assert mark is not None and mark != before and mark == resting(str(lock))
    with project_lock(str(lock), "second") as found:
        assert found == mark
    with project_lock(str(lock), "third") as found:
        assert found is not None and found != mark


def test_after_a_holder_that_failed_the_lock_rests_all_the_same(lock: Path) -> None:
    with pytest.raises(ZeroDivisionError), project_lock(str(lock), "first"):
        raise ZeroDivisionError
    assert resting(str(lock)) is not None


def test_after_a_holder_that_was_killed_nobody_knows_what_it_did(
    lock: Path, other: subprocess.Popen[str]
) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert resting(str(lock)) is None
    with project_lock(str(lock), "next") as found:
        assert found is None
    assert resting(str(lock)) is not None


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_001)
    assert operator() == "uid 4000000001"
    monkeypatch.setenv("LOGNAME", "ann")
    assert operator() == "ann"


def test_a_lock_that_was_taken_before_is_as_good_where_nothing_can_be_written(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only disk: an order still stops a bottle, and one at a time."""
    opened = os.open

    def sealed(path: object, flags: int, *mode: int, **more: Any) -> int:
        if flags & (os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, flags, *mode, **more)  # type: ignore[arg-type]

    with project_lock(str(lock), "apply"):
        pass
    monkeypatch.setattr("botbottle.locking.os.open", sealed)
    with project_lock(str(lock), "kill") as rested:
        assert rested is not None and rested == resting(str(lock))
        with pytest.raises(Locked), project_lock(str(lock), "apply"):
            raise AssertionError("two hold it")
    with project_lock(str(lock), "apply"):
        pass
    lock.unlink()
    with pytest.raises(OSError, match="Read-only"), project_lock(str(lock), "kill"):
        raise AssertionError("nobody could be kept out")
