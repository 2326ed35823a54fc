"""Somebody connected a container of ours to another bottle's network: it is cut from there, also
when that network is about to go, which the engine refuses while anything that runs is on it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.plan import DisconnectNetwork, Plan, RemoveNetwork, StartContainer
from botbottle.model.resources import Endpoint, ObservedContainer, ObservedNetwork
from tests.support.worlds import World, bottle, declared


def connected(world: World, guest: str, host: str) -> tuple[ObservedContainer, ObservedNetwork]:
    """The agent of ``guest`` is on the network of ``host``, too."""
    agent = next(c for c in world.by_kind("agent") if c.labels[labels.BOTTLE] == guest)
    network = next(n for n in world.observed.networks if n.labels[labels.BOTTLE] == host)
    rest = tuple(n for n in world.observed.networks if n is not network)
    crowded = replace(network, endpoints=(*network.endpoints, agent.id))
    world.observed = replace(world.observed, networks=(*rest, crowded))
    world.set(agent, endpoints=(*agent.endpoints, Endpoint(network.id, network.name)))
    return agent, crowded


def cut_before_it_goes(made: Plan, agent: ObservedContainer, network: ObservedNetwork) -> bool:
    (cut,) = [op for op in made.ops if isinstance(op, DisconnectNetwork)]
    (gone,) = [op for op in made.ops if isinstance(op, RemoveNetwork)]
    assert (cut.ref.id, cut.network.id, gone.ref.id) == (agent.id, network.id, network.id)
    return cut.id in gone.after


# Both orders of names: the bottle that goes is planned before or after the one that stays.
@pytest.mark.parametrize(("stays", "goes"), [("web", "api"), ("api", "web")])
def test_a_bottle_goes_although_a_container_of_another_is_on_its_network(
    world: World, stays: str, goes: str
) -> None:
    world.converge(declared(bottle(stays), bottle(goes)))
    agent, network = connected(world, stays, goes)
    want = declared(bottle(stays), bottle(goes, state="absent"))
    assert cut_before_it_goes(world.plan(want), agent, network)
    world.converge(want)
    assert world.plan(want).empty


def test_so_does_one_that_nobody_declares(world: World) -> None:
    world.converge(declared(bottle("web"), bottle("api")))
    agent, network = connected(world, "web", "api")
    assert cut_before_it_goes(world.plan(declared(bottle("web"))), agent, network)


def test_a_start_waits_for_a_cut_that_is_made_for_the_networks_sake(world: World) -> None:
    """It expects to be on its own networks only."""
    world.converge(declared(bottle("api"), bottle("web")))
    agent, network = connected(world, "web", "api")
    found = next(c for c in world.observed.containers if c.id == agent.id)
    world.set(found, state="exited")
    made = world.plan(declared(bottle("api", state="absent"), bottle("web")))
    assert cut_before_it_goes(made, agent, network)
    (cut,) = [op for op in made.ops if isinstance(op, DisconnectNetwork)]
    (start,) = [op for op in made.ops if isinstance(op, StartContainer)]
    assert start.bottle == "web" and cut.id in start.after


def test_a_stopped_container_on_it_is_cut_in_the_same_plan(world: World) -> None:
    """The engine lists only what runs as on a network; the container itself tells the rest."""
    world.converge(declared(bottle("web"), bottle("api")))
    agent, network = connected(world, "web", "api")
    found = next(c for c in world.observed.containers if c.id == agent.id)
    world.set(found, state="exited")
    rest = tuple(n for n in world.observed.networks if n.id != network.id)
    left = replace(network, endpoints=tuple(e for e in network.endpoints if e != agent.id))
    world.observed = replace(world.observed, networks=(*rest, left))
    made = world.plan(declared(bottle("web")))
    cuts = [op for op in made.ops if isinstance(op, DisconnectNetwork)]
    assert [(c.ref.id, c.network.id) for c in cuts] == [(agent.id, network.id)]
