"""Exit codes and failures of the command line, as a process or in one."""

from __future__ import annotations

import errno
import io
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botbottle import errors
from botbottle.cli.app import main
from botbottle.cli.context import Context
from botbottle.cli.init import ask_choices
from botbottle.cli.launch import ask_env
from botbottle.cli.report import report
from botbottle.cli.starter import Choices
from botbottle.cli.verbs import GROUPS, VERBS
from botbottle.surroundings import SURROUNDINGS
from tests.cli.homes import ENGINE, home
from tests.cli_manifests.run import bb

SECRET = "sk-ant-this-is-a-value"


@pytest.mark.parametrize(
    "args", [("plan", "--nope"), ("nonsense",), ("plan", "--format", "xml"), ("watch", "extra")]
)
def test_a_usage_error_is_64_and_never_2(args: tuple[str, ...], tmp_path: Path) -> None:
    assert bb("--home", str(home(tmp_path)), *args, DOCKER_HOST=ENGINE).code == 64


def test_no_engine_is_8_and_prints_no_plan_with_holes(tmp_path: Path) -> None:
    ran = bb("--home", str(home(tmp_path)), "-C", str(tmp_path), "plan", DOCKER_HOST=ENGINE)
    assert ran.code == 8 and ran.out == "" and "next:" in ran.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x"), 64),
        (errors.ManifestError("x"), 3),
        (errors.ApplyIncomplete("x"), 4),
        (errors.PlanStale("x"), 5),
        (errors.Locked("x"), 6),
        (errors.Refused("x"), 7),
        (errors.BBError("x"), 1),
        (KeyboardInterrupt(), 130),
        (RuntimeError("x"), 70),
    ],
)
def test_every_kind_of_failure_has_its_frozen_code(error: BaseException, code: int) -> None:
    assert report(error, [], io.StringIO()) == code


def test_a_bug_leaves_a_private_log_without_any_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    told = io.StringIO()
    try:
        raise RuntimeError(f"cannot send {SECRET}")
    except RuntimeError as error:
        assert report(error, ["plan", f"--x={SECRET}"], told) == 70
    (log,) = tmp_path.iterdir()
    text = log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600 and str(log) in told.getvalue()
    assert "verb: plan" in text and "test_app.py" in text and "RuntimeError" in text
    assert SECRET not in text + told.getvalue()


