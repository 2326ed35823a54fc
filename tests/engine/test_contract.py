"""What every engine promises: the same sentences for the one in memory and the real one."""

from __future__ import annotations

import dataclasses
import io
import itertools
import tarfile
from collections.abc import Iterable, Iterator

import pytest

from botbottle.engine.errors import NotFound
from botbottle.errors import BBError, Conflict, EngineError
from botbottle.model import labels
from botbottle.model.plan import Ref
from botbottle.model.resources import Attachment, Limits, Mount, ObservedContainer, VolumeSpec
from tests.support.engines import Lab

NOBODY = Ref("bbt-nobody")
WHERE = ("/data/home", "/data/work")


def only(lab: Lab) -> ObservedContainer:
    (found,) = lab.engine.observe(lab.home).containers
    return found


def on(lab: Lab, tail: str = "net", last: int = 0) -> Attachment:
    return Attachment(lab.name(tail), lab.address(last) if last else "", ("agent",))


def test_an_empty_engine_shows_nothing_of_ours(lab: Lab) -> None:
    seen = lab.engine.observe(lab.home)
    assert (seen.containers, seen.networks, seen.volumes) == ((), (), ())


def test_a_created_container_shows_owner_image_and_state_but_no_limits(lab: Lab) -> None:
    spec = lab.spec()
    identity = lab.engine.create_container(spec, spec.name, lab.labels(spec_hash="cafe"))
    found = only(lab)
    assert (found.id, found.name, found.state) == (identity, spec.name, "created")
    assert found.image_id == lab.engine.image_id(lab.image)
    assert found.labels[labels.HOME] == lab.home
    assert found.spec_hash == "cafe"
    assert (found.limits, found.endpoints, found.started_at) == (None, (), "")


def test_a_running_container_shows_its_limits_and_start(lab: Lab) -> None:
    limits = Limits(memory=64 << 20, nano_cpus=500_000_000, pids=20, restart="unless-stopped")
    lab.run(lab.spec(limits=limits))
    found = only(lab)
    assert (found.state, found.limits) == ("running", limits)
    assert found.started_at


def test_a_name_that_is_taken_is_a_conflict_even_when_the_holder_is_not_running(lab: Lab) -> None:
    spec = lab.spec()
    lab.engine.create_container(spec, spec.name, lab.labels())
    with pytest.raises(Conflict):
        lab.engine.create_container(spec, spec.name, lab.labels())


def test_a_container_of_an_unknown_image_is_not_created(lab: Lab) -> None:
    with pytest.raises(NotFound):
        lab.engine.create_container(
            lab.spec(image="bbt-no-such:1"), lab.name("agent"), lab.labels()
        )
    assert lab.engine.observe(lab.home).containers == ()


def test_starting_and_stopping_twice_is_fine(lab: Lab) -> None:
    ref = lab.run(lab.spec())
    lab.engine.start(ref)
    assert only(lab).state == "running"
    lab.engine.stop(ref, 1)
    lab.engine.stop(ref, 1)
    assert only(lab).state == "exited"


def test_what_is_gone_can_be_stopped_killed_and_removed_but_not_started(lab: Lab) -> None:
    lab.engine.stop(NOBODY, 1)
    lab.engine.kill(NOBODY)
    lab.engine.remove_container(NOBODY)
    lab.engine.remove_network(NOBODY)
    lab.engine.remove_volume("bbt-nothing")
    lab.engine.remove_image("bbt-nothing:1")
    with pytest.raises(NotFound):
        lab.engine.start(NOBODY)


def test_a_killed_container_is_exited_with_137(lab: Lab) -> None:
    ref = lab.run(lab.spec())
    lab.engine.kill(ref)
    found = lab.engine.container(ref)
    assert found is not None
    assert (found.state, found.exit_code, found.oom_killed) == ("exited", 137, False)


def test_a_running_container_is_removed_only_when_told_to_kill(lab: Lab) -> None:
    ref = lab.run(lab.spec())
    with pytest.raises(Conflict):
        lab.engine.remove_container(ref)
    lab.engine.remove_container(ref, kill=True)
    assert lab.engine.container(ref) is None


def test_pause_and_unpause_twice_are_fine_and_a_paused_container_stops(lab: Lab) -> None:
    ref = lab.run(lab.spec())
    lab.engine.pause(ref)
    if lab.real:
        lab.engine.pause(ref)
    assert only(lab).state == "paused"
    lab.engine.unpause(ref)
    lab.engine.unpause(ref)
    assert only(lab).state == "running"
    lab.engine.pause(ref)
    lab.engine.stop(ref, 1)
    assert only(lab).state == "exited"


