"""A freeze loses no work: whatever agent it meets, the volumes are in the newest snapshot."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from botbottle.model.bottle import Declared, EnvVar
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.plan import (
    CommitImage,
    Op,
    Plan,
    RecordEnforcement,
    SaveVolumes,
    StartContainer,
    StopContainer,
)
from botbottle.model.resources import State
from botbottle.planner.plan import states_of
from tests.planner import test_races as races
from tests.support.worlds import World, bottle, declared

KEY = races.KEY
WANT = declared(bottle(shutdown="freeze"))
OTHER = declared(bottle(shutdown="freeze", env=(EnvVar("MODE", "literal", "other"),)))


def order(world: World, policy: str) -> None:
    hold = HoldRecord(KEY, policy, "operator", "", f"op:{policy}", 1.0)  # type: ignore[arg-type]
    world.view = replace(world.view, holds={KEY: hold})


def until(world: World, want: Declared, kind: type[Op], resource: str) -> None:
    """A pass that dies after an operation."""
    for op in world.plan(want).ops:
        world.apply(op)
        if isinstance(op, kind) and op.resource == resource:
            return
    raise AssertionError("the plan has no such operation")


def copied(made: Plan) -> list[str]:
    """Ids of the containers whose file system and whose volumes are kept."""
    return [op.ref.id for op in made.ops if isinstance(op, CommitImage | SaveVolumes)]


def states(world: World) -> list[str]:
    return sorted(c.state for c in world.by_kind("agent"))


def test_an_agent_that_never_ran_is_copied_for_its_volumes() -> None:
    """An apply died before its start; the volumes may be older than the container."""
    world = World()
    for op in world.plan(WANT).ops:
        if isinstance(op, StartContainer) and op.resource == "web/agent":
            break
        world.apply(op)
    assert states(world) == ["created"]
    order(world, "freeze")
    made = world.converge(WANT)
    (agent,) = world.by_kind("agent")
    assert copied(made) == [agent.id, agent.id] and agent.state == "created"
    assert not [op for op in made.ops if isinstance(op, StopContainer) and "agent" in op.resource]
    assert world.plan(WANT).empty


def test_in_the_middle_of_a_replacement_what_ran_is_copied_not_what_never_did() -> None:
    world = World()
    world.converge(WANT)
    (old,) = world.by_kind("agent")
    until(world, OTHER, StopContainer, "web/agent")
    assert states(world) == ["created", "exited"], "both copies are there"
    order(world, "freeze")
    assert copied(world.converge(OTHER)) == [old.id, old.id]


@pytest.mark.parametrize(("is_", "beside"), [("running", "exited"), ("exited", "created")])
def test_of_two_copies_the_one_that_worked_last_is_kept_whatever_their_names(
    is_: State, beside: State
) -> None:
    world = World()
    world.converge(WANT)
    agent = world.set(world.by_kind("agent")[0], state=is_)
    others = [replace(agent, id=i, name=f"agent-{i}", state=beside) for i in ("0", "zz")]
    world.observed = replace(world.observed, containers=(*world.observed.containers, *others))
    order(world, "freeze")
    assert copied(world.plan(WANT)) == [agent.id, agent.id]


def test_a_freeze_that_was_carried_out_copies_nothing_again() -> None:
    world = World()
    world.converge(WANT)
    order(world, "freeze")
    world.converge(WANT)
    assert world.plan(WANT).empty and world.view.enforced[KEY].policy == "freeze"


def test_a_freeze_that_died_before_its_record_is_made_again_under_the_same_tag() -> None:
    world = World()
    world.converge(WANT)
    order(world, "freeze")
    first = world.plan(WANT)
    for op in first.ops:
        if not isinstance(op, RecordEnforcement):
            world.apply(op)
    again = world.plan(WANT)
    assert copied(again) == copied(first)
    assert tags(again) == tags(first)


def tags(made: Plan) -> list[str]:
    return [op.tag for op in made.ops if isinstance(op, CommitImage | SaveVolumes)]


def test_the_order_of_a_cutoff_does_not_start_what_a_budget_froze() -> None:
    world = World()
    world.converge(WANT)
    world.spend("web", 1000)
    world.converge(WANT)
    assert states(world) == ["exited"]
    order(world, "cutoff")
    assert world.plan(WANT).empty
    assert states_of(WANT, world.view)["web"].policy == "freeze"


def test_the_order_of_a_cutoff_stands_when_the_freeze_is_over() -> None:
    world = World()
    world.converge(WANT)
    world.spend("web", 1000)
    world.converge(WANT)
    order(world, "cutoff")
    world.spend("web", -1000)
    assert states_of(WANT, world.view)["web"].reason == "latched"
    asked = replace(world.view.enforced[KEY], resume=True)
    world.view = replace(world.view, enforced={KEY: asked})
    world.converge(WANT)
    assert states_of(WANT, world.view)["web"].policy == "cutoff" and states(world) == ["running"]
    (egress,) = world.by_kind("egress")
    sidecar = world.observed.sidecars[egress.id]
    assert sidecar is not None and sidecar.config is not None and not sidecar.config.routes


class Working(races.Ledger):
    """Counts the runs of an agent: what the volumes hold is as new as the last of them."""

    def __init__(self) -> None:
        super().__init__()
        self.work = self.saved = 0

    def apply(self, op: Op) -> None:
        super().apply(op)
        if isinstance(op, StartContainer) and op.resource == "web/agent":
            self.work += 1
        elif isinstance(op, SaveVolumes):
            self.saved = self.work


def event(world: races.Ledger, rng: random.Random) -> None:
    """As in any race; an agent may also end by itself, having worked."""
    running = [c for c in world.by_kind("agent") if c.state == "running"]
    if running and rng.random() < 0.3:
        world.set(running[0], state="exited")
    else:
        races.event(world, rng)


@pytest.mark.parametrize("block", range(6))
def test_whatever_comes_in_between_a_frozen_agents_work_is_in_its_snapshot(block: int) -> None:
    frozen = 0
    for seed in range(block * 60, (block + 1) * 60):
        rng, world = random.Random(seed), Working()
        world.converge(WANT)
        for _ in range(rng.randrange(1, 8)):
            event(world, rng)
            races.half_pass(world, WANT, rng)
        races.converge(world, WANT)
        if states_of(WANT, world.view)["web"].policy == "freeze" and world.by_kind("agent"):
            frozen += 1
            assert world.saved == world.work, f"seed {seed}: {world.rows}"
    assert frozen > 3, "the races do reach what this is about"
