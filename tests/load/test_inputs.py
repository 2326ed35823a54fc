"""The key of what is kept: any change of what is loaded is another one, and nothing else is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.load import inputs as inputs_module
from botbottle.load import load
from botbottle.load.inputs import inputs
from botbottle.load.kept import find
from botbottle.load.loader import Loaded
from botbottle.load.source import cut
from tests.load.homes import BASE, codes, write
from tests.load.keeping import (
    NOW,
    assert_same,
    found,
    homes,
    kept_now,
)


def appended(name: str, text: str = "\n") -> Callable[[Path, Path], None]:
    def edit(home: Path, cwd: Path) -> None:
        path = home / name
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(text)

    return edit


EDITS: dict[str, Callable[[Path, Path], object]] = {
    "a prompt with a character that nobody sees": appended("agents/web.md", "more\u200b\n"),
    "a byte of the front": lambda home, _: (home / "bottles/base.md").write_text(
        (home / "bottles/base.md").read_text().replace("/v1", "/v2")
    ),
    "the keys alone, without what marks them": lambda home, _: (home / "agents/web.md").write_text(
        cut((home / "agents/web.md").read_text(), "agents/web.md", "home").front
    ),
    "a new agent": lambda home, _: write(home, {"agents/new": "bottle: base"}),
    "a new bottle": lambda home, _: write(home, {"bottles/new": BASE}),
    "a removed agent": lambda home, _: (home / "agents/web.md").unlink(),
    "a renamed agent": lambda home, _: (home / "agents/web.md").rename(home / "agents/w.md"),
    "settings": appended("settings.yml", "shutdown: kill\n"),
    "settings that are not read": appended("settings.yaml"),
    "a broken link for settings": lambda home, _: (home / "settings.yml").symlink_to("nowhere"),
    "a misnamed file": appended("agents/Web.MD"),
    "a plugin": lambda home, _: (home / "contrib/new").mkdir(parents=True),
    "a stale file": lambda _, cwd: (cwd / "bot-bottle.json").write_text("{}"),
    "a project": lambda _, cwd: write(cwd / ".bot-bottle", {"agents/p": "bottle: base"}),
    "an agent that cannot be read": lambda home, _: (home / "agents/x.md").symlink_to("nowhere"),
    "a pipe in an agent's place": lambda home, _: os.mkfifo(home / "agents/pipe.md"),
    "a huge agent": lambda home, _: (home / "agents/big.md").write_bytes(b"x" * 2_000_000),
}


@pytest.mark.parametrize("edit", sorted(EDITS))
def test_any_edit_is_seen(edit: str, home: Path, cwd: Path) -> None:
    kept_now(home, cwd)
    assert found(home, cwd)
    EDITS[edit](home, cwd)
    after = inputs(home, cwd)
    assert after is None or find(after, NOW) is None


PROJECT_EDITS: dict[str, Callable[[Path], object]] = {
    "content": lambda p: write(p, {"agents/web": "bottle: base\nbudget: {claude: 2k}"}),
    "settings": lambda p: (p / "settings.yml").write_text(""),
    "a bottle": lambda p: write(p, {"bottles/x": BASE}),
    "a misnamed file": lambda p: (p / "agents/B.md").write_text(""),
    "its removal": lambda p: p.rename(p.with_name("gone")),
}


@pytest.mark.parametrize("edit", sorted(PROJECT_EDITS))
def test_any_edit_of_a_project_is_seen(edit: str, home: Path, cwd: Path) -> None:
    folder = write(cwd / ".bot-bottle", {"agents/web": "bottle: base\nbudget: {claude: 1k}"})
    kept_now(home, cwd)
    assert found(home, cwd)
    PROJECT_EDITS[edit](folder)
    assert found(home, cwd) is None


def test_going_back_to_what_was_kept_finds_it_again(home: Path, cwd: Path) -> None:
    loaded = kept_now(home, cwd)
    text = (home / "agents/web.md").read_bytes()
    (home / "agents/web.md").write_bytes(text.replace(b"base", b"base\nstate: absent"))
    assert found(home, cwd) is None
    (home / "agents/web.md").write_bytes(text)
    assert_same(found(home, cwd), loaded)


BODIES = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    [
        "---",
        "\n---\nstate: absent\n---\n",
        "\r\n\r---\r",
        "two\n\n\nlines\n",
        "\ufeff",
        "seen\u200b",
    ]
)


@given(files=homes(), bodies=st.lists(BODIES, min_size=3, max_size=3))
@settings(max_examples=80, deadline=None)
def test_another_prompt_is_the_prompt_of_today_and_all_else_is_as_it_would_be_read(
    files: dict[str, str], bodies: list[str]
) -> None:
    with TemporaryDirectory() as folder:
        home = write(Path(folder, "home"), files)
        (home / "run").mkdir()
        kept_now(home, Path(folder))
        for path, body in zip(sorted((home / "agents").iterdir()), bodies, strict=False):
            front = path.read_text().split("\n---\n")[0]
            path.write_bytes(f"{front}\n---\n{body}".encode())
        loaded, kept = load(home, Path(folder)), found(home, Path(folder))
        if kept is None:  # the loader has something to say about a character
            assert "\u200b" in "".join([*bodies, *files.values()]) or unseen(bodies)
        else:
            assert_same(kept, loaded)


def unseen(bodies: list[str]) -> bool:
    return any("BB2018" in codes(load_of(body).diagnostics) for body in bodies)


def load_of(body: str) -> Loaded:
    with TemporaryDirectory() as folder:
        home = write(Path(folder), {"bottles/base": BASE})
        (home / "agents").mkdir()
        (home / "agents/a.md").write_bytes(f"---\nbottle: base\n---\n{body}".encode())
        return load(home, Path(folder))


def test_what_stands_below_a_bottles_keys_is_nothing(home: Path, cwd: Path) -> None:
    loaded = kept_now(home, cwd)
    appended("bottles/base.md", "why this bottle is so\n")(home, cwd)
    assert_same(found(home, cwd), loaded)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("botbottle.load.inputs.__version__", "99"),
        ("botbottle.load.kept.FORMAT", 99),
        ("botbottle.load.inputs.code_identity", lambda: ("other code", 0.0)),
        ("os.getuid", lambda: 4242),
        ("sys.version", "3.99"),
    ],
)
def test_another_program_or_user_finds_nothing(
    name: str, value: Any, home: Path, cwd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_now(home, cwd)
    assert found(home, cwd)
    monkeypatch.setattr(name, value)
    assert found(home, cwd) is None


def test_code_that_changes_is_other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    file = tmp_path / "model/x.py"
    file.write_text("a = 1\n")
    monkeypatch.setattr(inputs_module, "PACKAGE", tmp_path)
    before, changed = inputs_module.code_identity()
    assert changed == pytest.approx(file.stat().st_ctime_ns / 1e9)
    was = file.stat()
    file.write_text("a = 2\n")
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))  # who hides it cannot hide the change
    assert inputs_module.code_identity()[0] != before
    (tmp_path / "__pycache__").mkdir()
    again = inputs_module.code_identity()
    (tmp_path / "__pycache__/x.pyc").write_text("byte code is made of the rest")
    assert inputs_module.code_identity() == again


def test_code_behind_a_link_counts_and_a_link_that_leads_back_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path, cwd: Path
) -> None:
    package, other = tmp_path / "package", tmp_path / "other"
    package.mkdir()
    other.mkdir()
    (other / "x.py").write_text("a = 1\n")
    (package / "model").symlink_to(other)
    monkeypatch.setattr(inputs_module, "PACKAGE", package)
    before, _ = inputs_module.code_identity()
    (other / "x.py").write_text("a = 12\n")
    assert inputs_module.code_identity()[0] != before
    assert inputs(home, cwd) is not None
    (other / "again").symlink_to(package)
    assert inputs(home, cwd) is None