def test_a_paused_container_cannot_be_started(lab: Lab) -> None:
    ref = lab.run(lab.spec())
    lab.engine.pause(ref)
    with pytest.raises(BBError):
        lab.engine.start(ref)


def test_what_does_not_run_cannot_be_paused(lab: Lab) -> None:
    spec = lab.spec()
    identity = lab.engine.create_container(spec, spec.name, lab.labels())
    with pytest.raises(EngineError):
        lab.engine.pause(Ref(spec.name, identity))


def test_rename_to_a_free_name_to_its_own_and_to_a_taken_one(lab: Lab) -> None:
    first, second = lab.spec("one"), lab.spec("two")
    ref = Ref("", lab.engine.create_container(first, first.name, lab.labels()))
    lab.engine.create_container(second, second.name, lab.labels())
    lab.engine.rename(ref, lab.name("three"))
    lab.engine.rename(ref, lab.name("three"))
    with pytest.raises(Conflict):
        lab.engine.rename(ref, second.name)
    assert [c.name for c in lab.engine.observe(lab.home).containers] == [
        lab.name("three"),
        lab.name("two"),
    ]


def test_every_limit_can_be_set_changed_and_taken_away_in_place(lab: Lab) -> None:
    ref = lab.run(lab.spec(limits=Limits(memory=64 << 20, nano_cpus=10**9, pids=10)))
    for limits in (
        Limits(memory=128 << 20, nano_cpus=5 * 10**9, pids=30, restart="unless-stopped"),
        Limits(),
        Limits(memory=32 << 20, nano_cpus=250_000_000, pids=5),
    ):
        lab.engine.update(ref, limits)
        assert only(lab).limits == limits


def test_a_network_is_made_once_with_its_subnet_and_owner(lab: Lab) -> None:
    spec = lab.network()
    identity = lab.engine.create_network(spec, lab.labels("internal"))
    (found,) = lab.engine.observe(lab.home).networks
    assert (found.id, found.name, found.internal) == (identity, spec.name, True)
    assert (found.subnets, found.endpoints) == ((spec.subnet,), ())
    assert found.labels[labels.KIND] == "internal"
    with pytest.raises(Conflict):
        lab.engine.create_network(spec, lab.labels("internal"))


def test_a_network_name_that_is_taken_is_a_conflict_whatever_the_subnet(lab: Lab) -> None:
    lab.engine.create_network(lab.network("net", 1), lab.labels("internal"))
    with pytest.raises(Conflict):
        lab.engine.create_network(lab.network("net", 2), lab.labels("internal"))


def test_a_subnet_that_is_taken_is_a_conflict(lab: Lab) -> None:
    lab.engine.create_network(lab.network("one"), lab.labels("internal"))
    with pytest.raises(Conflict):
        lab.engine.create_network(lab.network("two"), lab.labels("internal"))


def test_an_internal_network_is_sealed_and_an_outer_one_is_not(lab: Lab) -> None:
    lab.engine.create_network(lab.network("in"), lab.labels("internal"))
    lab.engine.create_network(lab.network("out", 1, internal=False), lab.labels("outer"))
    assert lab.engine.network_is_sealed(lab.name("in"))
    assert not lab.engine.network_is_sealed(lab.name("out"))


def test_a_container_is_on_its_first_network_only_with_the_wanted_address(lab: Lab) -> None:
    network = lab.engine.create_network(lab.network(), lab.labels("internal"))
    spec = lab.spec("agent", on(lab, last=5))
    identity = lab.engine.create_container(spec, spec.name, lab.labels())
    (before,) = only(lab).endpoints
    assert (before.network_id, before.network_name) == ("", lab.name("net"))
    assert lab.engine.observe(lab.home).networks[0].endpoints == ()
    lab.engine.start(Ref(spec.name, identity))
    (after,) = only(lab).endpoints
    assert (after.network_id, after.address) == (network, lab.address(5))
    assert after.aliases == ("agent",)
    assert lab.engine.observe(lab.home).networks[0].endpoints == (identity,)


