"""Host directories: exactly the wanted mode and owner, and never somebody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from botbottle.errors import BBError
from botbottle.executor.host import make_directories, make_files

root = pytest.mark.skipif(os.geteuid() != 0, reason="changing owners needs root")


def test_a_directory_and_its_parents_are_made_with_its_mode(tmp_path: Path) -> None:
    wanted = tmp_path / "run" / "bottles" / "control"
    old = os.umask(0o077)
    try:
        make_directories([(str(wanted), 0o755)], "")
    finally:
        os.umask(old)
    assert wanted.stat().st_mode & 0o7777 == 0o755
    assert wanted.parent.stat().st_mode & 0o7777 == 0o700


def test_an_existing_directory_keeps_its_files_and_gets_the_mode(tmp_path: Path) -> None:
    wanted = tmp_path / "ca"
    wanted.mkdir(mode=0o777)
    (wanted / "ca.pem").write_text("x")
    make_directories([(str(wanted), 0o700)], "")
    assert wanted.stat().st_mode & 0o777 == 0o700
    assert (wanted / "ca.pem").read_text() == "x"


def test_a_link_in_its_place_is_refused_and_its_target_untouched(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(victim)
    with pytest.raises(BBError, match="cannot make the directory"):
        make_directories([(str(tmp_path / "link"), 0o777)], "")
    assert victim.stat().st_mode & 0o777 == 0o755


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BBError):
        make_directories([(str(tmp_path / "file"), 0o700)], "")


def test_a_file_is_made_empty_with_its_mode_and_keeps_its_content(tmp_path: Path) -> None:
    wanted = tmp_path / "bottles" / "system.pem"
    make_files([(str(wanted), 0o644)], "")
    assert (wanted.read_bytes(), wanted.stat().st_mode & 0o7777) == (b"", 0o644)
    wanted.write_text("kept")
    make_files([(str(wanted), 0o600)], "")
    assert (wanted.read_text(), wanted.stat().st_mode & 0o7777) == ("kept", 0o600)


@pytest.mark.parametrize("kind", ["link", "directory", "pipe"])
def test_nothing_but_a_file_is_accepted_in_its_place(tmp_path: Path, kind: str) -> None:
    victim, place = tmp_path / "victim", tmp_path / "system.pem"
    victim.write_text("key")
    victim.chmod(0o600)
    if kind == "link":
        place.symlink_to(victim)
    elif kind == "directory":
        place.mkdir()
    else:
        os.mkfifo(place)
    with pytest.raises(BBError, match="cannot make the file"):
        make_files([(str(place), 0o644)], "")
    assert victim.stat().st_mode & 0o777 == 0o600


@root
@pytest.mark.parametrize(("user", "ids"), [("1000:1001", (1000, 1001)), ("1000", (1000, 1000))])
def test_as_root_it_belongs_to_the_containers_user(
    tmp_path: Path, user: str, ids: tuple[int, int]
) -> None:
    make_directories([(str(tmp_path / "d"), 0o700)], user)
    found = (tmp_path / "d").stat()
    assert (found.st_uid, found.st_gid) == ids


@root
def test_a_user_that_only_the_image_knows_changes_no_owner(tmp_path: Path) -> None:
    make_directories([(str(tmp_path / "d"), 0o700)], "agent")
    assert (tmp_path / "d").stat().st_uid == 0
