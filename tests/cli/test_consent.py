"""What stands between a plan and its first write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.cli.app import main
from botbottle.cli.context import Context
from botbottle.errors import PlanStale, Refused
from botbottle.model.bottle import Limit, Scope
from botbottle.ui.plan_json import document
from tests.cli.fakes import Reached, err, go, out, run
from tests.support.worlds import World, bottle, declared


def test_without_a_terminal_it_refuses_and_names_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    made = run(monkeypatch)
    with pytest.raises(Refused) as caught:
        go(made)
    assert caught.value.code == "BB7006"
    assert made.plan().digest in caught.value.hint
    assert "--yes --allow widen" in caught.value.hint


def test_yes_does_not_cover_widening_and_still_shows_the_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = run(monkeypatch)
    with pytest.raises(Refused) as caught:
        go(made, yes=True)
    assert caught.value.code == "BB7002" and "widen" in caught.value.hint
    assert "api.anthropic.com" in out(made)


def test_yes_with_the_approval_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Reached):
        go(run(monkeypatch), yes=True, allow=("widen",))


def test_a_digest_approves_this_diff_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    made = run(monkeypatch)
    with pytest.raises(Reached):
        go(made, digest=made.plan().digest)
    with pytest.raises(PlanStale) as caught:
        go(made, digest="0" * 16)
    assert int(caught.value.exit_code) == 5 and made.plan().digest in caught.value.hint


def test_neither_yes_nor_an_allowance_makes_up_for_a_digest_that_does_not_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(PlanStale):
        go(run(monkeypatch), yes=True, allow=("widen,destroy,budget",), digest="0" * 16)


def test_of_a_stale_saved_plan_only_the_difference_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    approved = World().plan(declared(bottle("web"), bottle("old")))
    made = run(monkeypatch, want=declared(bottle("web"), bottle("new")))
    with pytest.raises(PlanStale):
        go(made, digest=approved.digest, saved=document(approved))
    shown = out(made).splitlines()
    assert shown[0] == f"approved plan {approved.digest} -> today's plan {made.plan().digest}"
    assert any(line.startswith("  - create old/agent") for line in shown)
    assert any(line.startswith("  + create new/agent") for line in shown)
    assert "web" not in out(made)


def test_the_command_that_approves_todays_plan_can_be_pasted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = run(monkeypatch)
    now = made.plan().digest
    made.context.words = ("--home", "h", "apply", "--approve", "0" * 16, "--no-wait")
    with pytest.raises(PlanStale) as caught:
        go(made, digest="0" * 16)
    assert caught.value.hint.endswith(f": bb --home h apply --approve {now} --no-wait")
    made.context.words = ("--home", "h", "apply", "old.json")
    options = {"only": ["web"], "bottle": [], "budget": ["claude=5M/day"]}
    with pytest.raises(PlanStale) as caught:
        go(made, digest="0" * 16, saved={**document(made.plan()), "options": options})
    command = f"bb --home h apply --only web --budget claude=5M/day --approve {now}"
    assert caught.value.hint.endswith(f": {command}")


def test_a_saved_plan_that_holds_is_shown_whole_and_applied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = run(monkeypatch)
    approved = made.plan()
    with pytest.raises(Reached):
        go(made, digest=approved.digest, saved=document(approved))
    assert "bottle web" in out(made)


def test_a_saved_plan_holds_although_unrelated_state_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, want = World(), declared()
    approved = world.plan(want)
    world.view = replace(world.view, now=world.view.now + 1000)
    made = run(monkeypatch, world=world, want=want)
    with pytest.raises(Reached):
        go(made, digest=approved.digest, saved=document(approved))


def test_a_plan_that_was_applied_meanwhile_is_nothing_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, want = World(), declared()
    approved = world.converge(want)
    made = run(monkeypatch, world=world, want=want)
    assert go(made, digest=approved.digest, saved=document(approved)) == 0
    assert "Nothing to do" in out(made)


def test_raising_a_budget_is_not_covered_by_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.converge(declared())
    more = Scope("agent", "agent:proj-1/web", (Limit("claude", 9000),))
    want = declared(bottle(scopes=(more, Scope("global", "global"))))
    with pytest.raises(Refused, match="budget"):
        go(run(monkeypatch, world=world, want=want), yes=True, allow=("widen,destroy",))
    with pytest.raises(Reached):
        go(run(monkeypatch, world=world, want=want), yes=True, allow=("budget",))


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_a_person_may_say_yes(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    with pytest.raises(Reached):
        go(run(monkeypatch, answer))


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yess\n"])
def test_anything_else_is_no(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    made = run(monkeypatch, answer)
    with pytest.raises(Refused) as caught:
        go(made)
    assert caught.value.code == "BB7007"
    assert err(made).endswith("\n") is (answer == ""), "what follows begins a line of its own"


@pytest.mark.parametrize(
    ("words", "given", "hints"),
    [
        (
            ("--home", "/my home", "apply", "--only", "web"),
            {},
            "bb --home '/my home' apply --only web --yes --allow widen\n"
            "or bb --home '/my home' apply --only web --approve ",
        ),
        (("apply", "--yes"), {"yes": True}, "bb apply --yes --allow widen"),
        (
            ("apply", "-y", "--allow", "budget"),
            {"yes": True, "allow": ("budget",)},
            "bb apply -y --allow budget --allow widen",
        ),
        (("undo", "-3"), {}, "bb undo -3 --yes --allow widen\nor bb undo -3 --approve "),
        (("destroy",), {"allow": ("widen",)}, "bb destroy --yes\nor bb destroy --approve "),
    ],
)
def test_the_way_out_is_the_same_command_with_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], given: dict[str, Any], hints: str
) -> None:
    made = run(monkeypatch)
    made.context.words = words
    with pytest.raises(Refused) as caught:
        go(made, **given)
    assert hints in caught.value.hint


@pytest.mark.parametrize("verb", ["plan", "budget"])  # one that needs no typer, one that does
def test_a_verb_knows_the_words_it_was_called_with(
    monkeypatch: pytest.MonkeyPatch, verb: str, tmp_path: Path
) -> None:
    seen = []

    def opened(context: Context, *_: Any, **__: Any) -> Any:
        seen.append(context.words)
        raise Refused("enough")

    for module in ("plan", "budget"):
        monkeypatch.setattr(f"botbottle.cli.{module}.open_session", opened)
    line = ["--home", str(tmp_path), verb, *(["show"] if verb == "budget" else [])]
    assert main(line) == 7 and seen == [tuple(line)]
