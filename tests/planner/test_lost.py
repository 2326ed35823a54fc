"""What a project leaves behind whose folder is gone is told of, by plan and status alike."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.plan import Plan
from botbottle.planner.lost import left_behind
from tests.support.worlds import FACTS, World, bottle, declared

LOST = replace(FACTS, lost={"gone-1": "/x/gone", "bare-1": "/x/bare"})


@pytest.fixture
def world() -> World:
    """Beside a bottle of ours, two of a project that is gone; one of them does not run."""
    made = World()
    made.converge(declared(bottle("web"), bottle("api")))
    for found in made.by_kind("agent") + made.by_kind("egress"):
        name = found.labels[labels.BOTTLE]
        marks = {**found.labels, labels.PROJECT: "gone-1"}
        made.set(found, labels=marks, state="running" if name == "web" else "exited")
    return made


def told(plan: Plan) -> list[str]:
    return [n.message for n in plan.notices if n.code == "BB331"]


def test_it_names_the_bottles_that_run_and_what_reaches_them(world: World) -> None:
    (text,) = told(world.plan(declared(), LOST))
    assert "project gone-1 is gone (/x/gone), and web runs" in text
    assert "bb destroy --project gone-1" in text and "bb kill --all --project gone-1" in text


def test_a_project_that_is_there_is_nobody_elses_business(world: World) -> None:
    assert told(world.plan(declared(), FACTS)) == []


def test_nor_is_a_selection_told_of_it(world: World) -> None:
    assert told(world.plan(declared(bottle("web")), replace(LOST, only=("web",)))) == []


def test_what_is_left_of_it_is_told_when_nothing_runs(world: World) -> None:
    for found in world.by_kind("agent") + world.by_kind("egress"):
        world.set(found, state="exited")
    (left,) = left_behind(world.observed, LOST)
    assert (left.bottles, left.running) == (("api", "web"), ())
    assert "and api, web are left: bb kill" in told(world.plan(declared(), LOST))[0]


def test_another_home_is_none_of_ours(world: World) -> None:
    for found in world.by_kind("agent") + world.by_kind("egress"):
        world.set(found, labels={**found.labels, labels.HOME: "0000"})
    assert left_behind(world.observed, LOST) == ()


def test_it_changes_neither_what_is_done_nor_what_was_approved(world: World) -> None:
    known, unknown = world.plan(declared(), LOST), world.plan(declared(), FACTS)
    assert known.ops == unknown.ops and known.digest == unknown.digest
