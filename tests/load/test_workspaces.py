"""A workspace is a folder of the project; what else it names is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from botbottle.load import load
from tests.load.homes import BASE, write


def said(home: Path, project: Path | None) -> list[tuple[str, str, str]]:
    found = load(home, project).diagnostics
    return [(d.code, str(d.origin), d.message) for d in found if d.code == "BB2312"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    (made / "src").mkdir(parents=True)
    (tmp_path / "secret/dir").mkdir(parents=True)
    (made / "a").symlink_to(tmp_path / "secret")
    (made / "file").write_text("x")
    write(tmp_path / "home", {"bottles/web": BASE})
    return made


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("src", ""),
        (".", ""),
        ("a", "symbolic link"),
        ("a/dir", "symbolic link"),
        ("missing", "no folder"),
        ("file", "no folder"),
    ],
)
def test_it_is_a_folder_of_the_project(project: Path, named: str, why: str) -> None:
    write(project / ".bot-bottle", {"agents/web": f"bottle: web\nworkspace: {named}"})
    found = said(project.parent / "home", project)
    if not why:
        assert found == []
        return
    ((_, where, message),) = found
    assert why in message and where.endswith("agents/web.md:3")


def test_without_a_project_there_is_none(project: Path) -> None:
    home = project.parent / "home"
    write(home, {"agents/web": "bottle: web\nworkspace: src\nstate: started"})
    ((_, _, message),) = said(home, None)
    assert "there is none here" in message
    write(home, {"agents/web": "bottle: web\nworkspace: src"})
    assert said(home, None) == [], "a library: it does not run"
