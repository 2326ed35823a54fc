"""A Dockerfile that cannot be read is one bottle's trouble: nothing else waits for it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.approval import blocking_error
from botbottle.errors import ManifestError
from botbottle.model import labels
from botbottle.model.bottle import Declared, Policy
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.plan import CreateContainer, EnsureImage
from botbottle.planner.facts import Facts
from botbottle.watch.select import allowed
from tests.support.worlds import FACTS, World, bottle, declared

RECIPE = "dockerfile:/src/Dockerfile"
WHY = "dockerfile /src/Dockerfile: No such file or directory"
WANT = declared(bottle("own", dockerfile="/src/Dockerfile"), bottle("web"))
READABLE = replace(FACTS, images={**FACTS.images, RECIPE: "botbottle/own:1"})
GONE = replace(FACTS, images={**FACTS.images, RECIPE: ""}, unreadable={RECIPE: WHY})


def converged() -> World:
    world = World()
    world.converge(WANT, READABLE)
    assert world.plan(WANT, READABLE).empty
    return world


def test_nothing_of_the_bottle_is_planned_and_an_apply_says_why() -> None:
    for world in (World(), converged()):
        made = world.plan(WANT, GONE)
        assert [(n.code, n.bottle, n.message) for n in made.notices if n.bottle == "own"] == [
            ("BB802", "own", WHY)
        ]
        assert not [op for op in made.ops if op.resource == "own/agent"]
        with pytest.raises(ManifestError, match="No such file"):
            raise blocking_error(made) or AssertionError


def test_a_watch_carries_out_the_others() -> None:
    made = allowed(World().plan(WANT, GONE), "all")
    assert {"create:web/agent", "start:web/agent"} <= {op.id for op in made.ops}
    assert not [op for op in made.ops if op.bottle == "own"]


@pytest.mark.parametrize("policy", ["kill", "freeze", "cutoff"])
def test_it_can_be_held_all_the_same(policy: Policy) -> None:
    expected, made = (held(converged(), policy, facts) for facts in (READABLE, GONE))
    assert made == expected and made
    assert blocking_error(converged().plan(WANT, READABLE)) is None


def test_one_whose_agent_is_gone_is_cut_off_and_nothing_is_made_of_an_image_without_a_name() -> (
    None
):
    world = converged()
    (agent,) = (c for c in world.by_kind("agent") if c.labels[labels.BOTTLE] == "own")
    left = tuple(c for c in world.observed.containers if c.id != agent.id)
    world.observed = replace(world.observed, containers=left)
    hold = HoldRecord("proj-1/own", "cutoff", "operator", "", "op:1", 0.0)
    world.view = replace(world.view, holds={"proj-1/own": hold})
    made = world.plan(WANT, GONE)
    assert "BB802" in {n.code for n in made.notices}
    assert not [op for op in made.ops if isinstance(op, CreateContainer)]
    assert [op.id for op in allowed(made, "safe").ops if op.bottle == "own"][:1] == ["push:own"]


def held(world: World, policy: Policy, facts: Facts) -> list[str]:
    """Ids of what is done when the bottle is held, and that nothing is made for it."""
    hold = HoldRecord("proj-1/own", policy, "operator", "", "op:1", 0.0)
    world.view = replace(world.view, holds={"proj-1/own": hold})
    made = world.plan(WANT, facts)
    assert not [op for op in made.ops if isinstance(op, CreateContainer | EnsureImage)]
    assert blocking_error(made) is None
    return [op.id for op in made.ops]


def test_it_can_be_destroyed_and_left_out() -> None:
    for facts, want in (
        (replace(GONE, destroy=True), WANT),
        (replace(GONE, only=("web",)), WANT),
        (GONE, only_web()),
    ):
        made = converged().plan(want, facts)
        assert blocking_error(made) is None
        assert "BB802" not in {n.code for n in made.notices}


def only_web() -> Declared:
    return declared(bottle("web"))
