"""The forms of a plan, and its exit codes."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.cli.app import main
from botbottle.cli.plan import exit_code, form_of, write_diff, write_plan
from botbottle.errors import UsageError
from botbottle.model import canonical
from botbottle.model.bottle import Declared, Settings
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.route import Route
from botbottle.planner.plan import plan as make_plan
from botbottle.ui import plan_json, plan_markdown, plan_text
from tests.cli.fakes import context
from tests.support.worlds import FACTS, World, bottle, declared


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """``bb plan`` in this process, on a world in memory with the bottles ``web`` and ``api``."""
    made, want = World(), declared(bottle("web"), bottle("api"))

    def planned(declared: Declared, *, only: Any = (), **_: Any) -> Any:
        return make_plan(declared, made.observed, made.view, replace(FACTS, only=tuple(only)))

    session = SimpleNamespace(plan=planned, applied=lambda _: None)
    monkeypatch.setattr("botbottle.cli.plan.open_session", lambda *_, **__: session)
    monkeypatch.setattr("botbottle.cli.plan.load_declared", lambda *_: want)
    return made


def test_changes_are_2_only_when_asked(world: World) -> None:
    assert main(["plan"]) == 0
    assert main(["plan", "--detailed-exitcode"]) == 2
    assert main(["plan", "--expect-no-changes"]) == 2
    world.converge(declared(bottle("web"), bottle("api")))
    assert main(["plan", "--detailed-exitcode"]) == 0


def test_two_forms_of_output_are_a_usage_error(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (["--json", "--format", "markdown"], ["--format=text", "--json"]):
        assert main(["plan", *words]) == 64
        seen = capsys.readouterr()
        assert "two forms" in seen.err and not seen.out
    assert main(["validate", "--json", "--format", "sarif"]) == 64
    assert main(["plan", "--json", "--format", "json"]) == 0
    monkeypatch.setenv("BB_PLAN_FORMAT", "markdown")
    capsys.readouterr()
    assert main(["plan", "--json"]) == 0, "what the environment says gives way"
    assert json.loads(capsys.readouterr().out)["ops"]


def test_events_of_a_verb_that_carries_nothing_out_are_a_usage_error(
    world: World,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    file = tmp_path / "events"
    for words in (["--events", str(file)], [f"--events={file}"], ["--events", "-"]):
        assert main([*words, "plan"]) == 64
        assert "no events" in capsys.readouterr().err
    monkeypatch.setenv("BB_EVENTS", str(file))
    assert main(["plan"]) == 0, "that is meant for the applies of a pipeline"
    assert not file.exists()


def test_a_plan_that_cannot_be_carried_out_has_the_code_of_its_reason() -> None:
    lacking = World().plan(declared(), replace(FACTS, secrets={}))
    assert exit_code(lacking, detailed=True) == 3


def test_deny_refuses_a_wider_reach_but_shows_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--deny", "widens"]) == 7
    seen = capsys.readouterr()
    assert "api.anthropic.com" in seen.out and "BB7005" in seen.err and "exit 7" in seen.err
    world.converge(declared(bottle("web"), bottle("api")))
    assert main(["plan", "--deny", "widens"]) == 0


def test_only_leaves_out_the_rest_and_says_so(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--only", "web"]) == 0
    seen = capsys.readouterr()
    assert "bottle web" in seen.out and "bottle api" not in seen.out and "shared" in seen.out
    assert "left out by --only" in seen.err
    assert main(["plan", "--only", "web", "--only", "api"]) == 0
    assert "left out" not in capsys.readouterr().err


def test_only_of_a_bottle_that_does_not_exist_is_a_usage_error(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--only", "wbe"]) == 64
    assert "web" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("form", "diff", "deny"), [("xml", False, ""), ("text", False, "narrows"), ("json", True, "")]
)
def test_what_does_not_exist_or_go_together_is_a_usage_error(
    form: str, diff: bool, deny: str
) -> None:
    with pytest.raises(UsageError):
        form_of(form, diff=diff, deny=deny)


def test_markdown_for_a_pull_request_names_reach_and_digest() -> None:
    shown, made = context(), World().plan(declared())
    write_plan(shown, made, "markdown")
    text = shown.out.getvalue()  # type: ignore[attr-defined]
    assert made.digest in text and "api.anthropic.com" in text and "ANTHROPIC_API_KEY" in text


class TestDiff:
    def diff(self, before: Declared | None, now: Declared, form: str = "text") -> str:
        applied = None
        if before:
            applied = canonical.plain({"bottles": before.bottles, "settings": before.settings})
        shown, session = context(), SimpleNamespace(applied=lambda _: applied)
        write_diff(shown, session, now, form, ())  # type: ignore[arg-type]
        assert isinstance(shown.out, io.StringIO)
        return shown.out.getvalue()

    def test_it_shows_the_lines_that_differ_from_what_was_applied(self) -> None:
        text = self.diff(declared(bottle(egress_log=1)), declared(bottle(egress_log=2)))
        assert text.startswith("--- applied\n+++ desired\n@@")
        assert "-    egress_log: 1\n+    egress_log: 2\n" in text

    def test_before_the_first_apply_everything_is_new(self) -> None:
        lines = self.diff(None, declared()).splitlines()[3:]
        assert "+bottles:" in lines and all(line.startswith("+") for line in lines)

    def test_without_a_difference_it_says_so(self) -> None:
        assert "last applied" in self.diff(declared(), declared())

    def test_settings_are_a_part_of_it(self) -> None:
        now = replace(declared(), settings=Settings(max_changes=7))
        assert "+  max_changes: 7\n" in self.diff(declared(), now)

    def test_in_markdown_no_line_can_end_its_fence(self) -> None:
        text = self.diff(None, declared(bottle(prompt="a\n```\nb\n")), "markdown")
        assert text.startswith("\n```diff\n") and text.count("```") == 2


FORMS = {
    (): lambda made: plan_text.render(made),
    ("--full",): lambda made: plan_text.render(made, full=True),
    ("--format", "markdown"): lambda made: plan_markdown.render(made),
    ("--format", "json"): lambda made: plan_json.document(made),
}


@pytest.mark.parametrize("flags", FORMS)
def test_stdout_is_the_product_and_nothing_else(
    world: World, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    """Whoever pipes it on gets the plan alone; what is said about it is on stderr."""
    made = world.plan(declared(bottle("web"), bottle("api")))
    assert main(["plan", *flags]) == 0
    seen, wanted = capsys.readouterr(), FORMS[flags](made)
    assert (json.loads(seen.out) if "json" in flags else seen.out) == wanted
    assert seen.err == plan_text.last_line("plan", made, 0)


LAST = re.compile(
    r"bb plan: \+\d+( >\d+)? ~\d+( ±\d+)?( <\d+)? -\d+ =\d+( !\d+)?"
    r"(  needs --allow [a-z,]+)?(  \d+ left out by --only)?  digest [0-9a-f]{16}  exit (\d+)"
)


@pytest.mark.parametrize(
    ("flags", "edit", "words"),
    [
        ((), None, "+0 ~0 -0 ="),
        (("--detailed-exitcode",), "more", "needs --allow widen"),
        (("--deny", "widens"), "more", "exit 7"),
        (("--only", "web"), "prompt", "±1"),
        (("--format", "json"), "gone", "needs --allow destroy"),
        (("--detailed-exitcode",), "held", "!1"),
    ],
)
def test_the_last_line_has_one_form_whatever_the_plan_says(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    flags: tuple[str, ...], edit: str | None, words: str,
) -> None:  # fmt: skip
    """For grep, a status line of tmux, a log: counts, digest and the exit code that is given."""
    both = (bottle("web"), bottle("api"))
    world.converge(declared(*both))
    edits = {
        "more": (bottle("web", routes=(Route("new.example"),)), both[1]),
        "prompt": (bottle("web", prompt="be brief"), both[1]),
        "gone": both[:1],
    }
    if edit == "held":
        hold = HoldRecord("proj-1/web", "cutoff", "operator", "", "h1", 0.0)
        world.view = replace(world.view, holds={"proj-1/web": hold})
    want = declared(*edits.get(edit or "", both))
    monkeypatch.setattr("botbottle.cli.plan.load_declared", lambda *_: want)
    code = main(["plan", *flags])
    lines = capsys.readouterr().err.splitlines()
    found = [m for m in map(LAST.fullmatch, lines) if m]
    assert len(found) == 1 and int(found[0][7]) == code and words in found[0][0], lines
