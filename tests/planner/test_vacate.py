"""Containers of ours under each other's names: every one gets its own name back."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.plan import Op, RenameContainer
from botbottle.model.resources import ObservedContainer
from tests.support.worlds import FACTS, World, bottle, declared

WANT = declared(bottle("a"), bottle("b"), bottle("c"))


@pytest.fixture
def world() -> World:
    made = World()
    made.converge(WANT)
    return made


def of(world: World, name: str, kind: str = "agent") -> ObservedContainer:
    return next(c for c in world.by_kind(kind) if c.labels[labels.BOTTLE] == name)


def rotate(world: World, *found: ObservedContainer) -> None:
    """Each container gets the name of the next, the last that of the first."""
    for container, name in zip(found, [*(c.name for c in found[1:]), found[0].name], strict=True):
        world.set(container, name=name)


def names_of(world: World) -> dict[str, str]:
    return {c.id: c.name for c in world.observed.containers}


def settled(world: World, ops: tuple[Op, ...]) -> None:
    world.run(ops)
    assert world.plan(WANT).empty


def test_two_swapped_agents_get_their_names_back_and_keep_running(world: World) -> None:
    right = names_of(world)
    rotate(world, of(world, "a"), of(world, "b"))
    made = world.plan(WANT)
    assert not [n for n in made.notices if n.code == "BB801"]
    assert {type(op) for op in made.ops} == {RenameContainer}
    settled(world, made.ops)
    assert names_of(world) == right


def test_any_cycle_of_names_is_undone(world: World) -> None:
    right = names_of(world)
    rotate(
        world,
        of(world, "a"),
        of(world, "b", "egress"),
        of(world, "c"),
        of(world, "a", "egress"),
        world.by_kind("ledger")[0],
    )
    settled(world, world.plan(WANT).ops)
    assert names_of(world) == right


@pytest.mark.parametrize("seed", range(20))
def test_it_is_undone_from_any_crash_on_the_way(seed: int) -> None:
    for cut in range(12):
        rng, world = random.Random(seed), World()
        world.converge(WANT)
        right = names_of(world)
        ours = [c for c in world.observed.containers if rng.random() < 0.6]
        rotate(world, *rng.sample(ours, len(ours)))
        done: set[str] = set()
        todo = list(world.plan(WANT).ops)
        for _ in range(min(cut, len(todo))):
            op = rng.choice([o for o in todo if set(o.after) <= done])
            world.apply(op)
            done.add(op.id)
            todo.remove(op)
        settled(world, world.plan(WANT).ops)
        assert names_of(world) == right


def test_a_missing_container_is_made_under_its_name_when_the_holder_has_left_it(
    world: World,
) -> None:
    lost, holder = of(world, "a"), of(world, "b")
    name = lost.name
    world.stop(lost)
    rest = tuple(c for c in world.observed.containers if c.id != lost.id)
    world.observed = replace(world.observed, containers=rest)
    world.set(holder, name=name)
    settled(world, world.plan(WANT).ops)
    assert of(world, "a").name == name and of(world, "b").id == holder.id


def test_an_undeclared_bottle_s_container_leaves_the_name_before_it_is_removed(
    world: World,
) -> None:
    rotate(world, of(world, "a"), of(world, "c"))
    fewer = declared(bottle("a"), bottle("b"))
    world.run(world.plan(fewer).ops)
    assert world.plan(fewer).empty
    assert {c.labels[labels.BOTTLE] for c in world.by_kind("agent")} == {"a", "b"}


def test_a_stopped_bottle_s_container_makes_way(world: World) -> None:
    want = declared(bottle("a"), bottle("b"), bottle("c", state="stopped"))
    world.converge(want)
    rotate(world, of(world, "a"), of(world, "c"))
    made = world.plan(want)
    assert [op.bottle for op in made.ops] == ["a", "a"], "for the sake of the one that runs"
    assert any(c.bottle == "c" and c.reason == "makes-way" and c.drift for c in made.changes)
    world.run(made.ops)
    assert world.plan(want).empty
    settled(world, world.plan(WANT).ops)


def test_only_one_bottle_means_that_no_other_is_touched(world: World) -> None:
    rotate(world, of(world, "a"), of(world, "b"))
    made = world.plan(WANT, replace(FACTS, only=("a",)))
    assert not made.ops
    notice = next(n for n in made.notices if n.code == "BB801")
    assert "b/agent" in notice.message and "--only" in notice.message


@pytest.mark.parametrize("owner", [{labels.PROJECT: "p2"}, {labels.HOME: "other"}, {}])
def test_a_container_of_anybody_else_keeps_the_name(world: World, owner: dict[str, str]) -> None:
    agent = of(world, "a")
    world.set(agent, name="moved")
    marks = {**agent.labels, labels.BOTTLE: "other", **owner} if owner else {}
    stranger = replace(agent, id="zz", labels=marks, state="exited")
    world.observed = replace(world.observed, containers=(*world.observed.containers, stranger))
    made = world.plan(WANT)
    assert [n.code for n in made.notices if n.bottle == "a"] == ["BB801"]
    assert not [op for op in made.ops if getattr(getattr(op, "ref", None), "id", "") == "zz"]


def test_the_name_aside_is_taken_too(world: World) -> None:
    """Somebody else of ours was given the very name that making way would use."""
    right = names_of(world)
    rotate(world, of(world, "a"), of(world, "b"))
    first = next(op for op in world.plan(WANT).ops if op.id.startswith("vacate:"))
    assert isinstance(first, RenameContainer)
    world.set(of(world, "c"), name=first.name)
    made = world.plan(WANT)
    settled(world, made.ops)
    assert names_of(world) == right
