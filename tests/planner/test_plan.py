"""What the planner decides of a bottle that should run, one behaviour a test."""

from __future__ import annotations

import json
import random

import pytest
from msgspec.structs import replace

from botbottle.approval import blocking_error
from botbottle.model import canonical
from botbottle.model.bottle import Resources
from botbottle.model.diagnostic import Origin
from botbottle.model.plan import Action, PushConfig, Reach, StartContainer
from botbottle.model.resources import ObservedNetwork
from botbottle.model.route import Auth, Route
from botbottle.planner.approved import limits
from botbottle.planner.plan import plan
from tests.support.worlds import FACTS, World, bottle, declared, kinds


def test_a_second_plan_is_empty(world: World) -> None:
    first = world.converge(declared())
    assert first.ops
    second = world.plan(declared())
    assert second.ops == () and second.changes == ()


def test_a_new_bottle_widens_and_asks_for_it(world: World) -> None:
    made = world.plan(declared())
    assert "widen" in made.needs
    assert all(c.reach is Reach.WIDENS for c in made.reach)
    assert any("api.anthropic.com" in c.text and "ANTHROPIC_API_KEY" in c.text for c in made.reach)


def test_the_agent_starts_last_and_after_its_config(world: World) -> None:
    order = [op.id for op in world.plan(declared()).ops]
    start = next(op for op in world.plan(declared()).ops if op.id == "start:web/agent")
    assert "push:web" in start.after
    assert order.index("register:web") < order.index("start:web/egress")


def test_input_order_does_not_matter(world: World) -> None:
    bottles = [bottle(n) for n in ("a", "b", "c", "d")]
    world.converge(declared(*bottles))
    world.observed = replace(world.observed, images=())
    expected = plan(declared(*bottles), world.observed, world.view, FACTS)
    for seed in range(5):
        rng = random.Random(seed)
        mixed = replace(
            world.observed,
            containers=tuple(rng.sample(world.observed.containers, len(world.observed.containers))),
            networks=tuple(rng.sample(world.observed.networks, len(world.observed.networks))),
        )
        again = plan(declared(*rng.sample(bottles, 4)), mixed, world.view, FACTS)
        assert again.digest == expected.digest and again == expected


def test_a_changed_route_pushes_config_and_restarts_nothing(running: World) -> None:
    made = running.plan(declared(bottle(routes=(Route("example.com"),))))
    assert kinds(made) == ["PushConfig"]
    assert [c.text for c in made.reach] == ["example.com any method /*"]


def test_a_narrowed_route_needs_no_approval(running: World) -> None:
    running.converge(declared(bottle(routes=(Route("example.com"),))))
    made = running.plan(declared())
    assert made.needs == () and [c.reach for c in made.reach] == [Reach.NARROWS]


def test_changed_limits_update_in_place(running: World) -> None:
    made = running.plan(declared(bottle(resources=Resources(memory=1 << 30))))
    assert kinds(made) == ["UpdateContainer"]
    assert [(f.path, f.new) for c in made.changes for f in c.fields] == [("memory", str(1 << 30))]


def test_limits_that_somebody_changed_on_the_engine_are_drift(running: World) -> None:
    (agent,) = running.by_kind("agent")
    running.set(agent, limits=replace(agent.limits, memory=300 << 20))
    applied = json.loads(canonical.canonical({"bottles": declared().bottles}))
    known = replace(FACTS, limits=limits(applied))
    for facts, drift in ((known, True), (FACTS, False)):
        (change,) = running.plan(declared(), facts).changes
        assert (change.drift, [f.path for f in change.fields]) == (drift, ["memory"])
    edited = declared(bottle(resources=Resources(memory=1 << 30)))
    assert [c.drift for c in running.plan(edited, known).changes] == [False]


def test_a_changed_prompt_replaces_the_agent_and_keeps_its_volumes(running: World) -> None:
    made = running.plan(declared(bottle(prompt="be brief")))
    assert "CreateVolume" not in kinds(made) and "RemoveVolume" not in kinds(made)
    ids = [op.id for op in made.ops]
    assert ids[0] == "create:web/agent" and ids[-1] == "start:web/agent"
    change = next(c for c in made.changes if c.action is Action.REPLACE)
    assert [f.path for f in change.fields] == ["files (prompt, skills)"]