def test_help_shows_every_verb_once_and_in_a_group() -> None:
    shown = bb("--help").out
    for name, (_, text) in VERBS.items():
        assert len(re.findall(rf"^  {name} +{re.escape(text[:20])}", shown, re.M)) == 1, name
    grouped = [name for names in GROUPS.values() for name in names]
    assert len(grouped) == len(set(grouped)) and set(grouped) <= set(VERBS)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("plna",), "next: did you mean bb plan?"),
        (("stop",), "next: did you mean bb freeze?"),
        (("up",), "next: did you mean bb apply?"),
        (("xyzzy",), "next: bb --help lists them"),
        (("plan", "--ful"), "next: bb plan --help"),
        (("budget", "sett"), "next: bb budget --help"),
        (("apply", "--parallel", "many"), "next: bb apply --help"),
        (("info",), "Missing argument 'NAME'"),
        (("--nope",), "next: bb --help"),
        (("apply", "--lock-timeout", "5"), "goes before the verb: bb --lock-timeout … apply"),
        (("budget", "show", "--home", "x"), "goes before the verb: bb --home … budget show"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong_and_where_to_look(
    args: tuple[str, ...], told: str
) -> None:
    ran = bb(*args)
    assert ran.code == 64 and ran.out == ""
    assert ran.err.startswith("error BB1001: ") and told in ran.err


def test_help_is_also_a_word() -> None:
    for words in ((), ("plan",), ("budget", "set")):
        asked = bb("help", *words)
        assert (asked.code, asked.out) == (0, bb(*words, "--help").out)
    assert bb("help", "plna").code == 64


@pytest.mark.parametrize("name", sorted(VERBS))
def test_help_of_a_verb_fits_eighty_columns_and_names_no_type_of_python(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert not re.search(r"<\w+[ |>\[]", shown), shown


def test_a_directory_that_is_not_there_is_told_and_is_not_an_empty_plan(tmp_path: Path) -> None:
    ran = bb("--home", str(home(tmp_path)), "-C", str(tmp_path / "typo"), "validate")
    assert ran.code == 64 and "typo" in ran.err and "next:" in ran.err


def test_a_home_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = bb("--home", str(tmp_path / "file"), "plan", DOCKER_HOST=ENGINE)
    assert ran.code == 64 and "not a directory" in ran.err


def test_a_removed_current_directory_is_told(tmp_path: Path) -> None:
    script = 'mkdir "$1/gone" && cd "$1/gone" && rmdir "$1/gone" && exec "$2" -m botbottle list'
    ran = subprocess.run(
        ["sh", "-c", script, "sh", str(tmp_path), sys.executable],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 64 and "was removed" in ran.stderr


@pytest.mark.parametrize("seconds", ["-1", "nan"])
def test_a_wait_that_is_no_time_is_a_usage_error(seconds: str, tmp_path: Path) -> None:
    assert bb("--home", str(home(tmp_path)), "--lock-timeout", seconds, "validate").code == 64


@pytest.mark.parametrize("number", sorted(SURROUNDINGS))
def test_what_the_machine_refuses_is_no_bug(number: int) -> None:
    told = io.StringIO()
    assert report(OSError(number, "said the kernel", "/some/file"), ["apply"], told) == 1
    assert "BB1002: said the kernel\n  at: /some/file\n  next: " in told.getvalue()


def test_a_bug_is_told_even_where_no_log_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    told = io.StringIO()
    assert report(RuntimeError(SECRET), ["--home", "x", "plan"], told) == 70
    assert "RuntimeError" in told.getvalue() and "No space left" in told.getvalue()
    assert SECRET not in told.getvalue()


def test_a_mistyped_home_is_not_a_valid_empty_one(tmp_path: Path) -> None:
    ran = bb("--home", str(tmp_path / "typo"), "validate")
    assert "BB2004" in ran.out + ran.err and " init writes a starter" in ran.out + ran.err
    assert bb("--home", str(tmp_path / "typo"), "validate", "--strict").code == 3
    assert "BB2004" not in (good := bb("--home", str(home(tmp_path)), "validate")).out + good.err


def test_an_engine_address_that_is_none_says_where_to_name_another(tmp_path: Path) -> None:
    ran = bb("--home", str(home(tmp_path)), "plan", DOCKER_HOST="garbage")
    assert ran.code == 8 and "DOCKER_HOST" in ran.err and "TLS" not in ran.err


def test_a_launch_budget_for_no_provider_is_refused(tmp_path: Path) -> None:
    made = home(tmp_path)
    ran = bb("--home", str(made), "plan", "--budget", "cluade=5M", DOCKER_HOST=ENGINE)
    assert ran.code == 3 and "did you mean 'claude'?" in ran.err
    ran = bb("--home", str(made), "plan", "--budget", "claude=5M", DOCKER_HOST=ENGINE)
    assert ran.code == 8  # the budget is fine; the engine is not there


def test_an_operator_s_limit_must_be_one_and_name_a_provider(tmp_path: Path) -> None:
    made = home(tmp_path)
    for provider, amount, told in (("cluade", "5M", "'claude'"), ("claude", "lots", "5M")):
        ran = bb("--home", str(made), "budget", "set", "global", provider, amount)
        assert ran.code == 64 and told in ran.err, ran.err


def test_an_env_file_that_is_not_there_is_told_even_if_nobody_needs_it(tmp_path: Path) -> None:
    context = Context(home=tmp_path, cwd=tmp_path)
    nobody: Any = SimpleNamespace(bottles=())
    with pytest.raises(errors.ManifestError, match=r"typo\.env"):
        ask_env(context, nobody, nobody, Path("typo.env"), ())
    (tmp_path / "right.env").write_text("A=1\n")
    assert ask_env(context, nobody, nobody, Path("right.env"), ()) == {}


def test_ctrl_d_at_a_question_of_init_writes_nothing(tmp_path: Path) -> None:
    context = Context(home=tmp_path, cwd=tmp_path, stdin=io.StringIO("claude\n"), err=io.StringIO())
    with pytest.raises(errors.Refused, match="nothing was written"):
        ask_choices(context, Choices("dev", "claude", "5M", ()))
    context.stdin = io.StringIO("\n1M\n\n")
    assert ask_choices(context, Choices("dev", "claude", "5M", ())).budget == "1M"
