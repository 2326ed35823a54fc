"""One op, one effect; what the world did meanwhile decides between success and refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from botbottle.errors import Conflict, ImageBuildFailed
from botbottle.executor.expect import container_fragment
from botbottle.model import labels, plan
from botbottle.model.plan import Ref
from botbottle.model.resources import (
    Attachment,
    ContainerSpec,
    Limits,
    NetworkSpec,
    VolumeSpec,
)
from botbottle.ui import events
from tests.executor.ops import about, failure, fake
from tests.support.engines import Lab
from tests.support.executing import Bench


def network(lab: Lab, spec: NetworkSpec) -> plan.CreateNetwork:
    marks = lab.labels(spec.kind, spec.spec_hash)
    return plan.CreateNetwork(**about("network"), spec=spec, labels=marks)  # type: ignore[arg-type]


def container(
    lab: Lab, spec: ContainerSpec, *after: str, directories: tuple[tuple[str, int], ...] = ()
) -> plan.CreateContainer:
    marks = lab.labels("agent", spec.spec_hash)
    return plan.CreateContainer(
        **about("create", *after),  # type: ignore[arg-type]
        spec=spec,
        name=spec.name,
        labels=marks,
        directories=directories,
    )


def test_a_plan_builds_a_bottle_by_names_that_its_own_ops_create(lab: Lab, bench: Bench) -> None:
    spec = replace(
        lab.spec("agent", Attachment(lab.name("net"), lab.address(5), ("agent",))),
        limits=Limits(pids=9),
    )
    ref, second = Ref(lab.name("agent")), lab.network("out", 1, internal=False)
    result = bench.run(
        network(lab, lab.network()),
        replace(network(lab, second), id="out"),
        plan.CreateVolume(
            **about("volume"),  # type: ignore[arg-type]
            spec=VolumeSpec(lab.name("home"), "web"),
            labels=lab.labels("volume"),
        ),
        container(lab, replace(spec, name=lab.name("agent-1")), "network", "volume"),
        plan.RenameContainer(
            **about("rename", "create"),  # type: ignore[arg-type]
            ref=Ref(lab.name("agent-1")),
            name=lab.name("agent"),
        ),
        plan.ConnectNetwork(
            **about("connect", "rename", "out"),  # type: ignore[arg-type]
            ref=ref,
            network=Ref(second.name),
            attachment=Attachment(second.name),
        ),
        plan.StartContainer(**about("start", "connect"), ref=ref),  # type: ignore[arg-type]
    )
    assert result.ok, result.failed
    (found,) = lab.engine.observe(lab.home).containers
    assert (found.name, found.state) == (lab.name("agent"), "running")
    assert [e.network_name for e in found.endpoints] == [lab.name("net"), lab.name("out")]
    assert found.labels[labels.OP_ID] == "run1/create"
    assert result.ids[lab.name("agent")] == found.id


def test_a_taken_container_name_is_success_only_when_it_is_this_very_container(
    lab: Lab, bench: Bench
) -> None:
    spec = lab.spec()
    assert bench.run(container(lab, spec)).ok
    assert bench.run(container(lab, spec)).ok  # an earlier attempt made it
    other = replace(spec, command=("/bin/other",))
    assert "BB8002" in failure(bench.run(container(lab, other)))
    assert len(fake(lab).world.containers) == 1


@pytest.mark.parametrize("label", [labels.HOME, labels.PROJECT, labels.BOTTLE, labels.KIND])
def test_a_look_alike_of_another_owner_is_never_taken_over(
    lab: Lab, bench: Bench, label: str
) -> None:
    spec = lab.spec()
    theirs = {**dict(lab.labels("agent", spec.spec_hash)), label: "other"}
    lab.engine.create_container(spec, spec.name, tuple(theirs.items()))
    result = bench.run(
        container(lab, spec),
        plan.StartContainer(**about("start", "create"), ref=Ref(spec.name)),  # type: ignore[arg-type]
    )
    assert isinstance(result.failed[0].error, Conflict)
    assert [n.op.id for n in result.not_started] == ["start"]
    assert [c.state for c in fake(lab).world.containers.values()] == ["created"]


def test_a_taken_network_name_is_success_only_when_it_is_this_very_network(
    lab: Lab, bench: Bench
) -> None:
    assert bench.run(network(lab, lab.network())).ok
    assert bench.run(network(lab, lab.network())).ok
    assert "BB8002" in failure(bench.run(network(lab, lab.network("net", 3))))


def test_an_internal_network_that_the_engine_does_not_seal_is_removed_and_refused(
    lab: Lab, bench: Bench
) -> None:
    fake(lab).seals = False
    assert failure(bench.run(network(lab, lab.network()))).startswith("BB7013")
    assert fake(lab).world.networks == {}
    assert bench.run(network(lab, lab.network("out", 1, internal=False))).ok


def test_directories_are_made_before_the_container_is(
    lab: Lab, bench: Bench, tmp_path: Path
) -> None:
    wanted = tmp_path / "run" / "control"
    assert bench.run(container(lab, lab.spec(), directories=((str(wanted), 0o700),))).ok
    assert wanted.stat().st_mode & 0o777 == 0o700
    blocked = tmp_path / "file" / "below"
    blocked.parent.write_text("")
    other = lab.spec("other")
    assert "BB1010" in failure(
        bench.run(container(lab, other, directories=((str(blocked), 0o700),)))
    )
    assert len(fake(lab).world.containers) == 1


def test_a_missing_image_is_built_with_progress(lab: Lab, bench: Bench) -> None:
    op = plan.EnsureImage(**about("image"), recipe="sidecar", tag="botbottle/sidecar:1")  # type: ignore[arg-type]
    assert bench.run(op).ok
    assert bench.images.built == ["botbottle/sidecar:1"]
    assert [e.text for e in bench.of(events.Progress)] == ["building sidecar"]
    bench.images.error = ImageBuildFailed("step 3 failed")
    assert failure(bench.run(op)) == "BB8003 step 3 failed"


def test_every_other_op_is_one_call_of_the_engine(lab: Lab, bench: Bench) -> None:
    ref = lab.run(lab.spec("agent"))
    identity = lab.engine.create_network(lab.network(), lab.labels("internal"))
    net = Ref(lab.name("net"), identity)
    lab.engine.create_volume(VolumeSpec(lab.name("vol"), "web"), lab.labels())
    lab.engine.build(b"", tag="old:1", labels=())
    fake(lab).calls.clear()
    ops: list[plan.Op] = [
        plan.PauseContainer(**about("1"), ref=ref),  # type: ignore[arg-type]
        plan.UnpauseContainer(**about("2"), ref=ref),  # type: ignore[arg-type]
        plan.UpdateContainer(**about("3"), ref=ref, limits=Limits(pids=3)),  # type: ignore[arg-type]
        plan.ConnectNetwork(
            **about("4"),  # type: ignore[arg-type]
            ref=ref,
            network=net,
            attachment=Attachment(net.name),
        ),
        plan.DisconnectNetwork(**about("5"), ref=ref, network=net),  # type: ignore[arg-type]
        plan.StopContainer(**about("6"), ref=ref),  # type: ignore[arg-type]
        plan.RemoveContainer(**about("7"), ref=ref, kill=True),  # type: ignore[arg-type]
        plan.RemoveNetwork(**about("8"), ref=net),  # type: ignore[arg-type]
        plan.RemoveVolume(**about("9"), name=lab.name("vol")),  # type: ignore[arg-type]
        plan.RemoveImage(**about("10"), tag="old:1"),  # type: ignore[arg-type]
        plan.ForgetSnapshot(**about("11"), account="test/web", image="old:1"),  # type: ignore[arg-type]
    ]
    assert bench.run(*ops).ok
    assert [c.method for c in fake(lab).calls] == [
        "pause", "unpause", "update", "connect", "disconnect", "stop", "remove_container",
        "remove_network", "remove_volume", "remove_image",
    ]  # fmt: skip
    assert ("forget", ("test/web", "old:1")) in bench.ledger.calls
    world = fake(lab).world
    assert (world.containers, world.networks, world.volumes) == ({}, {}, {})


def test_an_op_whose_container_is_not_the_observed_one_any_more_does_nothing(
    lab: Lab, bench: Bench
) -> None:
    ref = lab.run(lab.spec())
    seen = lab.engine.container(ref)
    assert seen is not None
    mark = container_fragment(seen)
    stop = plan.StopContainer(**about("stop"), ref=Ref(ref.name), expect=mark)  # type: ignore[arg-type]
    lab.engine.remove_container(ref, kill=True)
    lab.run(lab.spec())
    assert failure(bench.run(stop)).startswith("BB5000")
    (now,) = lab.engine.observe(lab.home).containers
    assert now.state == "running"
    assert bench.run(replace(stop, expect=container_fragment(now))).ok
