"""What apply asks, whom, and for which bottles."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from botbottle.cli import env_values as module
from botbottle.cli.context import Context
from botbottle.cli.env_values import env_values
from botbottle.errors import MissingValue
from botbottle.load.policy import env_var
from botbottle.model.bottle import BottleSpec, WantedState


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def context(tmp_path: Path, *, terminal: bool, **environ: str) -> Context:
    stream: Any = Terminal if terminal else io.StringIO
    return Context(tmp_path, tmp_path, environ=environ, stdin=stream(), err=stream())


def bottle(name: str, state: WantedState = "started", **env: str) -> BottleSpec:
    variables = tuple(env_var(n, text) for n, text in env.items())
    return BottleSpec(name, name, "home", "home", (), env=variables, state=state)


def test_only_bottles_that_are_to_run_are_asked_about(tmp_path: Path) -> None:
    bottles = [
        bottle("on", A="${A}"),
        bottle("off", "stopped", B="?"),
        bottle("no", "absent", C="?"),
    ]
    found = env_values(context(tmp_path, terminal=False, A="1"), bottles)
    assert {name: dict(values) for name, values in found.items()} == {"on": {"A": "1"}}


def test_without_a_terminal_nobody_is_asked(tmp_path: Path) -> None:
    with pytest.raises(MissingValue) as caught:
        env_values(context(tmp_path, terminal=False), [bottle("web", A="?")])
    assert "BB_ENV_A" in caught.value.message


def test_in_ci_nobody_is_asked_even_on_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(MissingValue):
        env_values(context(tmp_path, terminal=True, CI="true"), [bottle("web", A="?")])


def test_a_person_is_asked_without_echo_and_with_the_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def getpass(prompt: str, _: object) -> str:
        asked.append(prompt)
        return "typed"

    monkeypatch.setattr(module.getpass, "getpass", getpass)
    bottles = [bottle("web", A="? the token", B="?")]
    found = env_values(context(tmp_path, terminal=True), bottles)
    assert dict(found["web"]) == {"A": "typed", "B": "typed"}
    assert asked == ["A (the token): ", "B: "]


def test_a_file_is_found_from_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "my.env").write_text("A=filed\n")
    found = env_values(context(tmp_path, terminal=False), [bottle("web", A="?")], Path("my.env"))
    assert dict(found["web"]) == {"A": "filed"}
