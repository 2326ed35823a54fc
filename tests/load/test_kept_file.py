"""The file of what is kept: the owner's alone, whole, bounded, and of no use when it is not."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from botbottle.load import kept as kept_module
from botbottle.load.kept import MAX_FILES, find, keep
from tests.load.homes import write
from tests.load.keeping import (
    IMAGES,
    NOW,
    file_of,
    found,
    kept_now,
    seen,
)


def test_the_file_is_the_owners_alone(home: Path, cwd: Path) -> None:
    old = os.umask(0)
    try:
        kept_now(home, cwd)
    finally:
        os.umask(old)
    assert file_of(home).stat().st_mode & 0o777 == 0o600
    assert (home / "run/manifests").stat().st_mode & 0o777 == 0o700


def touched(change: Callable[[Path], object]) -> Callable[[Path, pytest.MonkeyPatch], None]:
    return lambda path, _: (change(path), None)[1]


def linked(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


UNFIT: dict[str, Callable[[Path, pytest.MonkeyPatch], None]] = {
    "readable by others": touched(lambda p: p.chmod(0o604)),
    "writable by the group": touched(lambda p: p.chmod(0o620)),
    "a symbolic link": touched(linked),
    "a second name": touched(lambda p: p.with_name("other").hardlink_to(p)),
    "a pipe": touched(piped),
    "a directory": touched(lambda p: (p.unlink(), p.mkdir())),
    "empty": touched(lambda p: os.truncate(p, 0)),
    "cut short": touched(lambda p: os.truncate(p, p.stat().st_size - 1)),
    "too large": lambda _, patch: patch.setattr(kept_module, "MAX_BYTES", 10),
    "somebody else's": lambda _, patch: patch.setattr(os, "geteuid", lambda: 4242),
}


@pytest.mark.parametrize("how", sorted(UNFIT))
def test_a_file_that_is_not_fit_is_as_good_as_none(
    how: str, home: Path, cwd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_now(home, cwd)
    assert found(home, cwd)
    UNFIT[how](file_of(home), monkeypatch)
    assert found(home, cwd) is None


def test_no_damage_goes_unseen(home: Path, cwd: Path) -> None:
    kept_now(home, cwd)
    path = file_of(home)
    good = path.read_bytes()
    for place in range(0, len(good), 7):
        bad = bytearray(good)
        bad[place] ^= 1
        path.write_bytes(bad)
        assert found(home, cwd) is None, place
    path.write_bytes(good)
    assert found(home, cwd)


def test_what_is_no_bottle_is_none_even_with_the_right_checksum(home: Path, cwd: Path) -> None:
    before = seen(home, cwd)
    kept_now(home, cwd)
    body = json.dumps({"declared": {"project": 3}}).encode()
    file_of(home).write_bytes(kept_module._head(before, body) + b"\n" + body)
    assert found(home, cwd) is None


def test_nothing_is_made_in_a_home_that_was_never_applied(home: Path, cwd: Path) -> None:
    (home / "run").rmdir()
    kept_now(home, cwd)
    assert not (home / "run").exists() and found(home, cwd) is None


def test_a_home_that_cannot_be_written_keeps_nothing_and_says_nothing(
    home: Path, cwd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.mkdir", refused)
        kept_now(home, cwd)
    assert not (home / "run/manifests").exists()
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", refused)
        kept_now(home, cwd)
    assert list((home / "run/manifests").iterdir()) == []


def test_the_oldest_projects_are_forgotten(home: Path, tmp_path: Path) -> None:
    for number in range(MAX_FILES + 3):
        place = tmp_path / f"p{number}"
        write(place / ".bot-bottle", {"agents/web": "bottle: base"})
        kept_now(home, place)
        file = max((home / "run/manifests").iterdir(), key=lambda p: p.stat().st_mtime_ns)
        os.utime(file, ns=(number, number))
    assert len(list((home / "run/manifests").iterdir())) == MAX_FILES
    assert found(home, tmp_path / "p0") is None and found(home, tmp_path / f"p{MAX_FILES}")


def test_who_reads_while_others_write_gets_all_or_nothing(home: Path, cwd: Path) -> None:
    before, loaded = seen(home, cwd), kept_now(home, cwd)
    writers = [
        threading.Thread(target=lambda: [keep(before, loaded, IMAGES, NOW) for _ in range(20)])
        for _ in range(3)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert find(before, NOW) is not None
    assert [p.name for p in (home / "run/manifests").iterdir()] == ["home.json"]
