"""A container of somebody else on a bottle's sealed network is told of and left alone."""

from __future__ import annotations

from msgspec.structs import replace

from botbottle.model.plan import Plan
from botbottle.model.resources import ObservedContainer
from tests.support.worlds import FACTS, World, bottle, declared

WANT = declared(bottle("web"), bottle("api"))
GUEST = ObservedContainer("guest-id", "guest", "running", "img", {})


def world(*endpoints: str) -> World:
    made = World()
    made.converge(WANT)
    observed = made.observed
    networks = tuple(
        replace(n, endpoints=(*n.endpoints, *endpoints)) if "web" in n.name else n
        for n in observed.networks
    )
    made.observed = replace(observed, networks=networks, containers=(*observed.containers, GUEST))
    return made


def told(plan: Plan) -> list[tuple[str, str]]:
    return [(n.bottle, n.message) for n in plan.notices if n.code == "BB332"]


def test_it_is_named_with_the_command_that_takes_it_away() -> None:
    plan = world(GUEST.id).plan(WANT)
    ((name, text),) = told(plan)
    assert name == "web" and "docker network disconnect" in text and text.endswith(" guest")
    assert plan.ops == (), "what is not ours is not touched"


def test_bottles_of_our_own_and_guests_elsewhere_are_none() -> None:
    assert told(world().plan(WANT)) == []


def test_a_selection_is_told_of_its_own_bottles_only() -> None:
    made = world(GUEST.id)
    assert told(made.plan(WANT, replace(FACTS, only=("api",)))) == []
    assert len(told(made.plan(WANT, replace(FACTS, only=("web",))))) == 1
