"""Retention: the newest snapshots stay, what could be needed stays, and the rest asks first."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.model.bottle import Declared, Settings
from botbottle.model.ledger_view import EnforcementRecord, FreezeRecord, HoldRecord
from botbottle.model.plan import Action, ForgetSnapshot, Plan, RemoveImage
from botbottle.planner.retention import AGE, COUNT, DAY, superfluous
from botbottle.watch.select import allowed
from tests.support.worlds import FACTS, World, bottle, declared

KEY = "proj-1/web"
NOW = 1_000 * float(DAY)
AUTO = declared(bottle(), freezes_remove="auto")


def listed(count: int, key: str = KEY) -> tuple[FreezeRecord, ...]:
    """``count`` snapshots, newest first, a day apart; the newest a day old."""
    return tuple(FreezeRecord(key, f"snap:{n}", "d", NOW - n * DAY) for n in range(1, count + 1))


def world(count: int, want: Declared, **view: Any) -> World:
    made = World()
    made.converge(want)
    made.view = replace(made.view, now=NOW, freezes={KEY: listed(count)}, **view)
    return made


def forgotten(plan: Plan) -> list[str]:
    return [op.image for op in plan.ops if isinstance(op, ForgetSnapshot)]


@pytest.mark.parametrize(
    ("settings", "gone"),
    [
        ({}, {"snap:6": COUNT, "snap:7": COUNT}),
        ({"freezes_keep": 7}, {}),
        ({"freezes_keep": 7, "freezes_max_days": 5}, {"snap:6": AGE, "snap:7": AGE}),
        ({"freezes_keep": 6, "freezes_max_days": 5}, {"snap:6": AGE, "snap:7": COUNT}),
    ],
)
def test_the_newest_and_the_young_stay(settings: dict[str, Any], gone: dict[str, str]) -> None:
    assert superfluous(Settings(**settings), listed(7), frozenset(), NOW) == gone


def test_what_is_needed_stays_however_old() -> None:
    few = Settings(freezes_keep=1, freezes_max_days=1)
    assert superfluous(few, listed(3), frozenset({"snap:3"}), NOW) == {"snap:2": COUNT}


def test_an_age_is_the_same_for_two_looks_within_an_hour() -> None:
    few = Settings(freezes_max_days=1)
    looks = [superfluous(few, listed(1), frozenset(), NOW + t) for t in (1.0, 1800.0, 3599.0)]
    assert looks == [{}] * 3
    assert superfluous(few, listed(1), frozenset(), NOW + 3600.0) == {"snap:1": AGE}


def test_images_go_before_the_row_and_then_nothing_is_left_to_do() -> None:
    want = AUTO
    made = world(6, want)
    plan = made.plan(want)
    first, second, row = plan.ops
    assert isinstance(first, RemoveImage) and first.tag == "snap:6"
    assert isinstance(second, RemoveImage) and second.tag == "snap:6-volumes"
    assert second.after == (first.id,) and row.after == (second.id,)
    assert forgotten(plan) == ["snap:6"] and {op.reason for op in plan.ops} == {COUNT}
    assert [c.action for c in plan.changes] == [Action.REMOVE]
    made.run(plan.ops)
    assert made.plan(want).empty


def test_plans_remove_only_where_the_settings_say_so_and_then_nobody_is_asked() -> None:
    by_hand = declared(bottle())
    assert world(7, by_hand).plan(by_hand).empty
    plan = world(7, AUTO).plan(AUTO)
    assert plan.needs == () and forgotten(plan) == ["snap:6", "snap:7"]


def test_a_watch_removes_them_beside_the_rest_of_the_bottle() -> None:
    made = world(6, AUTO)
    made.set(made.by_kind("agent")[0], state="exited")
    plan = made.plan(AUTO)
    done = replace(plan, ops=allowed(plan, "safe").ops)
    assert "web" in {op.bottle for op in done.ops} and forgotten(done) == ["snap:6"]


@pytest.mark.parametrize("held", ["enforced", "holds"])
def test_the_newest_snapshot_of_a_held_bottle_stays_whatever_its_age(held: str) -> None:
    old = tuple(replace(f, at=0.0) for f in listed(2))
    want = declared(bottle(shutdown="freeze"), freezes_max_days=1, freezes_remove="auto")
    made = World()
    made.converge(want)
    record: Any = {
        "enforced": EnforcementRecord(KEY, "freeze", "t", 0.0),
        "holds": HoldRecord(KEY, "freeze", "operator", "", "t", 0.0),
    }[held]
    made.view = replace(made.view, now=NOW, freezes={KEY: old}, **{held: {KEY: record}})
    assert "snap:1" not in forgotten(made.plan(want)) and "snap:2" in forgotten(made.plan(want))


def test_the_snapshot_that_a_held_bottle_would_come_back_from_stays_when_newer_ones_are_gone() -> (
    None
):
    """The engine lost the newest: the next existing one is what a resume takes."""
    want = declared(bottle(), freezes_keep=1, freezes_remove="auto")
    made = world(3, want, enforced={KEY: EnforcementRecord(KEY, "freeze", "t", 0.0)})
    facts = replace(FACTS, snapshots={"web": ("snap:2",)})
    assert forgotten(made.plan(want, facts)) == ["snap:3"]


def test_a_freeze_counts_the_snapshot_that_it_takes() -> None:
    want = declared(bottle(shutdown="freeze"), freezes_remove="auto")
    made = world(5, want)
    made.spend("web", 1000)
    plan = made.plan(want)
    (gone,) = (op for op in plan.ops if isinstance(op, RemoveImage) and op.tag == "snap:5")
    assert any(a.startswith("save:") for a in gone.after), "not before the new one is there"


def test_a_watch_removes_none_of_a_bottle_whose_next_snapshot_has_to_wait() -> None:
    want = declared(bottle(shutdown="freeze"), freezes_remove="auto")
    made = world(6, want)
    made.spend("web", 1000)
    plan = made.plan(want)
    assert forgotten(plan) == ["snap:5", "snap:6"]
    assert {op.bottle for op in allowed(plan, "all").ops} >= {"web", "web/snapshots"}
    assert allowed(plan, "all", frozenset({"web"})).ops == ()


def test_a_bottle_that_waits_keeps_no_snapshot_that_waits_for_nothing_of_it() -> None:
    made = world(6, AUTO)
    made.set(made.by_kind("agent")[0], state="exited")
    part = replace(made.plan(AUTO), ops=allowed(made.plan(AUTO), "all", frozenset({"web"})).ops)
    assert forgotten(part) == ["snap:6"] and {op.bottle for op in part.ops} == {"web/snapshots"}


def test_one_that_somebody_runs_stays_and_the_plan_is_empty() -> None:
    made = world(6, AUTO)
    run = replace(FACTS, snapshots_in_use=frozenset({"snap:6"}))
    assert made.plan(AUTO, run).empty
    assert forgotten(made.plan(AUTO)) == ["snap:6"]


def test_one_bottles_plan_another_project_and_a_destroy_remove_none() -> None:
    want = AUTO
    made = world(9, want)
    assert not forgotten(made.plan(want, replace(FACTS, only=("web",))))
    assert not forgotten(made.plan(want, replace(FACTS, destroy=True)))
    made.view = replace(made.view, freezes={"other/web": listed(9, "other/web")})
    assert not forgotten(made.plan(want))


def test_snapshots_of_a_bottle_that_is_not_declared_any_more_are_counted_too() -> None:
    want = AUTO
    made = world(6, want)
    made.view = replace(made.view, freezes={"proj-1/gone": listed(6, "proj-1/gone")})
    assert forgotten(made.plan(want)) == ["snap:6"]