def test_networks_are_joined_before_start_and_left_again_both_twice(lab: Lab) -> None:
    lab.engine.create_network(lab.network("a"), lab.labels("internal"))
    lab.engine.create_network(lab.network("b", 1), lab.labels("internal"))
    spec = lab.spec("agent", on(lab, "a"))
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    other = Ref(lab.name("b"))
    lab.engine.connect(ref, other, Attachment(lab.name("b"), lab.address(6, 1)))
    lab.engine.start(ref)
    lab.engine.connect(ref, other, Attachment(lab.name("b"), lab.address(6, 1)))
    ends = only(lab).endpoints
    assert [e.network_name for e in ends] == [lab.name("a"), lab.name("b")]
    assert ends[1].address == lab.address(6, 1)
    lab.engine.disconnect(ref, other)
    lab.engine.disconnect(ref, other)
    assert [e.network_name for e in only(lab).endpoints] == [lab.name("a")]


def test_a_network_with_a_running_container_stays(lab: Lab) -> None:
    identity = lab.engine.create_network(lab.network(), lab.labels("internal"))
    ref = lab.run(lab.spec("agent", on(lab)))
    with pytest.raises(Conflict):
        lab.engine.remove_network(Ref(lab.name("net"), identity))
    lab.engine.remove_container(ref, kill=True)
    lab.engine.remove_network(Ref(lab.name("net"), identity))
    assert lab.engine.network(Ref(lab.name("net"))) is None


def test_a_container_whose_network_is_gone_does_not_start(lab: Lab) -> None:
    identity = lab.engine.create_network(lab.network(), lab.labels("internal"))
    spec = lab.spec("agent", on(lab))
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    lab.engine.remove_network(Ref(lab.name("net"), identity))
    with pytest.raises(NotFound):
        lab.engine.start(ref)


def test_a_stopped_container_keeps_its_attachment_and_starts_on_it_again(lab: Lab) -> None:
    identity = lab.engine.create_network(lab.network(), lab.labels("internal"))
    ref = lab.run(lab.spec("agent", on(lab, last=5)))
    lab.engine.stop(ref, 1)
    assert [e.network_id for e in only(lab).endpoints] == [identity]
    lab.engine.start(ref)
    assert [e.address for e in only(lab).endpoints] == [lab.address(5)]


def test_strangers_are_shown_only_when_they_hold_our_names_or_subnets(lab: Lab) -> None:
    theirs = dataclasses.replace(lab, home="0" * 8)
    try:
        spec = lab.spec("name")
        theirs.engine.create_container(spec, spec.name, theirs.labels())
        theirs.engine.create_network(lab.network("other"), theirs.labels("internal"))
        quiet = lab.engine.observe(lab.home)
        assert (quiet.containers, quiet.networks) == ((), ())
        loud = lab.engine.observe(lab.home, names=[spec.name], subnets=[lab.network().subnet])
        assert [c.name for c in loud.containers] == [spec.name]
        assert loud.containers[0].labels[labels.HOME] == "0" * 8
        assert [n.name for n in loud.networks] == [lab.name("other")]
    finally:
        theirs.clean()


def test_tags_are_resolved_with_and_without_a_container_that_uses_them(lab: Lab) -> None:
    image = lab.engine.image_id(lab.image)
    asked = {"tags": [lab.image, "bbt-no-such:1"]}
    (before,) = lab.engine.observe(lab.home, **asked).images
    lab.run(lab.spec())
    (after,) = lab.engine.observe(lab.home, **asked).images
    assert before.id == after.id == image
    assert lab.image in before.tags
    assert lab.image in after.tags
    assert lab.engine.image_id("bbt-no-such:1") is None


def test_a_tag_that_moved_on_stands_for_its_new_image(lab: Lab) -> None:
    ref = lab.run(lab.spec())
    tag = f"bbt-{lab.home}/moved:1"
    first = lab.engine.commit(ref, tag, lab.labels("snapshot"))
    lab.run(lab.spec("second", image=tag))
    second = lab.engine.commit(ref, tag, lab.labels("snapshot"))
    assert first != second
    seen = {i.id for i in lab.engine.observe(lab.home, tags=[tag]).images}
    assert second in seen
    tags = {t: i.id for i in lab.engine.observe(lab.home, tags=[tag]).images for t in i.tags}
    assert tags[tag] == second
    if lab.real:
        lab.clean()
        lab.engine.remove_image(first)


