"""Where a home and its projects lay: what was moved is named, what is there is not, and a home that
takes no files loses nothing but that."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from botbottle.load.layers import layers
from botbottle.model.bottle import Project
from botbottle.model.paths import HomePaths
from botbottle.places import before, known, lost, note

HOME = Project("home", "", "")


@pytest.fixture
def home(tmp_path: Path) -> HomePaths:
    made = tmp_path / "home"
    (made / "run/locks").mkdir(parents=True)
    return HomePaths(str(made))


def project(home: HomePaths, folder: Path) -> Project:
    (folder / ".bot-bottle").mkdir(parents=True)
    return layers(Path(home.home), folder).project_id


def test_a_project_that_is_there_is_not_lost(home: HomePaths, tmp_path: Path) -> None:
    note(home, project(home, tmp_path / "repo"))
    assert lost(home) == {}


@pytest.mark.parametrize("how", ["renamed", "deleted", "without manifests", "a link"])
def test_one_whose_folder_no_verb_finds_any_more_is(
    home: HomePaths, tmp_path: Path, how: str
) -> None:
    found = project(home, folder := tmp_path / "repo")
    note(home, found)
    if how == "without manifests":
        (folder / ".bot-bottle").rmdir()
    else:
        folder.rename(tmp_path / "other")
    if how == "a link":  # its real path is another one, and so is the project that it leads to
        folder.symlink_to(tmp_path / "other")
    if how == "deleted":
        (tmp_path / "other/.bot-bottle").rmdir()
        (tmp_path / "other").rmdir()
    assert lost(home) == {found.id: str(folder)}
    assert lost(home, but=found.id) == {}


def test_a_folder_below_another_project_is_that_project_now(
    home: HomePaths, tmp_path: Path
) -> None:
    outer = project(home, tmp_path / "repo")
    inner = project(home, tmp_path / "repo/sub")
    note(home, outer)
    note(home, inner)
    (tmp_path / "repo/sub/.bot-bottle").rmdir()
    assert lost(home) == {inner.id: str(tmp_path / "repo/sub")}


def test_the_home_itself_is_no_folder_that_gets_lost(home: HomePaths) -> None:
    note(home, HOME)
    assert lost(home) == {} and before(home) == ""


def test_a_home_that_was_moved_knows_where_it_was(home: HomePaths, tmp_path: Path) -> None:
    assert before(home) == ""
    note(home, HOME)
    Path(home.home).rename(tmp_path / "moved")
    moved = HomePaths(str(tmp_path / "moved"))
    assert before(moved) == home.home
    note(moved, HOME)
    assert before(moved) == ""


def test_so_does_one_that_is_called_by_another_name(home: HomePaths, tmp_path: Path) -> None:
    note(home, HOME)
    (tmp_path / "link").symlink_to(home.home)
    assert before(HomePaths(str(tmp_path / "link"))) == home.home


def test_a_home_that_takes_no_files_keeps_nothing(home: HomePaths, tmp_path: Path) -> None:
    (Path(home.home) / "run/projects").write_text("")  # no folder: also root cannot write there
    (Path(home.home) / "run/place").mkdir()
    note(home, project(home, tmp_path / "repo"))
    assert lost(home) == {} and before(home) == ""


def test_projects_are_known_by_the_locks_that_they_took(home: HomePaths) -> None:
    for name in ("repo-0a", "repo-0a.watch", "home"):
        Path(home.lock(name)).touch()
    assert known(home) == ("home", "repo-0a")
    assert known(HomePaths("/nonexistent")) == ()


def test_a_copy_of_a_home_that_is_still_there_was_not_moved(
    home: HomePaths, tmp_path: Path
) -> None:
    note(home, HOME)
    copy = shutil.copytree(home.home, tmp_path / "copy")
    assert before(HomePaths(str(copy))) == ""
    (tmp_path / "link").symlink_to(home.home)
    assert before(HomePaths(str(tmp_path / "link"))) == home.home, "the same under another name"
    shutil.rmtree(home.home)
    assert before(HomePaths(str(copy))) == home.home
