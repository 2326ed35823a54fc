"""What may lie in a folder of manifests: names, links, and files of other kinds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from botbottle.load import load
from botbottle.load.render import text
from tests.load.homes import BASE, codes, names_of, two_agents, write


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return two_agents(tmp_path / "home")


@pytest.mark.parametrize(
    "name", ["Web.md", "1web.md", "we b.md", "wéb.md", "web.yml", "a" * 60 + ".md", "-x.md"]
)
def test_files_that_cannot_be_names_are_skipped_with_a_warning(home: Path, name: str) -> None:
    (home / "agents" / name).write_text("not even front matter")
    loaded = load(home)
    assert codes(loaded.diagnostics) == ["BB2005"]
    assert names_of(loaded) == ["lib", "web"]


def test_a_file_name_that_is_not_utf_8_can_still_be_printed(home: Path) -> None:
    path = os.fsencode(home / "agents") + b"/w\xffb.md"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    (warning,) = load(home).diagnostics
    assert warning.origin.file == "agents/w\\udcffb.md"
    text([warning]).encode()


def test_other_files_and_hidden_files_are_nobodys_business(home: Path) -> None:
    for name in (".web.md.swp", ".draft.md", "README", "notes.txt"):
        (home / "agents" / name).write_text("?")
    assert load(home).diagnostics == ()


def test_links_in_a_circle_are_one_error_and_the_rest_is_read(home: Path) -> None:
    (home / "agents/loop.md").symlink_to(home / "agents/loop.md")
    loaded = load(home)
    assert [(d.code, d.origin.file) for d in loaded.errors] == [("BB2001", "agents/loop.md")]


def test_a_file_name_cannot_steer_the_terminal(home: Path) -> None:
    (home / "agents" / "w\x1b]0;x\x07\u202e.md").write_text("")
    (warning,) = load(home).diagnostics
    assert warning.origin.file == "agents/w\\u001b]0;x\\u0007\\u202e.md"


def test_a_folder_that_cannot_be_read_is_named_and_nothing_is_said_of_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = write(tmp_path, {"bottles/base": BASE, "agents/web": "bottle: base"})
    listed = os.scandir

    def refusing(path: Path) -> Any:
        if str(path).endswith("agents"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refusing)  # root may read any
    (found,) = load(home).diagnostics
    assert (found.code, found.origin.layer, found.origin.file) == ("BB2001", "home", "agents")
    assert found.message == "the folder cannot be read: permission denied"
