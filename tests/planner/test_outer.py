"""The outer network takes a free subnet: several homes share one engine."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from msgspec.structs import replace

from botbottle.errors import Refused
from botbottle.model.plan import CreateNetwork, Plan
from botbottle.model.resources import ObservedNetwork
from botbottle.planner.names import is_outer_subnet, outer_subnet
from tests.support.worlds import World, bottle, declared

POOL = "10.213.0.0/16"
LAST, BEFORE = "10.213.240.0/20", "10.213.224.0/20"


def another(subnet: str, name: str = "bb-outer-other") -> ObservedNetwork:
    return ObservedNetwork(
        id=f"n-{name}", name=name, labels={}, internal=False, subnets=(subnet,), endpoints=()
    )


def networks(plan: Plan) -> dict[str, str]:
    return {op.resource: op.spec.subnet for op in plan.ops if isinstance(op, CreateNetwork)}


def test_alone_it_is_the_last_of_the_pool() -> None:
    assert networks(World().plan(declared()))["outer"] == LAST


@pytest.mark.parametrize("taken", [LAST, "10.213.255.0/24", "10.213.240.16/28"])
def test_beside_another_home_it_is_the_next_free_one(taken: str) -> None:
    world = World()
    world.observed = replace(world.observed, networks=(another(taken),))
    assert networks(world.plan(declared()))["outer"] == BEFORE


def test_bottles_never_get_a_part_of_it() -> None:
    held = ("10.213.4.0/22", "10.213.8.0/21", "10.213.32.0/19", "10.213.64.0/18", "10.213.128.0/17")
    world = World()
    world.observed = replace(world.observed, networks=tuple(another(s, s) for s in held))
    found = networks(world.plan(declared(*(bottle(f"b{n}") for n in range(64)))))
    assert found["outer"] == "10.213.16.0/20" and len(found) == 65
    spans = [ip_network(s) for s in (*found.values(), *held)]
    assert not any(a.overlaps(b) for n, a in enumerate(spans) for b in spans[:n])


def test_it_stays_where_it_is_when_the_other_home_goes() -> None:
    world, want = World(), declared()
    world.observed = replace(world.observed, networks=(another(LAST),))
    world.converge(want)
    left = tuple(n for n in world.observed.networks if n.name != "bb-outer-other")
    world.observed = replace(world.observed, networks=left)
    assert world.plan(want).empty


def test_a_full_pool_is_refused_with_the_way_out() -> None:
    with pytest.raises(Refused) as caught:
        outer_subnet(POOL, ["10.213.0.0/16"])
    assert caught.value.code == "BB7011" and "address_pool" in caught.value.hint


@pytest.mark.parametrize(
    ("subnet", "ours"),
    [(LAST, True), ("10.213.0.0/20", True), ("10.213.0.0/28", False), ("10.214.0.0/20", False)],
)
def test_only_a_subnet_of_the_pool_and_the_right_size_is_kept(subnet: str, ours: bool) -> None:
    assert is_outer_subnet(subnet, POOL) == ours
