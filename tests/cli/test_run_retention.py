"""Retention beside an apply: it follows the clock, so it neither makes an approval stale nor
counts as not converged, and removes nothing that was not shown."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle import applying, locking
from botbottle.cli.consent import Consent
from botbottle.cli.look import only_shown
from botbottle.cli.plan import exit_code
from botbottle.cli.run import Pace, Run
from botbottle.errors import BBError
from botbottle.executor import Result
from botbottle.model.bottle import Declared
from botbottle.model.ledger_view import FreezeRecord
from botbottle.model.plan import ForgetSnapshot, Plan
from botbottle.ui.plan_json import document
from tests.cli.fakes import context, session
from tests.support.worlds import World, bottle, declared

KEY = "proj-1/web"
HOUR = 3600.0
AUTO = declared(bottle(), freezes_remove="auto", freezes_max_days=1)
LISTED = tuple(FreezeRecord(KEY, f"snap:{n}", "d", n * HOUR) for n in (2, 1))


def world(hours: float, *, drift: bool = True) -> World:
    """At ``hours`` an agent is down; ``snap:1`` is old from 26 on, ``snap:2`` from 27 on."""
    made = World()
    made.converge(AUTO)
    made.view = replace(made.view, now=hours * HOUR, freezes={KEY: LISTED})
    if drift:
        made.set(made.by_kind("agent")[0], state="exited")
    return made


def forgotten(plan: Plan) -> list[str]:
    return [op.image for op in plan.ops if isinstance(op, ForgetSnapshot)]


def plans(*hours: float, want: Declared = AUTO) -> list[Plan]:
    return [world(h).plan(want) for h in hours]


def test_an_approval_holds_over_the_full_hour() -> None:
    none, one, two = plans(25.99, 26.01, 27.01)
    assert [forgotten(p) for p in (none, one, two)] == [[], ["snap:1"], ["snap:1", "snap:2"]]
    assert none.digest == one.digest == two.digest
    other = world(27.01, drift=False).plan(AUTO)
    assert other.digest != two.digest, "what else is done counts"


def test_only_what_was_shown_is_removed() -> None:
    none, one, two = plans(25.99, 26.01, 27.01)
    for seen in (none, one, two):
        kept = only_shown(two, {op.id for op in seen.ops})
        assert (kept.ops, kept.changes) == (seen.ops, seen.changes)
    assert forgotten(only_shown(none, {op.id for op in two.ops})) == []


def started(monkeypatch: pytest.MonkeyPatch, *worlds: World) -> tuple[Run, list[Plan]]:
    """A run that sees ``worlds`` one after the other, and what it carried out."""
    seen, done = list(worlds), list[Plan]()
    made = Run(context(), session(worlds[0], AUTO), AUTO, "apply")
    made.session.plan = lambda *_, **__: seen.pop(0).plan(AUTO)  # type: ignore[method-assign]
    made.session.paths = type("Paths", (), {"lock": lambda *_: ""})()  # type: ignore[misc]

    def execute(_: Run, plan: Plan, *__: Any) -> Result:
        done.append(plan)
        return Result(done=plan.ops)

    monkeypatch.setattr(Run, "execute", execute)
    monkeypatch.setattr(Run, "end", lambda *_: 0)
    monkeypatch.setattr(applying, "prepare_home", lambda _: None)
    monkeypatch.setattr(locking, "project_lock", lambda *_, **__: contextlib.nullcontext())
    return made, done


def test_an_apply_over_the_full_hour_is_neither_stale_nor_unconverged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, done = started(monkeypatch, world(25.99), world(26.01), world(27.01, drift=False))
    assert made.go(Consent(yes=True), Pace()) == 0
    assert [forgotten(plan) for plan in done] == [[]]


def test_what_else_a_second_plan_wants_is_still_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = started(monkeypatch, world(26.01), world(26.01), world(27.01))
    with pytest.raises(BBError, match="did not converge") as error:
        made.go(Consent(yes=True), Pace())
    assert "snap:" not in str(error.value)


@pytest.mark.parametrize(
    ("saved", "gone"), [(25.99, []), (26.01, ["snap:1"]), (27.01, ["snap:1", "snap:2"])]
)
def test_a_plan_that_was_approved_earlier_removes_what_was_in_it_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, saved: float, gone: list[str]
) -> None:
    (approved,) = plans(saved)
    made, done = started(
        monkeypatch, world(27.01), world(27.01), world(27.01, drift=False)
    )  # fmt: skip
    consent = Consent(digest=approved.digest, saved=document(approved))
    assert made.go(consent, Pace()) == 0
    assert [forgotten(plan) for plan in done] == [gone]


def test_a_digest_alone_approves_no_removal_of_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    (approved,) = plans(27.01)
    made, done = started(monkeypatch, world(27.01), world(27.01), world(27.01, drift=False))
    assert made.go(Consent(digest=approved.digest), Pace()) == 0
    assert [forgotten(plan) for plan in done] == [[]]


def test_an_approved_plan_with_nothing_to_do_approves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing = world(25.99, drift=False).plan(AUTO)
    made, done = started(monkeypatch, world(27.01, drift=False))
    assert nothing.empty
    assert made.go(Consent(digest=nothing.digest, saved=document(nothing)), Pace()) == 0
    assert done == []


def test_snapshots_alone_are_changes_for_the_detailed_exit_code() -> None:
    before, after = (world(h, drift=False).plan(AUTO) for h in (25.99, 26.01))
    assert forgotten(after) == ["snap:1"] and forgotten(before) == []
    assert [exit_code(p, detailed=True) for p in (before, after)] == [0, 2]
    assert before.digest == after.digest
