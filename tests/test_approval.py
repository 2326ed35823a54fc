"""Guards against a typo that touches the whole fleet: what they count, and what they do not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.approval import check_limits, foretold, parse_digest
from botbottle.errors import Refused, UsageError
from botbottle.model.bottle import Declared
from botbottle.model.ledger_view import FreezeRecord, HoldRecord
from botbottle.model.plan import Action, Plan
from tests.support.worlds import World, bottle, declared

KEY = "proj-1/web"
EMPTY = replace(declared(), bottles=())
AUTO = declared(bottle(), freezes_remove="auto", freezes_keep=1)


def with_snapshots(count: int, *, bottles: int = 0) -> Plan:
    """A plan that removes all but one of ``count`` snapshots, and ``bottles`` bottles."""
    made = World()
    made.converge(declared(bottle(), *(bottle(f"old{n}") for n in range(bottles))))
    listed = tuple(FreezeRecord(KEY, f"snap:{n}", "d", 1000.0 - n) for n in range(count))
    made.view = replace(made.view, freezes={KEY: listed})
    return made.plan(AUTO)


def test_snapshots_that_retention_removes_are_no_part_of_the_fleet() -> None:
    plan = with_snapshots(30)
    assert len(plan.changes) == 29
    check_limits(plan, max_changes=1, max_deletes=1)


def test_what_is_removed_beside_them_counts() -> None:
    plan = with_snapshots(30, bottles=1)
    gone = len(plan.changes) - 29
    assert gone > 1
    check_limits(plan, max_changes=gone, max_deletes=gone)
    with pytest.raises(Refused) as deletes:
        check_limits(plan, max_changes=0, max_deletes=gone - 1)
    with pytest.raises(Refused) as changes:
        check_limits(plan, max_changes=gone - 1, max_deletes=0)
    assert (deletes.value.code, changes.value.code) == ("BB7003", "BB7004")
    assert f"removes {gone} resources" in str(deletes.value)


def test_what_waits_in_a_held_bottle_is_not_done_and_does_not_count() -> None:
    made = World()
    made.converge(declared())
    hold = HoldRecord(KEY, "cutoff", "operator", "", "h1", 0.0)
    made.view = replace(made.view, holds={KEY: hold})
    unedited, edited = made.plan(declared()), made.plan(declared(bottle(prompt="be brief")))
    assert len(edited.changes) == len(unedited.changes) + 1
    check_limits(edited, max_changes=len(unedited.changes), max_deletes=0)


@pytest.mark.parametrize("given", ["zzz", "0" * 15, "0" * 17, "ABCDEF0123456789", "٣" * 16])
def test_an_approval_by_what_is_no_digest_is_refused(given: str) -> None:
    assert parse_digest("") == "" and parse_digest("0123456789abcdef") == "0123456789abcdef"
    with pytest.raises(UsageError, match="not a digest"):
        parse_digest(given)


def told(plan: Plan, want: Declared) -> list[str]:
    made = foretold(plan, want)
    assert made.digest == plan.digest and made.needs == plan.needs
    return [n.message for n in made.notices if n.code == "BB340"]


def test_a_plan_says_what_an_apply_of_it_will_refuse() -> None:
    world, empty = World(), EMPTY
    world.converge(declared())
    made = world.plan(empty)
    gone = sum(c.action is Action.REMOVE for c in made.changes)
    (text,) = told(made, empty)
    assert text.startswith("bb apply will refuse this: the manifests declare no agent")
    for guard, word in (("max_deletes", "removes"), ("max_changes", "changes")):
        want = declared(bottle("api"), **{guard: 1})
        (text,) = told(world.plan(want), want)
        assert word in text and f"{guard}: 1" in text
    assert gone > 1


def test_a_plan_that_can_be_applied_or_has_nothing_to_do_says_nothing() -> None:
    world = World()
    assert told(world.plan(declared()), declared()) == []
    assert told(world.plan(EMPTY), EMPTY) == []
