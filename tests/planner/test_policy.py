"""What an edit of a manifest gives or weakens is asked for once: which home bottle a project uses,
leak detection, learning, whose tokens are counted."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model.bottle import BottleSpec, EnvVar, Settings
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.route import Dlp, Route
from botbottle.planner.approved import reach_of
from botbottle.planner.wanted import guard
from tests.planner.test_analyze import after
from tests.support.worlds import FACTS, World, bottle, declared


def used(spec: BottleSpec, known: str | None, *, running: bool = True) -> list[str]:
    """What BB304 asks for when ``known`` was approved and ``spec`` is declared."""
    world = World()
    if running:
        world.converge(declared(bottle(layer="project", own=("dev",))))
    uses = {"web": known} if known is not None else {}
    made = world.plan(declared(spec), replace(FACTS, uses=uses))
    return [n.needs for n in made.notices if n.code == "BB304"]


def test_a_project_that_goes_over_to_another_home_bottle_asks_for_it() -> None:
    """With a bottle come its variables and credentials, also those that no route shows."""
    env = (EnvVar("DB", "host", "PROD_DB"),)
    prod = bottle(layer="project", own=("prod",), env=env)
    assert used(prod, "project: dev") == ["widen"]
    assert used(replace(prod, own=("dev", "prod")), "project: dev") == ["widen"]
    assert used(replace(prod, own=("dev",)), "project: dev") == []


def test_a_projects_agent_file_that_hides_one_of_home_asks_for_it() -> None:
    hiding = bottle(layer="project", own=("dev",), prompt="do as the repository says")
    assert used(hiding, "home: dev") == ["widen"]
    assert used(bottle(layer="home", own=("dev",), prompt="mine"), "project: dev") == []


def test_an_approved_use_is_not_asked_for_again_though_all_its_containers_are_gone() -> None:
    same = bottle(layer="project", own=("dev",))
    assert used(same, "project: dev", running=False) == []
    assert used(same, None, running=False) == ["widen"]


def test_a_cut_off_agent_that_is_gone_is_not_made_with_another_bottle_unasked() -> None:
    world, spec = World(), bottle(layer="project", own=("dev",))
    world.converge(declared(spec))
    hold = HoldRecord(world.key("web"), "cutoff", "operator", "", "op:1", 0.0)
    world.view = replace(world.view, holds={world.key("web"): hold})
    facts = replace(FACTS, uses={"web": "project: dev"})
    world.converge(declared(spec), facts)
    prod = declared(replace(spec, own=("prod",), prompt="other"))
    assert "widen" not in world.plan(prod, facts).needs, "it waits and holds up nothing"
    gone = world.by_kind("agent")[0]
    rest = tuple(c for c in world.observed.containers if c.id != gone.id)
    world.observed = replace(world.observed, containers=rest)
    assert "widen" in world.plan(prod, facts).needs
    assert "widen" not in world.plan(declared(spec), facts).needs


def test_learning_that_was_approved_is_told_and_not_asked_for_again() -> None:
    world, spec = World(), bottle(learning=True)
    world.converge(declared(spec))
    agent = world.by_kind("agent")[0]
    world.set(agent, state="exited")
    approved = replace(FACTS, approved={"web": frozenset(reach_of(spec))})
    needs = [
        {n.code: n.needs for n in world.plan(declared(spec), facts).notices}["BB305"]
        for facts in (approved, FACTS)
    ]
    assert needs == ["", "widen"]


def test_a_new_host_without_leak_detection_is_shown_as_such() -> None:
    bare = Route("one.example", dlp=Dlp(outbound_detectors=("token_patterns",)))
    found = after(bottle(), bottle(routes=(bare,)))
    assert found["BB302"].message == "one.example is reached without known_secrets"
    assert found["BB302"].needs == "widen"
    assert "BB302" not in after(bottle(), bottle(routes=(Route("one.example"),)))
    assert "BB302" not in after(bottle(routes=(bare,)), bottle(routes=(bare,), prompt="x"))


@pytest.mark.parametrize("later", [(), (("other", ("llm.example",)),)])
def test_a_host_that_is_counted_no_longer_or_for_another_asks_for_it(
    later: tuple[tuple[str, tuple[str, ...]], ...],
) -> None:
    spec, before = bottle(routes=(Route("llm.example"),)), (("claude", ("llm.example",)),)
    world = World()
    world.converge(declared(spec, provider_hosts=before))
    found = {n.code: n for n in world.plan(declared(spec, provider_hosts=later)).notices}
    assert found["BB310"].needs == "budget" and "llm.example" in found["BB310"].message
    unrouted = world.plan(declared(bottle(), provider_hosts=later))
    assert "BB310" not in {n.code for n in unrouted.notices}, "it is not reached any more"


def test_it_asks_also_when_the_edit_came_while_the_bottle_was_held() -> None:
    spec, before = bottle(routes=(Route("llm.example"),)), (("claude", ("llm.example",)),)
    world = World()
    world.converge(declared(spec, provider_hosts=before))
    hold = HoldRecord(world.key("web"), "cutoff", "operator", "", "op:1", 0.0)
    world.view = replace(world.view, holds={world.key("web"): hold})
    world.converge(declared(spec, provider_hosts=before))
    world.view = replace(world.view, holds={})
    made = world.plan(declared(spec))
    assert "budget" in made.needs
    assert "budget" not in world.plan(declared(spec, provider_hosts=before)).needs


def test_an_approved_host_that_nobody_meters_comes_back_unasked_after_a_hold() -> None:
    spec = bottle(routes=(Route("api.groq.com"),))
    world = World()
    world.converge(declared(spec))
    hold = HoldRecord(world.key("web"), "cutoff", "operator", "", "op:1", 0.0)
    world.view = replace(world.view, holds={world.key("web"): hold})
    world.converge(declared(spec))
    world.view = replace(world.view, holds={})
    known = replace(
        FACTS, guards={"web": guard(spec, Settings())}, approved={"web": frozenset(reach_of(spec))}
    )
    assert world.plan(declared(spec), known).needs == ()
    other = bottle(routes=(Route("api.groq.com"), Route("api.mistral.ai")))
    assert "widen" in world.plan(declared(other), known).needs


def test_where_no_generation_tells_the_use_the_containers_do() -> None:
    """A home of an older bb: its agents' labels name the bottle files."""
    spec = bottle(layer="project", own=("dev",), ancestry=("dev",))
    world = World()
    world.converge(declared(spec))
    same = replace(spec, prompt="x")
    assert "BB304" not in {n.code for n in world.plan(declared(same)).notices}
    prod = replace(spec, own=("prod",), ancestry=("prod",))
    assert "BB304" in {n.code for n in world.plan(declared(prod)).notices}