def test_a_snapshot_carries_its_labels_and_can_be_found_and_removed(lab: Lab) -> None:
    ref = lab.run(lab.spec())
    lab.engine.pause(ref)
    tag = f"bbt-{lab.home}/snapshot:1"
    identity = lab.engine.commit(ref, tag, lab.labels("snapshot"))
    (found,) = lab.engine.images(f"{labels.HOME}={lab.home}")
    assert (found.id, found.tags) == (identity, (tag,))
    assert found.labels[labels.KIND] == "snapshot"
    lab.engine.remove_image(tag)
    assert lab.engine.images(f"{labels.HOME}={lab.home}") == ()


def test_an_image_that_a_container_uses_stays(lab: Lab) -> None:
    ref = lab.run(lab.spec())
    tag = f"bbt-{lab.home}/used:1"
    lab.engine.commit(ref, tag, lab.labels("snapshot"))
    user = lab.run(lab.spec("user", image=tag))
    with pytest.raises(Conflict):
        lab.engine.remove_image(tag)
    lab.engine.remove_container(user, kill=True)
    lab.engine.remove_image(tag)


def test_a_volume_is_made_once_and_a_strangers_volume_is_never_taken_over(lab: Lab) -> None:
    spec = VolumeSpec(lab.name("home"), "web")
    assert lab.engine.create_volume(spec, lab.labels("volume")) == spec.name
    assert lab.engine.create_volume(spec, lab.labels("volume")) == spec.name
    (found,) = lab.engine.observe(lab.home).volumes
    assert (found.name, found.labels[labels.HOME]) == (spec.name, lab.home)
    with pytest.raises(Conflict):
        lab.engine.create_volume(spec, ((labels.HOME, "somebody"),))


def test_a_volume_in_use_stays(lab: Lab) -> None:
    volume = VolumeSpec(lab.name("home"), "web")
    lab.engine.create_volume(volume, lab.labels("volume"))
    ref = lab.run(lab.spec(mounts=(Mount("volume", "/home/agent", volume.name),)))
    with pytest.raises(Conflict):
        lab.engine.remove_volume(volume.name)
    lab.engine.remove_container(ref, kill=True)
    lab.engine.remove_volume(volume.name)
    assert lab.engine.observe(lab.home).volumes == ()


