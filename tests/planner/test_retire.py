"""What goes, and what never does: bottles that nobody declares, copies, and what is not ours."""

from __future__ import annotations

from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.plan import Action
from botbottle.model.resources import Endpoint, ObservedContainer, ObservedNetwork
from botbottle.planner.names import names
from tests.support.worlds import FACTS, World, bottle, declared, kinds


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


def test_a_stray_network_on_the_agent_is_cut(running: World) -> None:
    agent = running.by_kind("agent")[0]
    bad = ObservedNetwork("nx", "bridge", {}, False, ("172.17.0.0/16",), (agent.id,))
    running.observed = replace(running.observed, networks=(*running.observed.networks, bad))
    running.set(agent, endpoints=(*agent.endpoints, Endpoint("nx", "bridge")))
    made = running.plan(declared())
    assert kinds(made) == ["DisconnectNetwork"] and made.changes[0].drift


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
