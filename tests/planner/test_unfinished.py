"""What an apply left that did not come to its end is its own doing, and is told as that."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model.bottle import Declared
from botbottle.model.plan import Change
from botbottle.planner.facts import Facts
from tests.support.worlds import FACTS, World, bottle, declared

BEFORE = declared(bottle("a"), bottle("b"))
NEW_IMAGES = replace(FACTS, images={name: f"{tag}0" for name, tag in FACTS.images.items()})
APPLIES: dict[str, tuple[Declared | None, Declared, Facts]] = {
    "of new bottles": (None, BEFORE, FACTS),
    "of another prompt": (BEFORE, declared(bottle("a", prompt="briefly"), bottle("b")), FACTS),
    "of new images": (BEFORE, BEFORE, NEW_IMAGES),
    "of other networks": (BEFORE, declared(bottle("a"), address_pool="10.99.0.0/16"), FACTS),
}


def made(before: Declared | None) -> World:
    world = World()
    if before is not None:
        world.converge(before)
    return world


def drift(world: World, want: Declared, facts: Facts) -> list[Change]:
    return [c for c in world.plan(want, facts).changes if c.drift]


@pytest.mark.parametrize("kind", APPLIES)
def test_an_apply_that_ended_anywhere_is_no_drift(kind: str) -> None:
    before, want, facts = APPLIES[kind]
    world = made(before)
    for op in world.plan(want, facts).ops:
        assert drift(world, want, facts) == [], f"before {op.id}"
        world.apply(op)
    assert world.plan(want, facts).empty


def test_a_replacement_that_was_given_up_is_no_drift_either() -> None:
    """An apply ended after it had made the new copy, and the edit was taken back."""
    world = made(BEFORE)
    world.apply(world.plan(declared(bottle("a", prompt="briefly"), bottle("b"))).ops[0])
    (change,) = world.plan(BEFORE).changes
    assert (change.resource, change.reason, change.drift) == ("a/agent", "superseded", False)


def test_a_start_that_never_came_is_told_by_its_own_reason() -> None:
    world = made(BEFORE)
    want = declared(bottle("a", prompt="briefly"), bottle("b"))
    for op in world.plan(want).ops[:-1]:
        world.apply(op)
    (change,) = world.plan(want).changes
    assert (change.resource, change.reason, change.drift) == ("a/agent", "never-started", False)


def test_what_somebody_else_did_to_what_runs_is_drift_all_the_same() -> None:
    """The controls: stopped, renamed, copied and disconnected by hand."""
    world = made(BEFORE)
    agent = next(c for c in world.by_kind("agent") if c.labels["dev.botbottle.bottle"] == "a")
    world.set(agent, name="mine-now")
    assert [c.reason for c in drift(world, BEFORE, FACTS)] == ["renamed"]
    world.set(agent, name=agent.name, endpoints=())
    assert [c.reason for c in drift(world, BEFORE, FACTS)] == ["attachments"]
    world.set(agent, endpoints=agent.endpoints)
    copy = replace(agent, id="0" * 64, name="copy", state="exited")
    world.observed = replace(world.observed, containers=(*world.observed.containers, copy))
    assert [c.reason for c in drift(world, BEFORE, FACTS)] == ["extra-copy"]
    world.run(world.plan(BEFORE).ops)
    world.stop(agent)
    assert [c.reason for c in drift(world, BEFORE, FACTS)] == ["not-running"]
