"""Where a repository's links may lead: what they lead to becomes an agent's prompt."""

from __future__ import annotations

from pathlib import Path

import pytest

from botbottle.load import load
from botbottle.load.inputs import inputs
from tests.load.homes import BASE, codes, write

NOTES = "---\nbottle: base\n---\nmy private notes"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write(tmp_path / "home", {"bottles/base": BASE, "agents/mine": "bottle: base"})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "repo/.bot-bottle", {"agents/web": "bottle: base"}).parent


def test_a_projects_agent_is_no_link_out_of_the_project(home: Path, project: Path) -> None:
    notes = project.parent / "notes.md"
    notes.write_text(NOTES)
    (project / ".bot-bottle/agents/x.md").symlink_to(notes)
    (project / ".bot-bottle/agents/y.md").symlink_to(home / "agents/mine.md")
    loaded = load(home, project)
    assert codes(loaded.errors) == ["BB2001", "BB2001"]
    assert "leads out of the project" in loaded.errors[0].message
    assert inputs(home, project) is None, "nothing is kept of such a set"


def test_nor_is_its_folder_of_agents(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "repo/.bot-bottle"
    folder.mkdir(parents=True)
    (folder / "agents").symlink_to(home / "agents")
    assert "BB2001" in codes(load(home, tmp_path / "repo").errors)


def test_links_within_the_project_and_links_at_home_are_followed(
    home: Path, project: Path, tmp_path: Path
) -> None:
    (project / "prompts").mkdir()
    (project / "prompts/x.md").write_text(NOTES)
    (project / ".bot-bottle/agents/x.md").symlink_to("../../prompts/x.md")
    (tmp_path / "dotfiles.md").write_text(NOTES)
    (home / "agents/linked.md").symlink_to(tmp_path / "dotfiles.md")
    assert load(home, project).errors == ()


def test_a_whole_folder_that_is_a_link_is_the_operators_own(
    home: Path, project: Path, tmp_path: Path
) -> None:
    checkout = tmp_path / "worktree"
    checkout.mkdir()
    (checkout / ".bot-bottle").symlink_to(project / ".bot-bottle")
    assert load(home, checkout).errors == ()