def test_an_edited_skill_is_another_plan_with_another_digest() -> None:
    want, world = declared(bottle(skills=("review",))), World()
    before = replace(FACTS, skills={"review": "a1"})
    world.converge(want, before)
    assert world.plan(want, before).empty
    made = world.plan(want, replace(FACTS, skills={"review": "b2"}))
    (change,) = (c for c in made.changes if c.action is Action.REPLACE)
    assert [f.path for f in change.fields] == ["files (prompt, skills)"]
    other = world.plan(want, replace(FACTS, skills={"review": "c3"}))
    assert made.digest != other.digest, "what was reviewed is what is applied"


def test_replacing_an_agent_tightens_before_and_widens_after_the_old_copy(running: World) -> None:
    running.converge(declared(bottle(routes=(Route("old.example"),))))
    made = running.plan(declared(bottle(routes=(Route("new.example"),), prompt="x")))
    pushes = {op.id: op for op in made.ops if isinstance(op, PushConfig)}
    tight = {r.host for r in pushes["tighten:web"].config.routes}
    assert (
        "old.example" not in tight and "new.example" not in tight and "api.anthropic.com" in tight
    )
    assert any(i.startswith("stop:web/agent") for i in pushes["push:web"].after)


def test_a_missing_credential_blocks_the_bottle_and_names_only_the_variable(world: World) -> None:
    made = world.plan(declared(), replace(FACTS, secrets={}))
    assert "ANTHROPIC_API_KEY" in next(n.message for n in made.notices if n.code == "BB290")
    assert not any(isinstance(op, StartContainer) and op.bottle == "web" for op in made.ops)


@pytest.mark.parametrize("key", ["auth_token", "template"])
def test_a_missing_credential_says_where_it_was_asked_for(world: World, key: str) -> None:
    place, route = Origin("bottles/b.md", 3, 5, "home"), Origin("bottles/b.md", 9, 7, "home")
    want = bottle(
        routes=(Route("a.example"), Route("b.example", auth=Auth("Bearer", "GH"))),
        origins={f"agent_provider.{key}": (place,), "egress.routes[1].auth": (route,)},
    )
    made = world.plan(declared(want), replace(FACTS, secrets={}))
    found = {n.message.split()[3]: n.origin for n in made.notices if n.code == "BB290"}
    assert found == {"ANTHROPIC_API_KEY": place, "GH": route}
    error = blocking_error(made)
    assert error is not None and error.where == "home:bottles/b.md:3, home:bottles/b.md:9"


def test_a_running_sidecar_keeps_a_secret_this_shell_does_not_have(running: World) -> None:
    assert running.plan(declared(), replace(FACTS, secrets={})).empty


def test_a_rotated_secret_is_pushed(running: World) -> None:
    rotated = replace(FACTS, secrets={**FACTS.secrets, "ANTHROPIC_API_KEY": "cccccccc"})
    assert kinds(running.plan(declared(), rotated)) == ["PushConfig"]


def test_a_restarted_sidecar_gets_its_config_again(running: World) -> None:
    egress = running.by_kind("egress")[0]
    running.stop(egress)
    made = running.converge(declared())
    assert [op.id for op in made.ops] == ["start:web/egress", "await:web/egress", "push:web"]
    assert running.plan(declared()).empty


def test_a_library_agent_is_not_created(world: World) -> None:
    assert world.plan(declared(bottle(state="stopped"))).empty


def test_the_digest_does_not_depend_on_which_addresses_are_free(world: World) -> None:
    first = world.plan(declared())
    taken = ObservedNetwork("x", "somebody", {}, False, ("10.213.0.0/24",))
    world.observed = replace(world.observed, networks=(taken,))
    second = world.plan(declared())
    assert first != second and first.digest == second.digest
    assert world.plan(declared(bottle(prompt="other"))).digest != first.digest


def test_the_sidecar_starts_only_after_the_account_exists(world: World) -> None:
    start = next(op for op in world.plan(declared()).ops if op.id == "start:web/egress")
    assert "register:web" in start.after
