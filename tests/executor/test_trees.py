"""A tree of the host is read without following a link, and never beyond its bound."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from botbottle.errors import BBError
from botbottle.executor import trees
from botbottle.executor.trees import HEAD, Room, entries

SECRET = b"HOSTSECRET"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a folder, and a secret beside it."""
    (tmp_path / "secret/dir").mkdir(parents=True)
    (tmp_path / "secret/dir/id_rsa").write_bytes(SECRET)
    made = tmp_path / "project"
    (made / "src/sub").mkdir(parents=True)
    (made / "src/a").write_text("a")
    (made / "src/sub/b").write_text("b")
    return made


def read(source: Path, size: int = 1 << 20) -> dict[str, bytes]:
    return {e.path: e.data for e in entries(str(source), Room(size)) if stat.S_ISREG(e.mode)}


def test_a_tree_is_read_in_a_stable_order(project: Path) -> None:
    found = [e.path for e in entries(str(project / "src"), Room(1 << 20))]
    assert found == ["", "a", "sub", "sub/b"] and read(project / "src") == {
        "a": b"a",
        "sub/b": b"b",
    }


@pytest.mark.parametrize("place", ["start", "middle"])
def test_a_link_on_the_way_is_refused(project: Path, place: str) -> None:
    link = project / "a"
    link.symlink_to(project.parent / "secret" / ("dir" if place == "start" else ""))
    source = link if place == "start" else link / "dir"
    assert (source / "id_rsa").read_bytes() == SECRET, "positive control: the link leads there"
    with pytest.raises(BBError, match="symbolic link"):
        read(source)


def swapped(monkeypatch: pytest.MonkeyPatch, at: Path, to: Path) -> None:
    """``at`` becomes a link to ``to`` right after it was looked at."""
    look: Callable[..., os.stat_result] = os.stat

    def then_swap(path: object, *args: object, **kwargs: object) -> os.stat_result:
        found = look(path, *args, **kwargs)  # type: ignore[call-overload]
        if path == at.name and not at.is_symlink():
            at.rename(at.with_name("moved"))
            at.symlink_to(to)
        return found

    monkeypatch.setattr(trees.os, "stat", then_swap)


def test_a_file_that_becomes_a_link_while_it_is_read_leaks_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swapped(monkeypatch, project / "src/a", project.parent / "secret/dir/id_rsa")
    with pytest.raises(BBError, match="cannot read"):
        read(project / "src")


def test_so_does_a_folder_on_the_way(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.parent / "secret/sub").mkdir()
    (project.parent / "secret/sub/b").write_bytes(SECRET)
    swapped(monkeypatch, project / "src", project.parent / "secret")
    with pytest.raises(BBError):
        read(project / "src/sub")


def test_a_file_too_large_is_refused_before_it_is_read(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (project / "src/sparse").open("wb") as file:
        file.truncate(1 << 40)
    (project / "src/a").unlink()
    monkeypatch.setattr(trees.os, "read", lambda *_: pytest.fail("it was read"))
    with pytest.raises(BBError, match="too large"):
        read(project / "src")


def test_all_entries_together_are_bounded(project: Path) -> None:
    room = 4 * HEAD + 2  # two folders, and two files of a byte each
    assert read(project / "src", room) == {"a": b"a", "sub/b": b"b"}
    with pytest.raises(BBError, match="too large"):
        read(project / "src", room - 1)


def test_pipes_are_passed_over_and_hold_up_nobody(project: Path) -> None:
    os.mkfifo(project / "src/pipe")
    assert read(project / "src") == {"a": b"a", "sub/b": b"b"}


@pytest.mark.parametrize("name", ["src/a", "missing"])
def test_what_is_no_folder_is_told(project: Path, name: str) -> None:
    with pytest.raises(BBError) as caught:
        read(project / name)
    assert caught.value.code == "BB1012" and name in caught.value.message
