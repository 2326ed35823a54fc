"""One network for each bottle: what it supersedes goes, and a stranger on it forbids that."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.plan import CreateNetwork, DisconnectNetwork, RemoveNetwork
from botbottle.model.resources import ObservedNetwork
from tests.support.worlds import World, bottle, declared


@pytest.fixture
def world() -> World:
    made = World()
    made.converge(declared(bottle()))
    return made


def internal(world: World) -> ObservedNetwork:
    return next(n for n in world.observed.networks if n.labels[labels.KIND] == "internal")


def older(world: World, *endpoints: str) -> ObservedNetwork:
    """A second network of this bottle, as an older version made it."""
    network = internal(world)
    old = replace(
        network,
        id="older",
        subnets=("10.213.9.0/28",),
        endpoints=endpoints,
        labels={**network.labels, labels.SPEC_HASH: "other"},
    )
    world.observed = replace(world.observed, networks=(*world.observed.networks, old))
    return old


def test_a_superseded_network_is_removed(world: World) -> None:
    old = older(world)
    made = world.converge(declared(bottle()))
    assert [op.ref.id for op in made.ops if isinstance(op, RemoveNetwork)] == [old.id]
    assert world.plan(declared(bottle())).empty


def test_our_own_containers_are_cut_from_it_first(world: World) -> None:
    agent = world.by_kind("agent")[0]
    old = older(world, agent.id)
    made = world.plan(declared(bottle()))
    cut = next(op for op in made.ops if isinstance(op, DisconnectNetwork))
    remove = next(op for op in made.ops if isinstance(op, RemoveNetwork))
    assert (cut.network.id, cut.ref.id) == (old.id, agent.id) and cut.id in remove.after


def test_with_a_stranger_on_it_it_stays_and_nothing_of_it_is_touched(world: World) -> None:
    old = older(world, "stranger")
    made = world.plan(declared(bottle()))
    assert [n.code for n in made.notices] == ["BB802"]
    assert not [op for op in made.ops if old.id in repr(op)]


def test_a_network_whose_settings_changed_is_made_anew_after_the_old_one_is_gone(
    world: World,
) -> None:
    """No field of a network can be changed in place, and its name is taken until then."""
    network = internal(world)
    stale = replace(network, labels={**network.labels, labels.SPEC_HASH: "other"})
    rest = tuple(n for n in world.observed.networks if n is not network)
    world.observed = replace(world.observed, networks=(*rest, stale))
    made = world.plan(declared(bottle()))
    create = next(op for op in made.ops if isinstance(op, CreateNetwork))
    assert any(i.startswith("remove:web/internal") for i in create.after)
    world.run(made.ops)
    for _ in range(2):
        world.run(world.plan(declared(bottle())).ops)
    assert world.plan(declared(bottle())).empty


def test_a_paused_container_is_continued_not_started(world: World) -> None:
    for kind in ("agent", "egress"):
        world.set(world.by_kind(kind)[0], state="paused")
    made = world.plan(declared(bottle()))
    assert [op.id for op in made.ops if op.id.startswith(("unpause", "start"))] == [
        "unpause:web/egress", "start:web/egress", "unpause:web/agent", "start:web/agent",
    ]  # fmt: skip