def tar_of(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size, info.uid, info.gid = len(data), 1000, 1000
        tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def test_files_go_into_a_volume_before_the_first_start_and_never_into_a_read_only_root(
    lab: Lab,
) -> None:
    spec = lab.spec(mounts=(Mount("volume", "/home/agent", lab.name("home")),))
    lab.engine.create_volume(VolumeSpec(lab.name("home"), "web"), lab.labels("volume"))
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    lab.engine.put_archive(ref, "/home/agent", tar_of("prompt.md", b"hello"))
    with pytest.raises(EngineError):
        lab.engine.put_archive(ref, "/", tar_of("prompt.md", b"hello"))


def test_a_program_runs_only_in_a_running_container(lab: Lab) -> None:
    spec = lab.spec()
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    with pytest.raises(Conflict):
        lab.engine.exec(ref, ["/bin/true"], timeout=5)
    lab.engine.start(ref)
    assert lab.engine.exec(ref, ["/bin/true"], timeout=5).exit_code == 0


def test_events_name_our_resources_and_tick_when_nothing_happens(lab: Lab) -> None:
    stream = lab.engine.events()
    spec = lab.spec()
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    lab.engine.start(ref)
    lab.engine.kill(ref)
    seen = []
    for event in stream:
        seen.append(event)
        if len(seen) > 500 or (event and event.action == "die" and event.id == ref.id):
            break
    actions = [e.action for e in seen if e and e.id == ref.id]
    assert [a for a in actions if a in ("create", "start", "die")] == ["create", "start", "die"]
    mine = next(e for e in seen if e and e.id == ref.id)
    assert (mine.kind, mine.bottle, mine.project) == ("container", "web", "test")
    assert any(event is None for event in itertools.islice(stream, 500))


def test_looking_at_what_is_not_there(lab: Lab) -> None:
    assert lab.engine.container(NOBODY) is None
    assert lab.engine.network(NOBODY) is None
    with pytest.raises(NotFound):
        list(lab.engine.logs(NOBODY))


def test_stopping_what_never_ran_changes_nothing(lab: Lab) -> None:
    spec = lab.spec()
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    lab.engine.stop(ref, 1)
    lab.engine.kill(ref)
    assert only(lab).state == "created"
    lab.engine.remove_container(ref)
    assert lab.engine.observe(lab.home).containers == ()


def test_another_signal_to_what_does_not_run_is_a_conflict(lab: Lab) -> None:
    spec = lab.spec()
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    with pytest.raises(Conflict):
        lab.engine.kill(ref, "SIGHUP")


def test_limits_of_what_does_not_run_are_set_for_its_next_start(lab: Lab) -> None:
    ref = lab.run(lab.spec())
    lab.engine.stop(ref, 1)
    lab.engine.update(ref, Limits(pids=7))
    lab.engine.start(ref)
    found = only(lab).limits
    assert found is not None
    assert found.pids == 7


def test_a_stopped_container_whose_network_was_made_again_starts_after_joining_it(
    lab: Lab,
) -> None:
    old = lab.engine.create_network(lab.network(), lab.labels("internal"))
    ref = lab.run(lab.spec("agent", on(lab, last=5)))
    lab.engine.stop(ref, 1)
    lab.engine.remove_network(Ref(lab.name("net")))
    again = lab.engine.create_network(lab.network(), lab.labels("internal"))
    with pytest.raises(NotFound):
        lab.engine.start(ref)
    lab.engine.disconnect(ref, Ref(lab.name("net"), old))
    assert only(lab).endpoints == ()
    lab.engine.connect(ref, Ref(lab.name("net"), again), on(lab, last=5))
    lab.engine.start(ref)
    assert [(e.network_id, e.address) for e in only(lab).endpoints] == [(again, lab.address(5))]


def test_a_stopped_container_is_freed_from_a_network_that_is_gone(lab: Lab) -> None:
    old = lab.engine.create_network(lab.network(), lab.labels("internal"))
    ref = lab.run(lab.spec("agent", on(lab)))
    lab.engine.stop(ref, 1)
    lab.engine.remove_network(Ref(lab.name("net")))
    assert [e.network_id for e in only(lab).endpoints] == [old]
    lab.engine.disconnect(ref, Ref(lab.name("net"), old))
    assert only(lab).endpoints == ()
    lab.engine.start(ref)


def test_a_stopped_container_joins_its_network_anew_without_leaving_the_old_one(lab: Lab) -> None:
    lab.engine.create_network(lab.network(), lab.labels("internal"))
    ref = lab.run(lab.spec("agent", on(lab, last=5)))
    lab.engine.stop(ref, 1)
    lab.engine.remove_network(Ref(lab.name("net")))
    again = lab.engine.create_network(lab.network(), lab.labels("internal"))
    lab.engine.connect(ref, Ref(lab.name("net"), again), on(lab, last=5))
    lab.engine.start(ref)
    assert [(e.network_id, e.address) for e in only(lab).endpoints] == [(again, lab.address(5))]


def test_two_live_containers_cannot_hold_one_address(lab: Lab) -> None:
    lab.engine.create_network(lab.network(), lab.labels("internal"))
    lab.run(lab.spec("one", on(lab, last=5)))
    with pytest.raises(EngineError):
        lab.run(lab.spec("two", on(lab, last=5)))


def test_an_address_nobody_asked_for_may_be_another_at_the_next_start(lab: Lab) -> None:
    lab.engine.create_network(lab.network(), lab.labels("internal"))
    first = lab.run(lab.spec("one", on(lab)))
    had = only(lab).endpoints[0].address
    lab.engine.stop(first, 1)
    lab.run(lab.spec("two", on(lab, last=int(had.rpartition(".")[2]))))
    lab.engine.start(first)
    addresses = {c.endpoints[0].address for c in lab.engine.observe(lab.home).containers}
    assert len(addresses) == 2


def test_a_disconnected_container_runs_on_without_the_network(lab: Lab) -> None:
    lab.engine.create_network(lab.network(), lab.labels("internal"))
    ref = lab.run(lab.spec("agent", on(lab)))
    lab.engine.disconnect(ref, Ref(lab.name("net")))
    found = only(lab)
    assert (found.state, found.endpoints) == ("running", ())
    lab.engine.remove_network(Ref(lab.name("net")))


def test_paused_containers_can_be_looked_at_limited_and_removed(lab: Lab) -> None:
    ref = lab.run(lab.spec(limits=Limits(pids=9)))
    lab.engine.pause(ref)
    found = only(lab)
    assert (found.state, found.limits) == ("paused", Limits(pids=9))
    lab.engine.remove_container(ref, kill=True)
    assert lab.engine.container(ref) is None


def test_a_volume_that_nobody_made_is_made_with_the_container_and_is_not_ours(lab: Lab) -> None:
    lab.run(lab.spec(mounts=(Mount("volume", "/home/agent", lab.name("auto")),)))
    assert lab.engine.observe(lab.home).volumes == ()
    with pytest.raises(Conflict):
        lab.engine.create_volume(VolumeSpec(lab.name("auto"), "web"), lab.labels("volume"))
    lab.engine.remove_container(Ref(lab.name("agent")), kill=True)
    lab.engine.remove_volume(lab.name("auto"))


def with_volumes(lab: Lab, tail: str, image: str = "", targets: tuple[str, str] = WHERE) -> Ref:
    mounts = [Mount("volume", t, lab.name(f"{tail}-{t.split('/')[-1]}")) for t in targets]
    for mount in mounts:
        lab.engine.create_volume(VolumeSpec(mount.source, "web"), lab.labels("volume"))
    spec = lab.spec(tail, mounts=tuple(mounts), image=image or lab.image, read_only=True)
    return Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))


