"""Routes to known model hosts that nobody meters are flagged, the others are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from botbottle.model import canonical
from botbottle.model.bottle import Declared
from botbottle.model.plan import Notice
from botbottle.model.route import Route
from botbottle.model.sidecar_config import from_wire
from botbottle.planner.approved import counted, guard_of, guards_of, narrowed, reach_of
from botbottle.planner.facts import Facts, Guards
from tests.support.worlds import FACTS, World, bottle, declared

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


def restarted(world: World) -> None:
    """Its sidecar was stopped, by a reboot say."""
    (egress,) = world.by_kind("egress")
    world.stop(egress)


def unconfigured(world: World) -> None:
    """Its sidecar was started again by somebody else: it refuses until it is configured."""
    (egress,) = world.by_kind("egress")
    fresh = replace(world.observed.sidecars[egress.id], config=None, config_hash="", secrets=())  # type: ignore[type-var]
    world.observed = replace(world.observed, sidecars={egress.id: fresh})


DOWN = pytest.mark.parametrize("down", [restarted, unconfigured])


def approved(now: Declared) -> Facts:
    """As the generation of an apply of ``now`` tells it."""
    (spec,) = now.bottles
    guards = Guards({"web": guard_of(spec, now.settings)})
    reach = {"web": frozenset(reach_of(spec))}
    return replace(FACTS, approved=reach, guards=guards, counted=frozenset({"web"}))


def approved_by_an_older_bb(now: Declared) -> Facts:
    """Its guards said nothing of what was counted; the settings were kept beside them."""
    (spec,) = now.bottles
    guard = {k: v for k, v in guard_of(spec, now.settings).items() if k != "metered"}
    kept = {"guards": {"web": {**guard, "metered": []}}, "settings": canonical.plain(now.settings)}
    told = approved(now)
    return replace(told, guards=guards_of(kept), counted=counted(kept))


@DOWN
def test_what_was_approved_is_not_asked_again_after_a_sidecar_did_not_run(
    down: Callable[[World], None],
) -> None:
    now, world = with_route(OPEN), World()
    world.converge(now)
    down(world)
    made = world.plan(now, approved(now))
    assert made.ops and [n.needs for n in flagged(made)] == [""] and made.needs == ()
    assert [n.needs for n in flagged(world.plan(now))] == ["widen"], "nobody approved it"


@DOWN
def test_a_host_that_left_the_meter_meanwhile_is_asked_for(down: Callable[[World], None]) -> None:
    counted, world = with_route(OPEN, provider_hosts=(("groq", (OPEN,)),)), World()
    world.converge(counted)
    down(world)
    made = world.plan(with_route(OPEN), approved(counted))
    assert [n.needs for n in flagged(made)] == ["widen"]
    assert made.needs == ("budget", "widen"), "its tokens are counted no more"


@DOWN
def test_so_is_any_counted_host_also_one_of_no_known_models(down: Callable[[World], None]) -> None:
    proxy = "models.corp.example"
    counted, world = with_route(proxy, provider_hosts=(("corp", (proxy,)),)), World()
    world.converge(counted)
    down(world)
    assert world.plan(with_route(proxy), approved(counted)).needs == ("budget",)
    assert world.plan(counted, approved(counted)).needs == ()


@DOWN
def test_after_an_upgrade_a_host_that_left_the_meter_is_asked_for(
    down: Callable[[World], None],
) -> None:
    metered, world = with_route(OPEN, provider_hosts=(("groq", (OPEN,)),)), World()
    world.converge(metered)
    down(world)
    made = world.plan(with_route(OPEN), approved_by_an_older_bb(metered))
    assert made.needs == ("budget", "widen")
    assert world.plan(metered, approved_by_an_older_bb(metered)).needs == ()
    elsewhere = approved_by_an_older_bb(with_route(OPEN))  # an apply of another bottle kept those
    assert world.plan(with_route(OPEN), elsewhere).needs == ("widen",)


def test_what_a_guard_tells_is_taken_from_nowhere_else() -> None:
    now = with_route(OPEN, provider_hosts=(("groq", (OPEN,)),))
    plain = {"web": guard_of(now.bottles[0], with_route(OPEN).settings)}
    kept = {"guards": plain, "settings": canonical.plain(now.settings)}
    assert guards_of({**kept, "counted": ["web"]})["web"].metered == ()
    assert guards_of(kept)["web"].metered == ((OPEN, "groq"),)
    added = {"guards": {"web": {**plain["web"], "metered": [["b.example", "b"]]}}}
    assert dict(guards_of({**kept, **added})["web"].metered) == {OPEN: "groq", "b.example": "b"}
    assert counted(kept) == frozenset() and counted({**kept, "counted": ["web"]}) == {"web"}


def test_what_is_counted_from_now_on_does_not_leave_the_meter_unasked() -> None:
    """A watch carries a settings' edit out that counts a host; then it is taken back."""
    before, counted = with_route(OPEN), with_route(OPEN, provider_hosts=(("groq", (OPEN,)),))
    document = {"guards": {"web": guard_of(before.bottles[0], before.settings)}}
    left = narrowed(document, counted, {"web"})
    assert from_wire(left["guards"]["web"]).metered == ((OPEN, "groq"),)
    assert narrowed(left, before, {"web"}) == left and narrowed(left, counted, {"web"}) == left


@pytest.mark.parametrize("route", ["api.openai.com", "*.openai.com"])
def test_a_host_that_spends_a_budget_by_itself_is_not_taken_out_of_it_unasked(route: str) -> None:
    world, plain = World(), with_route(route)
    world.converge(plain)
    taken = with_route(route, provider_hosts=(("mine", ("api.openai.com",)),))
    made = world.plan(taken)
    told = [(n.message, n.needs) for n in made.notices if n.code == "BB310"]
    assert told == [("tokens of api.openai.com are not counted for codex any more", "budget")]
    (field,) = (f for c in made.changes for f in c.fields if f.path.startswith("metered"))
    assert (field.path, field.old, field.new) == ("metered[api.openai.com]", "codex", "mine")


def test_one_that_no_route_reaches_or_that_is_named_as_it_is_anyway_is_no_loss() -> None:
    world, plain = World(), with_route("api.openai.com")
    world.converge(plain)
    for hosts in ((("mine", ("api.anthropic.example",)),), (("codex", ("api.openai.com",)),)):
        made = world.plan(with_route("api.openai.com", provider_hosts=hosts))
        assert "BB310" not in {n.code for n in made.notices}
