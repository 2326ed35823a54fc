"""What the planner decides, one behaviour a test."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.bottle import EnvVar, Limit, Resources, Scope
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.plan import Action, PushConfig, Reach, RecordEnforcement, StartContainer
from botbottle.model.resources import Endpoint, ObservedContainer, ObservedNetwork
from botbottle.model.route import Route
from botbottle.planner.names import names
from botbottle.planner.plan import plan
from tests.support.worlds import FACTS, World, bottle, declared


def kinds(made) -> list[str]:
    return [type(op).__name__ for op in made.ops]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def running(world: World) -> World:
    world.converge(declared())
    return world


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


def test_a_changed_prompt_replaces_the_agent_and_keeps_its_volumes(running: World) -> None:
    made = running.plan(declared(bottle(prompt="be brief")))
    assert "CreateVolume" not in kinds(made) and "RemoveVolume" not in kinds(made)
    ids = [op.id for op in made.ops]
    assert ids[0] == "create:web/agent" and ids[-1] == "start:web/agent"
    change = next(c for c in made.changes if c.action is Action.REPLACE)
    assert [f.path for f in change.fields] == ["files (prompt, skills, workspace)"]


def test_replacing_an_agent_tightens_before_and_widens_after_the_old_copy(running: World) -> None:
    running.converge(declared(bottle(routes=(Route("old.example"),))))
    made = running.plan(declared(bottle(routes=(Route("new.example"),), prompt="x")))
    pushes = {op.id: op for op in made.ops if isinstance(op, PushConfig)}
    tight = {r.host for r in pushes["tighten:web"].config.routes}
    assert (
        "old.example" not in tight and "new.example" not in tight and "api.anthropic.com" in tight
    )
    assert any(i.startswith("stop:web/agent") for i in pushes["push:web"].after)


def test_an_undeclared_bottle_is_removed_only_with_approval(running: World) -> None:
    made = running.plan(declared(bottle("other")))
    assert "destroy" in made.needs
    assert {c.action for c in made.changes if c.bottle == "web"} == {Action.REMOVE}


def test_other_projects_are_never_touched(running: World) -> None:
    foreign = [
        replace(c, id="f" + c.id, name="f" + c.name, labels={**c.labels, labels.PROJECT: "other"})
        for c in running.observed.containers
    ]
    running.observed = replace(
        running.observed, containers=(*running.observed.containers, *foreign)
    )
    made = running.plan(declared(bottle("new")))
    touched = {getattr(op, "ref", None) and op.ref.id for op in made.ops}
    assert not touched & {c.id for c in foreign}


def test_a_stranger_with_our_name_is_left_alone_and_reported(world: World) -> None:
    called = names(FACTS.paths.home_id, "proj-1", "web")
    stranger = ObservedContainer("s1", called.egress, "running", "img", {})
    world.observed = replace(world.observed, containers=(stranger,))
    made = world.plan(declared())
    assert [n.code for n in made.notices if n.code.startswith("BB8")] == ["BB801"]
    assert not any("start" in op.id and op.bottle == "web" for op in made.ops)


def test_a_missing_credential_blocks_the_bottle_and_names_only_the_variable(world: World) -> None:
    made = world.plan(declared(), replace(FACTS, secrets={}))
    assert "ANTHROPIC_API_KEY" in next(n.message for n in made.notices if n.code == "BB290")
    assert not any(isinstance(op, StartContainer) and op.bottle == "web" for op in made.ops)


def test_a_running_sidecar_keeps_a_secret_this_shell_does_not_have(running: World) -> None:
    assert running.plan(declared(), replace(FACTS, secrets={})).empty


def test_a_rotated_secret_is_pushed(running: World) -> None:
    rotated = replace(FACTS, secrets={**FACTS.secrets, "ANTHROPIC_API_KEY": "cccccccc"})
    assert kinds(running.plan(declared(), rotated)) == ["PushConfig"]


def test_a_stray_network_on_the_agent_is_cut(running: World) -> None:
    agent = running.by_kind("agent")[0]
    bad = ObservedNetwork("nx", "bridge", {}, False, ("172.17.0.0/16",), (agent.id,))
    running.observed = replace(running.observed, networks=(*running.observed.networks, bad))
    running.set(agent, endpoints=(*agent.endpoints, Endpoint("nx", "bridge")))
    made = running.plan(declared())
    assert kinds(made) == ["DisconnectNetwork"] and made.changes[0].drift


def test_a_restarted_sidecar_gets_its_config_again(running: World) -> None:
    egress = running.by_kind("egress")[0]
    running._stop(egress)
    made = running.converge(declared())
    assert [op.id for op in made.ops] == ["start:web/egress", "await:web/egress", "push:web"]
    assert running.plan(declared()).empty


def test_a_library_agent_is_not_created(world: World) -> None:
    assert world.plan(declared(bottle(state="stopped"))).empty


class TestEnforcement:
    def test_an_exhausted_budget_cuts_off_and_leaves_one_audit_row(self, running: World) -> None:
        running.spend("web", 1000)
        made = running.converge(declared())
        assert kinds(made) == ["PushConfig", "RecordEnforcement"]
        push = made.ops[0]
        assert isinstance(push, PushConfig)
        assert (
            push.config.routes == () and push.config.hold.policy == "cutoff" and push.secrets == ()
        )
        assert running.plan(declared()).empty
        assert (
            running.plan(declared()).held[0].way_out
            == "bb budget set agent:proj-1/web claude TOKENS"
        )

    def test_the_way_out_raises_the_very_pool_that_is_used_up(self, world: World) -> None:
        daily = declared(
            bottle(scopes=(Scope("agent", "agent:proj-1/web", (Limit("claude", 1000, "day"),)),))
        )
        world.converge(daily)
        world.spend("web", 1000)
        (held,) = world.plan(daily).held
        assert held.way_out == "bb budget set agent:proj-1/web claude TOKENS/day"

    def test_a_raised_budget_lifts_a_cutoff(self, running: World) -> None:
        running.spend("web", 1000)
        running.converge(declared())
        scopes = (
            Scope("agent", "agent:proj-1/web", (Limit("claude", 5000),)),
            Scope("global", "global"),
        )
        made = running.plan(declared(bottle(scopes=scopes)))
        assert "budget" in made.needs
        running.run(made.ops)
        record = [op for op in made.ops if isinstance(op, RecordEnforcement)]
        assert [r.lift for r in record] == [True]
        assert running.plan(declared(bottle(scopes=scopes))).empty

    def test_a_kill_removes_everything_and_is_not_resurrected(self, running: World) -> None:
        want = declared(bottle(shutdown="kill"))
        running.spend("web", 1000)
        made = running.converge(want)
        assert made.needs == (), "the policy in the manifest was the approval"
        assert not running.by_kind("agent") and not running.by_kind("egress")
        again = running.plan(want)
        assert again.empty and again.held[0].policy == "kill"

    def test_a_freeze_kills_commits_and_copies_the_volumes(self, running: World) -> None:
        want = declared(bottle(shutdown="freeze"))
        running.spend("web", 1000)
        made = running.converge(want)
        names_ = kinds(made)
        assert (
            names_.index("StopContainer")
            < names_.index("CommitImage")
            < names_.index("SaveVolumes")
        )
        assert names_[-1] == "RecordEnforcement"
        assert running.plan(want).empty

    def test_an_operator_holds_and_releases(self, running: World) -> None:
        hold = HoldRecord("proj-1/web", "cutoff", "operator", "looks odd", "op:1", 1.0)
        running.view = replace(running.view, holds={"proj-1/web": hold})
        made = running.converge(declared())
        assert kinds(made) == ["PushConfig", "RecordEnforcement"]
        running.view = replace(running.view, holds={})
        lifted = running.converge(declared())
        assert kinds(lifted) == ["PushConfig", "RecordEnforcement"]
        assert running.plan(declared()).empty

    def test_nearest_scope_governs_and_all_needs_every_scope(self, world: World) -> None:
        scopes = (
            Scope("agent", "agent:proj-1/web", (Limit("claude", 1000),)),
            Scope("global", "global", (Limit("claude", 10),)),
        )
        spec = bottle(scopes=scopes)
        world.converge(declared(spec))
        world.view = replace(
            world.view,
            pools=tuple(
                replace(p, spent=10) if p.scope == "global" else p for p in world.view.pools
            ),
        )
        assert world.plan(declared(spec)).held == ()
        assert world.plan(declared(spec, budget_mode="all")).held[0].policy == "cutoff"


def test_destroy_removes_everything_including_what_is_shared(running: World) -> None:
    running.converge(declared(), replace(FACTS, destroy=True))
    o = running.observed
    assert (o.containers, o.networks, o.volumes) == ((), (), ())


def test_destroy_keeps_what_another_project_shares(running: World) -> None:
    other = replace(
        running.by_kind("agent")[0],
        id="zz",
        name="zz",
        labels={labels.HOME: FACTS.paths.home_id, labels.PROJECT: "p2"},
    )
    running.observed = replace(running.observed, containers=(*running.observed.containers, other))
    running.converge(declared(), replace(FACTS, destroy=True))
    assert [c.labels.get(labels.KIND) for c in running.observed.containers if c.id != "zz"] == [
        "ledger"
    ]


def test_the_digest_does_not_depend_on_which_addresses_are_free(world: World) -> None:
    first = world.plan(declared())
    taken = ObservedNetwork("x", "somebody", {}, False, ("10.213.0.0/24",))
    world.observed = replace(world.observed, networks=(taken,))
    second = world.plan(declared())
    assert first != second and first.digest == second.digest
    assert world.plan(declared(bottle(prompt="other"))).digest != first.digest


class TestAskedVariables:
    SPEC = bottle(env=(EnvVar("TOKEN", "ask", ""), EnvVar("PLAIN", "literal", "x")))
    KNOWN = replace(FACTS, env={"web": (("TOKEN", "11111111"),)})

    def test_they_are_delivered_after_the_start_and_then_left_alone(self, world: World) -> None:
        made = world.converge(declared(self.SPEC), self.KNOWN)
        assert made.ops[-1].id == "env:web/agent"
        assert world.plan(declared(self.SPEC), self.KNOWN).empty

    def test_a_crash_before_delivery_is_repaired(self, world: World) -> None:
        world.run(world.plan(declared(self.SPEC), self.KNOWN).ops[:-1])
        assert kinds(world.converge(declared(self.SPEC), self.KNOWN)) == ["DeliverEnv"]
        assert world.plan(declared(self.SPEC), self.KNOWN).empty

    def test_a_new_value_is_delivered_without_replacing_the_agent(self, world: World) -> None:
        world.converge(declared(self.SPEC), self.KNOWN)
        other = replace(FACTS, env={"web": (("TOKEN", "22222222"),)})
        assert kinds(world.plan(declared(self.SPEC), other)) == ["DeliverEnv"]

    def test_a_shell_without_the_value_changes_nothing(self, world: World) -> None:
        world.converge(declared(self.SPEC), self.KNOWN)
        assert world.plan(declared(self.SPEC), FACTS).empty

    def test_a_missing_value_is_named_by_variable_only(self, world: World) -> None:
        made = world.plan(declared(self.SPEC), FACTS)
        assert next(n.message for n in made.notices if n.code == "BB291").startswith(
            "no value at hand for TOKEN"
        )


def test_the_sidecar_starts_only_after_the_account_exists(world: World) -> None:
    start = next(op for op in world.plan(declared()).ops if op.id == "start:web/egress")
    assert "register:web" in start.after


def test_a_kept_copy_gets_its_final_name_back(running: World) -> None:
    agent = running.by_kind("agent")[0]
    running.set(agent, name="somebody-renamed-it")
    running.converge(declared())
    assert running.by_kind("agent")[0].name == agent.name
    assert running.plan(declared()).empty


def test_of_two_equal_copies_the_same_one_goes_whatever_the_order(running: World) -> None:
    agent = running.by_kind("agent")[0]
    copies = [replace(agent, id=f"x{n}", name=f"copy-{n}", state="exited") for n in range(3)]
    running.observed = replace(running.observed, containers=(*running.observed.containers, *copies))
    first = running.plan(declared())
    running.observed = replace(
        running.observed, containers=tuple(reversed(running.observed.containers))
    )
    assert running.plan(declared()) == first and len(first.ops) == 3
