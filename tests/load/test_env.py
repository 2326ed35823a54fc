"""Values of env: where they come from, and that nothing shows them."""

from __future__ import annotations

import copy
import os
import pickle
import traceback
from pathlib import Path

import pytest
from msgspec.structs import replace

from botbottle.errors import Exit, ManifestError, MissingValue, exit_code_for
from botbottle.load import read_env_file, resolve_env
from botbottle.load.policy import env_var
from botbottle.model.bottle import BottleSpec
from botbottle.model.diagnostic import Origin

SECRET = "hunter2-not-for-eyes"


def bottle(name: str = "web", **env: str) -> BottleSpec:
    variables = tuple(env_var(n, text) for n, text in env.items())
    return BottleSpec(name, name, "home", "home", (), env=variables)


def test_the_three_kinds_are_told_apart() -> None:
    kinds = {t: env_var("X", t) for t in ("a", "?", "? say it", "${HOST}", "a${HOST}", "$HOST", "")}
    assert [v.kind for v in kinds.values()] == [
        "literal", "ask", "ask", "host", "literal", "literal", "literal",
    ]  # fmt: skip
    assert kinds["? say it"].value == "say it"
    assert kinds["${HOST}"].value == "HOST"


def test_copied_values_come_from_the_host_then_from_the_file() -> None:
    spec = bottle(A="${HOST_A}", B="${HOST_B}", C="plain")
    found = resolve_env([spec], environ={"HOST_A": "1"}, file={"HOST_A": "no", "HOST_B": "2"})
    assert dict(found["web"]) == {"A": "1", "B": "2"}


def test_asked_values_come_from_the_prefix_then_the_file_then_a_person() -> None:
    spec = bottle(A="?", B="?", C="?what is C")
    asked: list[tuple[str, str]] = []

    def ask(name: str, prompt: str) -> str:
        asked.append((name, prompt))
        return "typed"

    found = resolve_env(
        [spec], environ={"BB_ENV_A": "1", "B": "no"}, file={"A": "no", "B": "2"}, ask=ask
    )
    assert dict(found["web"]) == {"A": "1", "B": "2", "C": "typed"}
    assert asked == [("C", "what is C")]


def test_a_question_is_asked_once_for_all_bottles() -> None:
    asked: list[str] = []

    def ask(name: str, _: str) -> str:
        asked.append(name)
        return "x"

    found = resolve_env([bottle("a", T="?"), bottle("b", T="?")], environ={}, ask=ask)
    assert asked == ["T"]
    assert found["a"]["T"] == found["b"]["T"] == "x"


def test_every_missing_variable_is_named_and_no_value() -> None:
    spec = bottle(A="?", B="${NOT_SET}", C="${SET}")
    with pytest.raises(MissingValue) as caught:
        resolve_env([spec], environ={"SET": SECRET})
    text = "".join(traceback.format_exception(caught.value))
    assert "BB_ENV_A (env.A of web)" in text
    assert "NOT_SET (env.B of web)" in text
    assert SECRET not in text
    assert exit_code_for(caught.value) == Exit.INVALID


def test_a_missing_variable_has_the_place_that_wants_it() -> None:
    spec = replace(
        bottle(A="?", B="?"), origins={"env.B": (Origin("b.md", 7, 3), Origin("a.md", 2))}
    )
    with pytest.raises(MissingValue) as caught:
        resolve_env([spec, bottle("other", B="?")], environ={"BB_ENV_A": "1"})
    assert caught.value.where == "default:b.md:7"


def test_nothing_shows_or_copies_the_values() -> None:
    values = resolve_env([bottle(A="${A}")], environ={"A": SECRET})["web"]
    assert values["A"] == SECRET  # the positive control
    assert repr(values) == "<1 values>"
    for shown in (str(values), f"{values}", repr({"web": values})):
        assert SECRET not in shown
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(values)


def test_the_process_environment_is_not_touched() -> None:
    before = dict(os.environ)
    resolve_env([bottle(A="?", B="${B}")], environ={"BB_ENV_A": SECRET, "B": SECRET})
    assert dict(os.environ) == before


def test_a_value_with_nul_is_refused_by_name() -> None:
    with pytest.raises(ManifestError) as caught:
        resolve_env([bottle(A="${A}")], environ={"A": f"{SECRET}\0"})
    assert "A" in caught.value.message
    assert SECRET not in str(caught.value)


def test_an_env_file_is_read_verbatim(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("# comment\n\nA=1\nB= x=y \nC=\n")
    assert dict(read_env_file(path)) == {"A": "1", "B": " x=y ", "C": ""}


def test_a_bad_env_file_is_told_by_line_without_its_text(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text(f"A=1\nexport {SECRET}\n")
    with pytest.raises(ManifestError) as caught:
        read_env_file(path)
    assert caught.value.where == f"{path}:2"
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_an_env_file_that_is_not_text_does_not_reach_the_traceback(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_bytes(SECRET.encode() + b"\xff")
    with pytest.raises(ManifestError) as caught:
        read_env_file(path)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ManifestError):
        read_env_file(tmp_path / "absent")


def test_an_env_file_that_cannot_be_read_says_why_and_none_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"A=\xe9")
    wanted = {
        tmp_path / "absent": "No such file",
        tmp_path: "Is a directory",
        tmp_path / "latin": "not UTF-8",
        Path("/dev/zero"): "too large",
    }
    for path, words in wanted.items():
        with pytest.raises(ManifestError, match=words) as caught:
            read_env_file(path)
        assert caught.value.where == str(path)
