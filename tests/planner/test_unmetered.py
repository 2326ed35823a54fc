"""Routes to known model hosts that nobody meters are flagged, the others are not."""

from __future__ import annotations

import pytest

from botbottle.model.plan import Notice
from botbottle.model.route import Route
from tests.support.worlds import World, bottle, declared

OPEN = "api.groq.com"


def flagged(made) -> list[Notice]:
    return [n for n in made.notices if n.code == "BB306"]


def with_route(host: str, **settings: object):
    return declared(bottle(routes=(Route(host),)), **settings)


@pytest.mark.parametrize("host", [OPEN, "*.groq.com", "api2.cursor.sh"])
def test_a_route_to_unmetered_models_is_flagged_and_asks_for_approval(host: str) -> None:
    made = World().plan(with_route(host))
    assert [(n.bottle, n.needs) for n in flagged(made)] == [("web", "widen")]
    assert host in flagged(made)[0].message


@pytest.mark.parametrize("host", ["api.anthropic.com", "api.openai.com", "example.org"])
def test_metered_hosts_and_hosts_without_models_are_not_flagged(host: str) -> None:
    assert flagged(World().plan(with_route(host))) == []


def test_declaring_the_host_under_a_provider_ends_the_flag() -> None:
    made = World().plan(with_route(OPEN, provider_hosts=(("groq", (OPEN,)),)))
    assert flagged(made) == []


def test_what_is_in_force_is_said_again_without_asking_for_it_again() -> None:
    world = World()
    world.converge(with_route(OPEN))
    again = world.plan(with_route(OPEN))
    assert again.ops == () and [n.needs for n in flagged(again)] == [""]


def test_a_host_that_is_no_longer_metered_asks_again() -> None:
    world = World()
    world.converge(with_route(OPEN, provider_hosts=(("groq", (OPEN,)),)))
    assert [n.needs for n in flagged(world.plan(with_route(OPEN)))] == ["widen"]