def files(pieces: Iterable[bytes]) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
        return {m.name: f.read() for m in tar if m.isfile() and (f := tar.extractfile(m))}


def put(lab: Lab, ref: Ref, where: str, name: str, content: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    lab.engine.put_archive(ref, where, buffer.getvalue())


def test_a_volume_is_read_from_a_container_that_does_not_run_and_only_below_its_path(
    lab: Lab,
) -> None:
    ref = with_volumes(lab, "old")
    put(lab, ref, "/data/home", "own", b"mine")
    put(lab, ref, "/data/work", "notes", b"thought")
    assert files(lab.engine.archive(ref, "/data/home")) == {"home/own": b"mine"}
    with pytest.raises(NotFound):
        list(lab.engine.archive(NOBODY, "/data/home"))


def test_an_image_made_of_pieces_fills_volumes_that_are_empty_and_no_others(lab: Lab) -> None:
    old = with_volumes(lab, "old")
    put(lab, old, "/data/home", "own", b"mine")
    put(lab, old, "/data/work", "notes", b"thought")
    tag = f"bbt-{lab.home}:volumes"
    parts = [f"{where}/{n}" for where, n in (("home", "own"), ("work", "notes"))]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in zip(parts, (b"mine", b"thought"), strict=True):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    data = buffer.getvalue()
    pieces = iter((data[:700], data[700:]))
    made = lab.engine.import_stream(pieces, tag=tag, labels=lab.labels("snapshot"))
    assert lab.engine.image_id(tag) == made
    put(lab, old, "/data/home", "own", b"changed since")

    new = with_volumes(lab, "new", tag, ("/home", "/work"))
    assert files(lab.engine.archive(new, "/home")) == {"home/own": b"mine"}
    assert files(lab.engine.archive(new, "/work")) == {"work/notes": b"thought"}
    put(lab, new, "/work", "notes", b"later")
    spec = lab.spec("third", mounts=(Mount("volume", "/work", lab.name("new-work")),), image=tag)
    third = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    assert files(lab.engine.archive(third, "/work")) == {"work/notes": b"later"}, "not refilled"
    saved = files(lab.engine.save(tag))
    layers = [c for n, c in saved.items() if n.endswith("layer.tar") or _is_tar(c)]
    assert any(b"thought" in layer for layer in layers)


@pytest.mark.parametrize(
    "text",
    [
        '{"task": "echo $HOME ${X:-y} ${"}',
        "a\\nb\\\\",
        "say \"hi\" 'there'",
        "schön ✓",
        "# $(id) `id`",
    ],
)
def test_a_label_of_an_image_made_of_pieces_is_kept_to_the_letter(lab: Lab, text: str) -> None:
    tag = f"bbt-{lab.home}:label"
    marks = (*lab.labels("snapshot"), (labels.SPEC, text))
    lab.engine.import_stream(iter((bytes(1024),)), tag=tag, labels=marks)
    (image,) = lab.engine.images(f"{labels.HOME}={lab.home}")
    assert image.labels[labels.SPEC] == text


def _is_tar(content: bytes) -> bool:
    return content[257:262] == b"ustar"


def test_an_image_whose_pieces_break_off_is_not_made(lab: Lab) -> None:
    def broken() -> Iterator[bytes]:
        yield bytes(512)
        raise EngineError("the source went away")

    with pytest.raises(BBError):
        lab.engine.import_stream(broken(), tag=f"bbt-{lab.home}:cut", labels=lab.labels())
    assert lab.engine.image_id(f"bbt-{lab.home}:cut") is None
