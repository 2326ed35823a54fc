"""A watch replaces no agent that works by one that lacks what it needs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.approval import blocking_error
from botbottle.errors import ManifestError
from botbottle.model.bottle import EnvVar
from botbottle.model.plan import RemoveContainer
from botbottle.planner.approved import reach_of
from botbottle.planner.facts import Facts
from botbottle.watch.select import Level, allowed, left_alone
from tests.support.worlds import FACTS, World, bottle, declared

PLAIN = declared(bottle(), bottle("other"))
NEEDY = declared(
    bottle(env=(EnvVar("TOKEN", "host", "TOKEN"),), prompt="new"), bottle("other", prompt="new")
)
COPIED = {"web": frozenset(reach_of(NEEDY.bottles[0]))}  # reading it was approved
AT_HAND = replace(FACTS, env={"web": (("TOKEN", "fp1"),)}, approved=COPIED)
SKILLED = declared(bottle(skills=("lint",)), bottle("other", skills=()))
PATH = f"{FACTS.skills_dir}/lint"
GONE = replace(FACTS, no_trees={PATH: f"the skill lint is no directory at {PATH}"})
LEVELS: list[Level] = ["safe", "all"]


def converged() -> World:
    world = World()
    world.converge(PLAIN)
    return world


def removed(world: World, level: Level, want: object, facts: Facts) -> set[str]:
    part = allowed(world.plan(want, facts), level)  # type: ignore[arg-type]
    return {op.bottle for op in part.ops if isinstance(op, RemoveContainer)}


@pytest.mark.parametrize("level", LEVELS)
def test_an_agent_is_not_replaced_while_a_value_is_not_at_hand(level: Level) -> None:
    world = converged()
    assert removed(world, level, NEEDY, FACTS) == {"other"}
    assert removed(world, level, NEEDY, AT_HAND) == {"other", "web"}


@pytest.mark.parametrize("level", LEVELS)
def test_it_is_told_who_can_ask_for_the_values(level: Level) -> None:
    world = converged()
    told = [why for b, why in left_alone(world.plan(NEEDY, FACTS), level) if b == "web"]
    assert "needs bb apply, which asks for its values" in told
    assert left_alone(world.plan(NEEDY, AT_HAND), level) <= {("web", "needs bb apply")}


@pytest.mark.parametrize("level", LEVELS)
def test_an_agent_is_not_replaced_while_a_skill_is_missing(level: Level) -> None:
    world = converged()
    assert removed(world, level, SKILLED, GONE) == set()
    assert "web" in removed(world, level, SKILLED, FACTS)
    assert ("web", "blocked") in left_alone(world.plan(SKILLED, GONE), level)


def test_an_apply_ends_before_its_first_write_where_a_skill_is_missing() -> None:
    with pytest.raises(ManifestError, match="the skill lint is no directory"):
        raise blocking_error(converged().plan(SKILLED, GONE)) or AssertionError


def test_a_bottle_that_runs_unchanged_does_not_need_its_skill_any_more() -> None:
    world = World()
    world.converge(SKILLED)
    made = world.plan(SKILLED, GONE)
    assert made.empty and blocking_error(made) is None
