"""Command lines without typer: what is understood means the same to typer, the rest is typer's."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer._click.exceptions import ClickException

from botbottle.cli import app as entry
from botbottle.cli.group import app, load_verb
from botbottle.cli.options import Option, hints
from botbottle.cli.plain import VERBS, Unclear, call, values
from botbottle.cli.root import root

WORDS = ("", "-", "--", "x", "-x", "--json", "--nope", "3", "65", "007", "1e3", "+1", "٣", "-1",
         "0.5", ".5", "5.", "nan", "a b", "web=1", "/tmp", "~", "\x00", "\udcff", "ä", "--json=1",
         "--format=", "--no-wait", "--parallel=3", "-C", "-C/tmp", "-yy", "--wait=1")  # fmt: skip


def verb(name: str) -> Any:
    return getattr(importlib.import_module(f"botbottle.cli.{name}"), name)


def names_of(function: Any) -> list[str]:
    return [
        part
        for _, own in hints(function).values()
        if isinstance(own, Option)
        for name in own.names
        for part in name.split("/")
    ]


def typer_reads(name: str, args: list[str]) -> Mapping[str, Any] | None:
    """The parameters that typer passes on; None where it refuses or shows help."""
    command: Any = typer.main.get_command(app) if name == "root" else load_verb(name)
    try:
        context = command.make_context(name, list(args))
    except (ClickException, typer.Exit, ValueError):
        return None
    return {k: v for k, v in context.params.items() if k != "help"}


def plain_reads(name: str, args: list[str]) -> Mapping[str, Any] | None:
    function = root if name == "root" else verb(name)
    try:
        return values(function, args, os.environ, first_word_ends=name == "root")[0]
    except Unclear:
        return None


def lines(name: str) -> st.SearchStrategy[list[str]]:
    known = names_of(root if name == "root" else verb(name))
    word = st.sampled_from([*known, *known, *WORDS]) | st.text(max_size=3)
    valued = st.builds("{}={}".format, st.sampled_from(known), st.sampled_from(WORDS))
    return st.lists(word | valued, max_size=5)


@pytest.mark.parametrize("name", ["root", *VERBS])
@given(data=st.data())
def test_what_is_understood_means_the_same_to_typer(name: str, data: Any) -> None:
    args = data.draw(lines(name))
    if name == "root":
        args = [*args, "plan"]  # a group without a verb shows its help
    mine = plain_reads(name, args)
    if mine is not None:
        theirs = typer_reads(name, args)
        assert theirs is not None, args
        unsaid = typer_reads(name, ["plan"] if name == "root" else [])
        assert unsaid is not None and dict(unsaid) | dict(mine) == dict(theirs), args


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("root", ["-C", "/tmp", "--home=/h", "--progress", "quiet", "--lock-timeout", "2.5"]),
        ("plan", ["--json", "--only", "a", "--only=b", "--out", "p.json", "--budget", "claude=5M"]),
        ("apply", ["--yes", "--allow", "widen,destroy", "--parallel", "8", "--no-wait", "p.json"]),
        ("apply", ["-y", "--env-file", "x.env", "--fail-fast", "--wait"]),
    ],
)
def test_the_usual_lines_are_understood(name: str, args: list[str]) -> None:
    mine = plain_reads(name, args)
    theirs = typer_reads(name, [*args, "plan"] if name == "root" else args)
    assert mine and theirs and {n: theirs[n] for n in mine} == mine


@pytest.mark.parametrize(
    "args",
    [
        [], ["--help"], ["plan", "--help"], ["--version"], ["plna"], ["status"], ["plan", "--ful"],
        ["apply", "--parallel", "65"], ["apply", "--parallel", "many"], ["plan", "extra"],
        ["plan", "--only"], ["plan", "--only", "--json"], ["plan", "--json=1"], ["-C/tmp", "plan"],
        ["--lock-timeout", "nan", "plan"], ["plan", "--", "x"], ["apply", "a", "b"],
    ],
)  # fmt: skip
def test_what_needs_words_or_another_verb_is_left_to_typer(args: list[str]) -> None:
    assert call(args, {}) is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BB_PLAN_FORMAT", "json"),
        ("BB_DENY", "widens"),
        ("BB_PLAN_FORMAT", ""),
        ("BB_DENY", "\x01"),
    ],
)
def test_the_environment_counts_as_under_typer(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    theirs = typer_reads("plan", [])
    mine = plain_reads("plan", [])
    assert theirs is not None
    assert mine is None or {n: theirs[n] for n in mine} == dict(mine)
    assert (mine or {}) != {} or not value.strip("\x01")
    assert plain_reads("plan", ["--format", "text", "--deny", "x"]) == {
        "output": "text", "deny": "x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--progress", "loud", "plan"], "Invalid value: 'loud' is not one of auto, tty"),
        (["--home", "/etc/hostname", "plan"], "the bb home is not a directory"),
        (["-C", "/nonexistent", "plan"], "there is no such directory"),
        (["plan", "--format", "xml"], "--format xml"),
    ],
)
def test_a_mistake_is_told_in_the_same_words_with_and_without_typer(
    args: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    monkeypatch.setenv("BB_HOME", str(tmp_path))
    without = entry.main(args), capsys.readouterr()
    monkeypatch.setattr(entry, "call", lambda *_: None)
    assert without == (entry.main(args), capsys.readouterr())
    assert without[0] == 64 and told in without[1].err


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (KeyboardInterrupt(), 130, ""),
        (EOFError(), 130, "\nbb: interrupted\n"),
        (typer.Exit(5), 5, ""),
        (RuntimeError("x"), 70, "this is a bug: RuntimeError"),
    ],
)
def test_a_verb_ends_in_the_same_way_with_and_without_typer(
    error: BaseException,
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ends(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("botbottle.cli.plan.open_session", ends)
    if not isinstance(error, typer.Exit):  # no verb that runs without typer raises typer's own
        assert entry.main(["plan"]) == code
        assert told in capsys.readouterr().err
    monkeypatch.setattr(entry, "call", lambda *_: None)
    assert entry.main(["plan"]) == code
    assert told in capsys.readouterr().err
