"""What was edited while a bottle is held waits: enforcement acts on what lives, and shows it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model import fragment, labels
from botbottle.model.bottle import BottleSpec, EnvVar, Limit, Policy, Resources, Scope, Settings
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.plan import (
    Action,
    CommitImage,
    ConnectNetwork,
    CreateContainer,
    DeliverEnv,
    DisconnectNetwork,
    EnsureImage,
    Plan,
    PushConfig,
    Ref,
    RegisterAccount,
    RemoveContainer,
    StartContainer,
    UpdateContainer,
)
from botbottle.model.resources import ObservedContainer, ObservedNetwork
from botbottle.model.route import Route
from botbottle.planner.facts import Guards
from botbottle.planner.resume import stored_env
from botbottle.planner.wanted import guard
from tests.support.worlds import FACTS, World, bottle, declared

KEY = "proj-1/web"
ROUTES = (Route("one.example"),)
BEFORE = bottle(routes=ROUTES)
IMAGES = {**FACTS.images, "dockerfile:/src/Dockerfile": "botbottle/own:1"}
HERE = replace(FACTS, images=IMAGES, guards=Guards({"web": guard(BEFORE, Settings()).to_wire()}))
EDITS = {
    "env": bottle(routes=ROUTES, env=(EnvVar("MODE", "literal", "prod"),)),
    "prompt": bottle(routes=ROUTES, prompt="be brief"),
    "image": bottle(routes=ROUTES, dockerfile="/src/Dockerfile"),
    "program": bottle(routes=ROUTES, template="codex"),
    "limits": bottle(routes=ROUTES, resources=Resources(memory=3 << 30)),
    "asked": bottle(routes=ROUTES, env=(EnvVar("TOKEN", "ask", ""),)),
    "log": bottle(routes=ROUTES, egress_log=2),
    "learning": bottle(routes=ROUTES, learning=True),
    "supervision": bottle(routes=ROUTES, supervise=False),
    "reach": bottle(routes=(*ROUTES, Route("new.example"))),
    "less reach": bottle(),
    "budget": bottle(
        routes=ROUTES, scopes=(Scope("agent", "agent:proj-1/web", (Limit("codex", 10**9),)),)
    ),
}
RESOURCE = {
    "limits": "web/agent",
    "log": "web/egress-config",
    "learning": "web/egress-config",
    "supervision": "web/egress-config",
    "reach": "web/egress-config",
    "less reach": "web/egress-config",
    "budget": "web/account",
}
ACTING = (CreateContainer, RemoveContainer, StartContainer, UpdateContainer, EnsureImage)
ALSO = (RegisterAccount, DeliverEnv)
FREEING = ("program", "budget")  # another provider's tokens, or no limit: nothing is used up then


def running(spec: BottleSpec = BEFORE) -> World:
    world = World()
    world.converge(declared(spec), HERE)
    return world


def order(world: World, policy: Policy) -> None:
    hold = HoldRecord(KEY, policy, "operator", "", "h1", 0.0)
    world.view = replace(world.view, holds={KEY: hold})


def use_up(world: World) -> None:
    world.spend("web", 1000)


def free(world: World) -> None:
    world.view = replace(world.view, holds={})
    world.spend("web", -min((p.spent for p in world.view.pools), default=0))


HOLDS = {"order": lambda world: order(world, "cutoff"), "budget": use_up}
BOTH = [(edit, by) for edit in EDITS for by in HOLDS if by == "order" or edit not in FREEING]


def agent(world: World) -> ObservedContainer:
    (found,) = world.by_kind("agent")
    return found


def waiting(made: Plan) -> dict[str, list[str]]:
    found = [c for c in made.changes if c.reason == "waits"]
    assert all(c.action is Action.HOLD and not c.drift for c in found)
    return {c.resource: [f.path for f in c.fields] for c in found}


@pytest.mark.parametrize(("edit", "by"), BOTH)
def test_a_cutoff_carries_no_edit_along(edit: str, by: str) -> None:
    world, now = running(), declared(EDITS[edit])
    assert world.plan(now, HERE).ops, "the positive control: the edit would change something"
    before = agent(world)
    HOLDS[by](world)
    made = world.converge(now, HERE)
    assert not [op.id for op in made.ops if isinstance(op, (*ACTING, *ALSO))]
    assert agent(world) == before, "the agent at work was touched"
    (push,) = (op for op in made.ops if isinstance(op, PushConfig))
    live = running().observed.sidecars.values()
    (was,) = (s.config for s in live if s and s.config)
    assert push.config == replace(was, routes=(), hold=push.config.hold)
    assert made.needs == () and world.plan(now, HERE).empty


@pytest.mark.parametrize(("edit", "by"), BOTH)
def test_what_waits_is_shown_before_and_after_the_cutoff_and_done_at_the_release(
    edit: str, by: str
) -> None:
    world, now = running(), declared(EDITS[edit])
    asked = world.plan(now, HERE).needs
    HOLDS[by](world)
    for _ in range(2):
        shown = waiting(world.plan(now, HERE))
        assert shown[RESOURCE.get(edit, "web/agent")], shown
        assert waiting(world.plan(declared(BEFORE), HERE)) == {}, "the control: nothing was edited"
        world.converge(now, HERE)
    free(world)
    made = world.plan(now, HERE)
    assert set(made.needs) >= set(asked) and waiting(made) == {}
    world.run(made.ops)
    assert world.plan(now, HERE).empty
    settled = running()
    settled.converge(now, HERE)
    assert agent(world).spec_hash == agent(settled).spec_hash
    assert agent(world).limits == agent(settled).limits


@pytest.mark.parametrize("edit", EDITS)
def test_an_agent_that_ended_while_it_is_cut_off_is_started_as_it_was(edit: str) -> None:
    world, now = running(), declared(EDITS[edit])
    before = agent(world)
    order(world, "cutoff")
    world.stop(before)
    made = world.converge(now, HERE)
    assert [op.id for op in made.ops if isinstance(op, StartContainer)] == ["start:web/agent"]
    assert agent(world) == before and world.plan(now, HERE).empty


def test_it_gets_the_variables_that_it_was_made_for_and_no_others() -> None:
    facts = replace(HERE, env={"web": (("ONE", "11111111"), ("TWO", "22222222"))})
    one, two = (EnvVar(name, "ask", "") for name in ("ONE", "TWO"))
    world = World()
    world.converge(declared(bottle(env=(one,))), facts)
    order(world, "cutoff")
    world.stop(agent(world))
    made = world.converge(declared(bottle(env=(one, two))), facts)
    assert [op.names for op in made.ops if isinstance(op, DeliverEnv)] == [(("ONE", "11111111"),)]
    assert stored_env(agent(world).labels)["BB_ENV"] == "ONE"
    newer = replace(facts, env={"web": (("ONE", "33333333"), ("TWO", "22222222"))})
    assert world.plan(declared(bottle(env=(one, two))), newer).empty, "another value waits, too"
    free(world)
    made = world.converge(declared(bottle(env=(one, two))), newer)
    (given,) = (op.names for op in made.ops if isinstance(op, DeliverEnv))
    assert dict(given) == {"ONE": "33333333", "TWO": "22222222"}


def test_an_image_that_cannot_be_built_holds_up_no_cutoff() -> None:
    world, now = running(), declared(EDITS["image"])
    use_up(world)
    made = world.plan(now, HERE)
    assert not [op for op in made.ops if isinstance(op, EnsureImage)]
    assert [op.after for op in made.ops if isinstance(op, PushConfig)] == [()]


def test_what_a_held_bottle_lacks_is_still_made() -> None:
    """It runs on, cut off: also after somebody has removed its containers."""
    world, now = running(), declared(EDITS["env"])
    order(world, "cutoff")
    for found in (*world.by_kind("agent"), *world.by_kind("egress")):
        world.stop(found)
        rest = tuple(c for c in world.observed.containers if c.id != found.id)
        world.observed = replace(world.observed, containers=rest)
    world.converge(now, HERE)
    assert agent(world).state == "running" and world.plan(now, HERE).empty
    (status,) = (s for s in world.observed.sidecars.values() if s)
    assert status.config and status.config.hold.policy == "cutoff" and not status.config.routes


def test_an_interrupted_replacement_ends_with_the_copy_that_was_at_work() -> None:
    world, now = running(), declared(EDITS["env"])
    before = agent(world)
    made = world.plan(now, HERE)
    for op in made.ops:
        if isinstance(op, EnsureImage | CreateContainer):
            world.apply(op)
    assert len(world.by_kind("agent")) == 2
    order(world, "cutoff")
    world.converge(now, HERE)
    assert agent(world) == before and world.plan(now, HERE).empty


def test_another_address_pool_moves_no_held_bottle() -> None:
    world = running()
    before = world.observed.networks
    moved = declared(BEFORE, address_pool="10.99.0.0/16")
    assert any("web/internal" in c.resource for c in world.plan(moved, HERE).changes)
    order(world, "cutoff")
    made = world.plan(moved, HERE)
    assert not [op.id for op in made.ops if "web/internal" in op.resource or "agent" in op.resource]
    assert any(n.labels.get("dev.botbottle.bottle") == "web" for n in before)


@pytest.mark.parametrize("stopped", [False, True])
def test_another_outer_network_waits_too_and_holds_nothing_up(stopped: bool) -> None:
    """It may not even exist: a cutoff that waited for it would never come."""
    world, now = running(), declared(BEFORE, egress_network="nowhere")
    assert any(op.id == "connect:web/egress:nowhere" for op in world.plan(now, HERE).ops)
    use_up(world)
    if stopped:
        world.stop(world.by_kind("egress")[0])
    made = world.converge(now, HERE)
    assert not [op.id for op in made.ops if "connect" in op.id]
    assert "egress_network" in waiting(made)["web/egress"]
    (start,) = (op for op in made.ops if isinstance(op, StartContainer)) if stopped else (None,)
    on = sorted(e.network_name for e in world.by_kind("egress")[0].endpoints)
    assert start is None or start.expect == fragment.attached_to(on)
    assert world.plan(now, HERE).empty and len(on) == 2


def test_the_network_of_another_bottle_is_no_outer_one_to_be_kept_while_held() -> None:
    """Its sidecar held the address of that bottle's agent, which could never start again."""
    world, now = World(), declared(BEFORE, bottle("db"))
    world.converge(now, HERE)
    use_up(world)
    world.converge(now, HERE)
    (held,) = (c for c in world.by_kind("egress") if c.labels[labels.BOTTLE] == "web")
    (outer,) = (n for n in world.observed.networks if n.labels[labels.KIND] == "outer")
    (theirs,) = (n for n in world.observed.networks if n.labels.get(labels.BOTTLE) == "db")
    world.disconnect(held, outer)
    world.connect(world.container(Ref(held.name, held.id)), theirs, "")
    made = world.converge(now, HERE)
    cut, joined = (
        {op.network.name for op in made.ops if isinstance(op, kind)}
        for kind in (DisconnectNetwork, ConnectNetwork)
    )
    assert cut == {theirs.name} and joined == {outer.name}
    assert world.plan(now, HERE).empty


