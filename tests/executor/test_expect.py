"""An op whose object changed since the plan was made does nothing and says so."""

from __future__ import annotations

import pytest

from botbottle.engine.api import EngineWrite
from botbottle.model import labels, plan
from botbottle.model.bottle import Declared
from botbottle.model.fragment import attached_to
from botbottle.model.fragment import volume as volume_fragment
from botbottle.model.resources import Attachment, SidecarStatus, VolumeSpec
from botbottle.model.route import Route
from botbottle.model.sidecar_config import SidecarConfig
from tests.support.engines import Lab
from tests.support.executing import Bench
from tests.support.worlds import World, bottle, declared


def stopped_agent(lab: Lab) -> plan.Ref:
    """A container that was stopped on the network it belongs to."""
    net = lab.network()
    lab.engine.create_network(net, lab.labels(net.kind, net.spec_hash))
    ref = lab.run(lab.spec("agent", Attachment(net.name, lab.address(5))))
    lab.engine.stop(ref, 1)
    return ref


def start(ref: plan.Ref, *networks: str) -> plan.StartContainer:
    return plan.StartContainer(
        id="start",
        resource="web/agent",
        bottle="web",
        reason="not-running",
        ref=ref,
        expect=attached_to(networks),
    )


def state(engine: EngineWrite, ref: plan.Ref) -> str:
    found = engine.container(ref)
    assert found is not None
    return found.state


def test_an_agent_on_its_own_network_is_started(lab: Lab, bench: Bench) -> None:
    ref = stopped_agent(lab)
    assert bench.run(start(ref, lab.name("net"))).ok
    assert state(lab.engine, ref) == "running"


def test_an_agent_that_somebody_connected_elsewhere_is_not_started(lab: Lab, bench: Bench) -> None:
    ref = stopped_agent(lab)
    outside = lab.network("out", 1, internal=False)
    identity = lab.engine.create_network(outside, lab.labels(outside.kind, outside.spec_hash))
    there = Attachment(outside.name, lab.address(5, 1))
    lab.engine.connect(ref, plan.Ref(outside.name, identity), there)
    (failure,) = bench.run(start(ref, lab.name("net"))).failed
    assert failure.error.code == "BB5000"
    assert "networks it is attached to" in str(failure.error)
    assert state(lab.engine, ref) != "running"


def test_an_agent_that_lost_its_network_is_not_started(lab: Lab, bench: Bench) -> None:
    ref = stopped_agent(lab)
    lab.engine.disconnect(ref, plan.Ref(lab.name("net")))
    assert not bench.run(start(ref, lab.name("net"))).ok


def push(config: SidecarConfig, replaced: str) -> plan.PushConfig:
    return plan.PushConfig(
        id="push",
        resource="web/egress-config",
        bottle="web",
        reason="config-changed",
        control="/c",
        config=config,
        secrets=(),
        expect=replaced,
    )


NEW, OLD, OTHER = (SidecarConfig(bottle="test/web", log=n) for n in (0, 1, 2))


@pytest.mark.parametrize("active", [OLD, NEW, None])
def test_a_configuration_replaces_the_one_it_was_planned_over(
    bench: Bench, active: SidecarConfig | None
) -> None:
    """Also when it is there already (an answer was lost), or when the sidecar restarted."""
    if active:
        bench.control.statuses["/c"] = SidecarStatus(config_hash=active.config_hash)
    assert bench.run(push(NEW, OLD.config_hash)).ok
    assert bench.control.statuses["/c"].config_hash == NEW.config_hash


def test_a_configuration_that_somebody_else_delivered_is_not_replaced(bench: Bench) -> None:
    bench.control.statuses["/c"] = SidecarStatus(config_hash=OTHER.config_hash)
    (failure,) = bench.run(push(NEW, OLD.config_hash)).failed
    assert failure.error.code == "BB5000"
    assert bench.control.statuses["/c"].config_hash == OTHER.config_hash


def planned(want: Declared, world: World, kind: type[plan.Op]) -> dict[str, plan.Op]:
    return {op.id: op for op in world.plan(want).ops if isinstance(op, kind)}


def test_the_planner_says_on_which_networks_a_container_must_be_when_it_starts() -> None:
    world = World()
    starts = planned(declared(), world, plan.StartContainer)
    agent, egress = starts["start:web/agent"], starts["start:web/egress"]
    world.converge(declared())
    for op, kind in ((agent, "agent"), (egress, "egress")):
        (found,) = world.by_kind(kind)
        assert op.expect == attached_to(e.network_name for e in found.endpoints)
    world.stop(world.by_kind("agent")[0])
    (again,) = planned(declared(), world, plan.StartContainer).values()
    assert again.expect == agent.expect, "a stopped one as well as a new one"


def test_the_planner_says_which_configuration_each_delivery_replaces() -> None:
    """Tightening replaces what is active, and the full configuration replaces the tight one."""
    world, changed = World(), bottle(prompt="new", routes=())
    world.converge(declared(bottle(routes=(Route("a.example"),))))
    active = next(s for s in world.observed.sidecars.values() if s).config_hash
    pushes = planned(declared(changed), world, plan.PushConfig)
    tighten, full = pushes["tighten:web"], pushes["push:web"]
    assert tighten.expect == active
    assert isinstance(tighten, plan.PushConfig) and full.expect == tighten.config.config_hash
    (only,) = planned(declared(bottle(routes=())), world, plan.PushConfig).values()
    assert only.expect == active


def remove_home(lab: Lab) -> plan.RemoveVolume:
    """The removal of a volume that an observation saw just now."""
    lab.engine.create_volume(VolumeSpec(lab.name("home"), "web"), seen_labels(lab, "run1"))
    (found,) = lab.engine.observe(lab.home).volumes
    return plan.RemoveVolume(
        id="remove",
        resource="web/volume",
        bottle="web",
        reason="not-declared",
        name=found.name,
        expect=volume_fragment(found.name, found.labels),
    )


def seen_labels(lab: Lab, run: str) -> tuple[tuple[str, str], ...]:
    return (*lab.labels("volume"), (labels.OP_ID, f"{run}/volume:web/home"))


def test_the_volume_that_was_seen_is_removed_and_may_be_gone_already(
    lab: Lab, bench: Bench
) -> None:
    op = remove_home(lab)
    assert bench.run(op).ok
    assert lab.engine.volume(op.name) is None
    assert bench.run(op).ok


@pytest.mark.parametrize("run", ["", "run2"])
def test_a_volume_that_was_replaced_in_between_is_not_removed(
    lab: Lab, bench: Bench, run: str
) -> None:
    """By a stranger's without labels, or by one of ours that another run made."""
    op = remove_home(lab)
    lab.engine.remove_volume(op.name)
    lab.engine.create_volume(VolumeSpec(op.name, "web"), seen_labels(lab, run) if run else ())
    (failure,) = bench.run(op).failed
    assert failure.error.code == "BB5000" and op.name in str(failure.error)
    assert lab.engine.volume(op.name) is not None
    if not run:
        lab.engine.remove_volume(op.name)


def test_a_planned_removal_expects_the_volume_as_it_was_seen() -> None:
    world, gone = World(), declared(bottle(state="absent"))
    world.converge(declared(bottle()))
    removals = [op for op in world.plan(gone).ops if isinstance(op, plan.RemoveVolume)]
    seen = {v.name: volume_fragment(v.name, v.labels) for v in world.observed.volumes}
    assert {op.name: op.expect for op in removals} == seen and seen
