"""A hold waits for nothing that somebody else has: what runs is cut off all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from botbottle.model.bottle import Policy
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.plan import (
    AwaitReady,
    PushConfig,
    RecordEnforcement,
    StartContainer,
    StopContainer,
)
from botbottle.watch.select import allowed
from tests.support.worlds import World, bottle, declared

KEY = "proj-1/web"
WANT = declared(bottle())


def name_taken(kind: str) -> Callable[[World], None]:
    """Ours was renamed, and a stranger has its name."""

    def take(world: World) -> None:
        (mine,) = world.by_kind(kind)
        world.set(mine, name="moved")
        stranger = replace(mine, id="zz", labels={})
        world.observed = replace(world.observed, containers=(*world.observed.containers, stranger))

    return take


def volume_taken(world: World) -> None:
    first, *rest = world.observed.volumes
    world.observed = replace(world.observed, volumes=(replace(first, labels={}), *rest))


def order(world: World) -> None:
    hold = HoldRecord(KEY, "cutoff", "operator", "", "op:1", 0.0)
    world.view = replace(world.view, holds={KEY: hold})


def use_up(world: World) -> None:
    world.spend("web", 1000)


TAKEN = {"agent": name_taken("agent"), "sidecar": name_taken("egress"), "volume": volume_taken}


@pytest.mark.parametrize("hold", [order, use_up])
@pytest.mark.parametrize("taken", TAKEN)
def test_a_watch_cuts_off_a_bottle_whose_names_somebody_has(
    taken: str, hold: Callable[[World], None]
) -> None:
    world = World()
    world.converge(WANT)
    TAKEN[taken](world)
    assert not [op for op in allowed(world.plan(WANT), "safe").ops if op.bottle == "web"]
    hold(world)
    made = world.plan(WANT)
    assert "BB801" in {n.code for n in made.notices}
    push, *rest = [op for op in allowed(made, "safe").ops if op.bottle == "web"]
    assert isinstance(push, PushConfig) and push.config.hold.policy == "cutoff"
    assert not push.config.routes
    assert all(isinstance(op, RecordEnforcement) and not op.lift for op in rest)


@pytest.mark.parametrize("policy", ["freeze", "kill"])
def test_what_else_a_blocked_bottle_needs_is_not_done(policy: Policy) -> None:
    world = World()
    world.converge(WANT)
    TAKEN["agent"](world)
    hold = HoldRecord(KEY, policy, "operator", "", "op:1", 0.0)
    world.view = replace(world.view, holds={KEY: hold})
    waiting = allowed(world.plan(WANT), "safe", frozenset({"web"}))
    assert not [op for op in waiting.ops if op.bottle == "web"], "back-off is for everything"


def unheard(world: World) -> str:
    """Its sidecar runs and answers nobody; the sidecar's id."""
    (sidecar,) = world.by_kind("egress")
    world.observed = replace(world.observed, sidecars={})
    return sidecar.id


@pytest.mark.parametrize("hold", [order, use_up])
def test_a_sidecar_that_should_refuse_and_does_not_answer_is_stopped_first(
    hold: Callable[[World], None],
) -> None:
    """An agent that keeps it busy would go on being served."""
    world = World()
    world.converge(WANT)
    sidecar = unheard(world)
    hold(world)
    made = world.plan(WANT)
    ops = {op.id: op for op in allowed(made, "safe").ops}
    (halt,) = [op for op in ops.values() if isinstance(op, StopContainer)]
    assert halt.ref.id == sidecar and halt.kill and not halt.after
    (start,) = [op for op in ops.values() if isinstance(op, StartContainer)]
    (ready,) = [op for op in ops.values() if isinstance(op, AwaitReady)]
    (push,) = [op for op in ops.values() if isinstance(op, PushConfig)]
    assert halt.id in start.after and start.id in ready.after and ready.id in push.after
    assert not push.config.routes
    world.run(made.ops)
    assert world.plan(WANT).empty


def test_one_that_answers_is_only_told_and_one_that_is_free_only_waited_for() -> None:
    world = World()
    world.converge(WANT)
    order(world)
    assert not [op for op in world.plan(WANT).ops if isinstance(op, StopContainer)]
    world = World()
    world.converge(WANT)
    unheard(world)
    assert not [op for op in world.plan(WANT).ops if isinstance(op, StopContainer)]


@pytest.mark.parametrize("taken", TAKEN)
def test_so_it_is_where_somebody_has_the_bottles_names(taken: str) -> None:
    world = World()
    world.converge(WANT)
    TAKEN[taken](world)
    sidecar = unheard(world)
    order(world)
    ops = [op for op in allowed(world.plan(WANT), "safe").ops if op.bottle == "web"]
    assert [op.ref.id for op in ops if isinstance(op, StopContainer)] == [sidecar]
