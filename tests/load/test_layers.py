"""Home and project: what is in force of both, and what a project may not bring."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from botbottle.load import find_project, load, load_one, names
from tests.load.homes import BASE, codes, names_of, two_agents, write


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return two_agents(tmp_path / "home")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path / "proj/.bot-bottle", {"agents/web": "bottle: base\n===\nfrom the project"})
    return tmp_path / "proj"


def test_the_projects_agent_wins_a_name_collision_with_a_warning(home: Path, project: Path) -> None:
    loaded = load(home, project)
    assert loaded.declared is not None
    web = next(b for b in loaded.declared.bottles if b.name == "web")
    assert (web.layer, web.prompt, web.state) == ("project", "from the project", "started")
    (warning,) = loaded.diagnostics
    assert warning.code == "BB2304"
    assert str(warning.related[0][0]) == "home:agents/web.md:0"


def test_home_agents_are_a_library(home: Path, project: Path) -> None:
    loaded = load(home, project)
    assert loaded.declared is not None
    assert {b.name: b.state for b in loaded.declared.bottles} == {
        "lib": "stopped",
        "web": "started",
    }


def test_the_project_is_found_from_below_and_gives_resources_its_id(
    home: Path, project: Path
) -> None:
    deep = project / "src/pkg"
    deep.mkdir(parents=True)
    loaded = load(home, deep)
    assert loaded.declared is not None
    assert loaded.declared.project.root == str(project)
    assert loaded.declared.project.id.startswith("proj-")
    assert {b.project for b in loaded.declared.bottles} == {loaded.declared.project.id}


def test_home_is_never_a_project(tmp_path: Path) -> None:
    home = write(tmp_path / ".bot-bottle", {"bottles/base": BASE, "agents/web": "bottle: base"})
    (tmp_path / "work").mkdir()
    assert find_project(tmp_path / "work", home) is None
    loaded = load(home, tmp_path / "work")
    assert names_of(loaded) == ["web"]
    assert loaded.declared is not None
    assert loaded.declared.project.id == "home"


def test_home_reached_through_a_link_is_still_home(tmp_path: Path) -> None:
    home = write(tmp_path / "real", {"bottles/base": BASE, "agents/web": "bottle: base"})
    (tmp_path / "w").mkdir()
    (tmp_path / "w/.bot-bottle").symlink_to(home)
    assert load(home, tmp_path / "w").layers.project is None


def test_a_bottle_file_in_a_project_is_ignored_with_a_warning(home: Path, project: Path) -> None:
    write(project / ".bot-bottle", {"bottles/base": "env: {EVIL: '1'}", "bottles/more": "x: ["})
    loaded = load(home, project)
    found = [d for d in loaded.diagnostics if d.code == "BB2302"]
    assert [d.origin.file for d in found] == ["bottles/base.md", "bottles/more.md"]
    assert str(home / "bottles") in found[0].hint
    assert loaded.declared is not None
    assert all(b.env == () for b in loaded.declared.bottles)


def test_a_strangers_project_is_refused_whoever_asks(
    home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project / ".bot-bottle"
    owner = folder.stat().st_uid
    if owner == 0:  # root's folders are trusted, so give it to somebody
        owner = 4242
        os.chown(folder, owner, -1)
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert codes(load(home, project).errors) == ["BB2301"]
    assert load_one("web", home, project).declared is None
    monkeypatch.setattr(os, "getuid", lambda: owner)
    assert load_one("web", home, project).declared is not None


def test_settings_in_a_project_are_an_error(home: Path, project: Path) -> None:
    (project / ".bot-bottle/settings.yml").write_text("budget: {claude: 1000G}\n")
    loaded = load(home, project)
    assert codes(loaded.errors) == ["BB2303"]
    assert loaded.declared is None


def test_settings_under_another_name_are_not_silently_ignored(home: Path) -> None:
    (home / "settings.yaml").write_text("budget: {claude: 1M}\n")
    (error,) = load(home).errors
    assert (error.code, error.origin.file) == ("BB2310", "settings.yaml")
    (home / "settings.yaml").rename(home / "settings.yml")
    assert load(home).errors == ()


def test_a_stale_json_without_a_folder_is_an_error_with_the_way_out(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "old/sub").mkdir(parents=True)
    (tmp_path / "old/bot-bottle.json").write_text("{}")
    (error,) = load(home, tmp_path / "old/sub").errors
    assert error.code == "BB2305"
    assert "bb init" in error.hint
    (tmp_path / "old/.bot-bottle/agents").mkdir(parents=True)
    assert load(home, tmp_path / "old/sub").errors == ()


def test_names_come_from_file_names_alone(home: Path, project: Path) -> None:
    write(project / ".bot-bottle", {"agents/broken": "bottle: ["})
    assert names(home, project) == ("broken", "lib", "web")
    assert names(home, None, "bottles") == ("base",)
    assert names(home / "nowhere", None) == ()


def test_an_unused_bottle_is_a_warning_at_home_and_not_in_a_project(
    home: Path, project: Path
) -> None:
    write(home, {"bottles/spare": BASE, "bottles/parent": BASE})
    write(home, {"bottles/base": "extends: parent"})
    assert [(d.code, d.origin.file) for d in load(home).diagnostics] == [
        ("BB2306", "bottles/spare.md")
    ]
    assert codes(load(home, project).diagnostics) == ["BB2304"]


def test_a_home_that_does_not_exist_is_empty_and_said_to_be_missing(tmp_path: Path) -> None:
    loaded = load(tmp_path / "none", tmp_path)
    assert codes(loaded.diagnostics) == ["BB2004"] and loaded.errors == ()
    assert names_of(loaded) == []


def test_the_same_files_give_the_same_report(home: Path, project: Path) -> None:
    write(home, {"agents/x": "bottle: nope\nstate: 3", "bottles/y": "a: 1\nb: 2"})
    assert load(home, project).diagnostics == load(home, project).diagnostics
    assert list(load(home).diagnostics) == sorted(
        load(home).diagnostics, key=lambda d: (d.origin.file, d.origin.line, d.origin.column)
    )
