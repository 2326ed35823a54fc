"""What ``bb apply`` asks before its first write. The world is a fake session; nothing runs."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botbottle.cli.apply import Run, digest_of, refuse_empty
from botbottle.cli.context import Context
from botbottle.cli.plan import exit_code, save, write_plan
from botbottle.errors import ApplyIncomplete, BBError, PlanStale, Refused
from botbottle.executor import Result
from botbottle.executor.api import Failure, NotStarted
from botbottle.model.plan import Plan
from tests.support.worlds import World, bottle, declared


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Reached(Exception):
    """The approvals were enough: the locked part would begin."""


def run(monkeypatch: pytest.MonkeyPatch, answer: str | None = None, **settings: Any) -> Run:
    """A run whose plan creates one bottle; ``answer`` is typed on a terminal."""
    want, world = declared(**settings), World()
    session: Any = SimpleNamespace(plan=lambda *_, **__: world.plan(want))
    stdin = Terminal(answer) if answer is not None else io.StringIO()
    err = Terminal() if answer is not None else io.StringIO()
    context = Context(Path("/h"), Path("/c"), environ={}, out=io.StringIO(), err=err, stdin=stdin)

    def locked(*_: Any) -> int:
        raise Reached

    made = Run(context, session, want, "apply")
    monkeypatch.setattr(made, "locked", locked)
    return made


def go(made: Run, *, yes: bool = False, allow: tuple[str, ...] = (), digest: str = "") -> int:
    return made.go(yes=yes, allow=allow, digest=digest, parallel=1, fail_fast=False)


def test_without_a_terminal_it_refuses_and_names_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    made = run(monkeypatch)
    with pytest.raises(Refused) as caught:
        go(made)
    assert caught.value.code == "BB7006" and made.plan().digest in caught.value.hint


def test_yes_does_not_cover_widening_and_still_shows_the_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = run(monkeypatch)
    with pytest.raises(Refused) as caught:
        go(made, yes=True)
    assert caught.value.code == "BB7002" and "widen" in caught.value.hint
    assert "api.anthropic.com" in made.context.out.getvalue()  # type: ignore[attr-defined]


def test_yes_with_the_approval_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Reached):
        go(run(monkeypatch), yes=True, allow=("widen",))


def test_a_digest_approves_this_diff_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    made = run(monkeypatch)
    with pytest.raises(Reached):
        go(made, digest=made.plan().digest)
    with pytest.raises(PlanStale):
        go(made, digest="0" * 16)


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_a_person_may_say_yes(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    with pytest.raises(Reached):
        go(run(monkeypatch, answer))


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yess\n"])
def test_anything_else_is_no(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    with pytest.raises(Refused) as caught:
        go(run(monkeypatch, answer))
    assert caught.value.code == "BB7007"


def test_a_typo_that_touches_the_fleet_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused) as caught:
        go(run(monkeypatch, max_changes=1), yes=True, allow=("widen",))
    assert caught.value.code == "BB7004"


def test_too_many_removals_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.converge(declared(bottle("a"), bottle("b")))
    want = declared(bottle("a"), max_deletes=1)
    made = run(monkeypatch)
    made.declared = want
    made.session = SimpleNamespace(plan=lambda *_, **__: world.plan(want))  # type: ignore[assignment]
    with pytest.raises(Refused) as caught:
        go(made, yes=True, allow=("widen,destroy",))
    assert caught.value.code == "BB7003"


def test_an_empty_desired_set_is_refused_unless_told() -> None:
    empty = replace(declared(), bottles=())
    with pytest.raises(Refused) as caught:
        refuse_empty(empty, allow_empty=False)
    assert caught.value.code == "BB7001"
    refuse_empty(empty, allow_empty=True)


def test_nothing_to_do_asks_nothing_and_takes_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    world, made = World(), run(monkeypatch)
    world.converge(made.declared)
    made.session = SimpleNamespace(  # type: ignore[assignment]
        plan=lambda *_, **__: world.plan(made.declared), view=lambda _: world.view
    )
    assert go(made) == 0
    last = made.context.err.getvalue().splitlines()[-1]  # type: ignore[attr-defined]
    assert last.startswith("bb apply: +0 ~0 -0") and last.endswith("exit 0")


def a_plan() -> Plan:
    return World().plan(declared())


def test_a_saved_plan_is_private_and_carries_its_digest(tmp_path: Path) -> None:
    made, path = a_plan(), tmp_path / "plan.json"
    path.write_text("old")
    path.chmod(0o644)
    save(made, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert digest_of(path) == made.digest and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", json.dumps({"format_version": "2.0", "digest": "x"})]
)
def test_what_is_no_plan_of_this_format_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "p").write_text(text)
    with pytest.raises(BBError):
        digest_of(tmp_path / "p")


def test_changes_are_2_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    made = a_plan()
    assert (exit_code(made, detailed=False), exit_code(made, detailed=True)) == (0, 2)
    assert exit_code(replace(made, ops=()), detailed=True) == 0


def test_markdown_for_a_pull_request_names_reach_and_digest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context, made = run(monkeypatch).context, a_plan()
    write_plan(context, made, "markdown")
    text = context.out.getvalue()  # type: ignore[attr-defined]
    assert made.digest in text and "api.anthropic.com" in text and "ANTHROPIC_API_KEY" in text


def test_an_unfinished_apply_lists_done_failed_and_not_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = run(monkeypatch)
    plan = made.plan()
    one, two, three = plan.ops[:3]
    result = Result(
        (one,), (Failure(two, BBError("disk is full")),), (NotStarted(three, "blocked", two.id),)
    )
    with pytest.raises(ApplyIncomplete) as caught:
        made.conclude(plan, result)
    assert int(caught.value.exit_code) == 4
    told = made.context.err.getvalue()  # type: ignore[attr-defined]
    assert told.index("done\n  " + one.id) < told.index("failed\n  " + two.id)
    assert "disk is full" in told
    assert f"not started\n  {three.id}  (blocked by {two.id})" in told


def test_a_second_plan_that_is_not_empty_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    made = run(monkeypatch)
    plan = made.plan()
    with pytest.raises(BBError) as caught:
        made.conclude(plan, Result(done=plan.ops))
    assert caught.value.code == "BB4001" and "start:web/agent" in str(caught.value)