def test_a_stray_is_cut_from_a_held_bottle_all_the_same() -> None:
    world = running()
    order(world, "cutoff")
    world.converge(declared(BEFORE), HERE)
    net = ObservedNetwork("bridge", "bridge", {}, False, ("172.17.0.0/16",))
    world.observed = replace(world.observed, networks=(*world.observed.networks, net))
    for kind in ("agent", "egress"):
        (found,) = world.by_kind(kind)
        world.connect(found, net, "")
    made = world.converge(declared(BEFORE), HERE)
    assert {op.id for op in made.ops} == {
        "disconnect:web/agent:bridge",
        "disconnect:web/egress:bridge",
    }
    assert world.plan(declared(BEFORE), HERE).empty


@pytest.mark.parametrize("edit", ["env", "program", "limits", "reach", "budget"])
def test_an_edit_of_a_frozen_bottle_is_shown_and_not_in_its_snapshot(edit: str) -> None:
    world, now = running(), declared(EDITS[edit])
    made_from = agent(world).labels["dev.botbottle.spec"]
    order(world, "freeze")
    made = world.converge(now, HERE)
    (snapshot,) = (op for op in made.ops if isinstance(op, CommitImage))
    assert dict(snapshot.labels)["dev.botbottle.spec"] == made_from
    for shown in (made, world.plan(now, HERE)):
        if edit != "limits":  # those of a container that does not run are not observed
            assert RESOURCE.get(edit, "web/agent") in waiting(shown)
    assert world.plan(now, HERE).empty


def test_of_a_killed_bottle_nothing_waits() -> None:
    world, now = running(), declared(EDITS["env"])
    order(world, "kill")
    assert waiting(world.converge(now, HERE)) == {} and world.plan(now, HERE).empty


@pytest.mark.parametrize("policy", ["cutoff", "freeze", "kill"])
def test_a_bottle_that_nobody_has_applied_is_not_made_while_it_is_held(policy: Policy) -> None:
    """An order, or a shared budget that is used up, would bring it to life without approval."""
    world, new = running(), declared(BEFORE, bottle("new"))
    hold = HoldRecord("proj-1/new", policy, "operator", "", "h2", 0.0)
    world.view = replace(world.view, holds={"proj-1/new": hold})
    made = world.converge(new, HERE)
    assert {type(op).__name__ for op in made.ops} == {"RecordEnforcement"} and made.needs == ()
    assert made.held[0].bottle == "new" and world.plan(new, HERE).empty
    world.view = replace(world.view, holds={}, enforced={})
    assert "widen" in world.plan(new, HERE).needs, "asked for like any first apply"
