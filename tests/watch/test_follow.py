"""Reading along: every record once, across rotation, and who enforces without touching a lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from botbottle.locking import project_lock
from botbottle.watch.follow import Follower, Tail, held
from botbottle.watch.log import LogFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log/watch-p.jsonl"


def test_a_log_that_does_not_exist_yet_is_waited_for(path: Path) -> None:
    tail = Tail(path)
    assert list(tail.read()) == []
    LogFile(path)({"n": 1})
    assert list(tail.read()) == ['{"n": 1}'] and list(tail.read()) == []


def test_half_a_line_waits_for_its_other_half(path: Path) -> None:
    path.parent.mkdir()
    tail = Tail(path)
    with path.open("w") as out:
        for text, whole in (('{"n"', []), (": 1}", []), ("\n{", ['{"n": 1}']), ("}\n", ["{}"])):
            out.write(text)
            out.flush()
            assert list(tail.read()) == whole


def test_nothing_is_lost_or_doubled_when_the_file_is_replaced(path: Path) -> None:
    file, tail, seen = LogFile(path, limit=100), Tail(path), list[str]()
    for number in range(60):
        file({"n": number})
        seen += tail.read()
    assert seen == [f'{{"n": {n}}}' for n in range(60)]
    assert path.with_name(path.name + ".1").exists()


@pytest.mark.parametrize(("count", "keep", "first"), [(0, 5, 0), (3, 5, 0), (50, 5, 45), (5, 0, 5)])
def test_it_begins_with_the_last_records(path: Path, count: int, keep: int, first: int) -> None:
    file = LogFile(path)
    for number in range(count):
        file({"n": number})
    tail = Tail(path)
    tail.skip(keep)
    assert list(tail.read()) == [f'{{"n": {n}}}' for n in range(first, count)]


def test_a_long_log_is_not_read_whole_and_no_line_is_cut(path: Path) -> None:
    file = LogFile(path)
    for number in range(4000):
        file({"n": number, "pad": "x" * 40})
    tail = Tail(path)
    tail.skip(10_000)
    lines = list(tail.read())
    assert 500 < len(lines) < 4000 and all(line.startswith('{"n": ') for line in lines)


def test_who_enforces_is_known_without_taking_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "p.watch.lock"
    assert not held(lock)
    with project_lock(str(lock), "watch"):
        assert held(lock)
    assert lock.exists() and not held(lock)


def test_asking_never_makes_a_watch_that_starts_fail(tmp_path: Path) -> None:
    lock = tmp_path / "p.watch.lock"
    lock.touch()
    for _ in range(50):
        held(lock)
        with project_lock(str(lock), "watch"):
            held(lock)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1: FLOCK  ADVISORY  WRITE 4711 08:01:{inode} 0 EOF", True),
        ("12: FLOCK  ADVISORY  WRITE 0 00:2a:{inode} 0 EOF", True),
        ("1: -> FLOCK  ADVISORY  WRITE 4711 08:01:{inode} 0 EOF", False),
        ("1: POSIX  ADVISORY  WRITE 4711 08:01:{inode} 0 EOF", False),
        ("1: FLOCK  ADVISORY  WRITE {inode} 08:01:9{inode} 0 EOF", False),
        ("", False),
    ],
)
def test_the_kernels_list_is_read_right(tmp_path: Path, line: str, expected: bool) -> None:
    lock, table = tmp_path / "lock", tmp_path / "locks"
    lock.touch()
    table.write_text(line.format(inode=lock.stat().st_ino) + "\n")
    assert held(lock, table) is expected


def test_a_follower_tells_when_enforcing_begins_and_ends(path: Path) -> None:
    seen: list[dict[str, Any]] = []
    enforcing = iter([False, False, True, True, False])
    lock = path.with_name("lock")
    follower = Follower(Tail(path), lock, seen.append, lambda _lock: next(enforcing))
    file = LogFile(path)
    for number in range(5):
        file({"event": "pass", "pass": number})
        follower.step()
    assert [r["event"] for r in seen] == [
        "pass", "nobody-enforces", "pass", "pass", "following", "pass", "pass", "nobody-enforces",
    ]  # fmt: skip


def test_what_is_no_record_is_left_out(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('garbage\n[1]\n{"event": "pass"}\n')
    seen: list[dict[str, Any]] = []
    Follower(Tail(path), path, seen.append, lambda _lock: True).step()
    assert [r["event"] for r in seen] == ["pass", "following"]


HOLDER = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_of_another_process_is_seen(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    argv = [sys.executable, "-c", HOLDER, str(lock)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin and other.stdout
        assert other.stdout.readline() == b"held\n"
        assert held(lock)
        other.stdin.close()
        other.wait(60)
    assert not held(lock)
