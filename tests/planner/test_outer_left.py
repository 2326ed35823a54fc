"""Our own outer network goes when the settings name another one, once all have left it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.bottle import Declared
from botbottle.model.plan import Plan, RemoveNetwork
from botbottle.model.resources import ObservedNetwork
from botbottle.planner.names import outer_name
from botbottle.watch.select import allowed
from tests.support.worlds import FACTS, World, bottle, declared

BOTTLES = (bottle("web"), bottle("api"))
OURS = outer_name(FACTS.paths.home_id)
THEIRS = ObservedNetwork("corp-id", "corp", {}, subnets=("10.9.0.0/16",))


@pytest.fixture
def world() -> World:
    made = World()
    made.converge(declared(*BOTTLES))
    made.observed = replace(made.observed, networks=(*made.observed.networks, THEIRS))
    return made


def elsewhere(*names: str) -> Declared:
    return declared(*(b for b in BOTTLES if not names or b.name in names), egress_network="corp")


def removed(plan: Plan) -> list[str]:
    return [op.ref.name for op in plan.ops if isinstance(op, RemoveNetwork) and not op.bottle]


def test_it_goes_with_the_plan_in_which_the_last_sidecar_leaves_it(world: World) -> None:
    assert removed(world.plan(declared(*BOTTLES))) == []
    plan = world.converge(elsewhere())
    assert removed(plan) == [OURS]
    assert [(c.action.value, c.reason) for c in plan.changes if c.resource == "outer"] == [
        ("remove", "network-superseded")
    ]
    assert OURS not in {n.name for n in world.observed.networks}
    assert "corp" in {n.name for n in world.observed.networks}
    again = world.plan(elsewhere())
    assert again.ops == () and again.changes == ()


def test_the_way_back_makes_it_anew(world: World) -> None:
    world.converge(elsewhere())
    world.converge(declared(*BOTTLES))
    assert OURS in {n.name for n in world.observed.networks}
    assert world.plan(declared(*BOTTLES)).ops == ()


@pytest.mark.parametrize("state", ["running", "exited"])
def test_it_stays_as_long_as_another_project_is_on_it(world: World, state: str) -> None:
    sidecar = world.by_kind("egress")[0]
    other = replace(sidecar, id="other", name="bb-other", state=state,  # type: ignore[arg-type]
                    labels={**sidecar.labels, labels.PROJECT: "proj-2"})  # fmt: skip
    world.observed = replace(world.observed, containers=(*world.observed.containers, other))
    assert removed(world.plan(elsewhere())) == []
    containers = tuple(c for c in world.observed.containers if c.id != "other")
    world.observed = replace(world.observed, containers=containers)
    assert removed(world.plan(elsewhere())) == [OURS]


def test_a_selection_leaves_it(world: World) -> None:
    assert removed(world.plan(elsewhere(), replace(FACTS, only=("web",)))) == []


def test_a_watch_waits_for_the_bottle_that_waits(world: World) -> None:
    plan = world.plan(elsewhere())
    part = allowed(plan, "all", waiting=frozenset({"api"}))
    assert any(op.bottle == "web" for op in part.ops) and removed(part) == []
    assert removed(allowed(plan, "all")) == [OURS]
