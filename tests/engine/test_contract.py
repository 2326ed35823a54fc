"""What every engine promises: the same sentences for the one in memory and the real one."""

from __future__ import annotations

import itertools

import pytest

from botbottle.engine.errors import NotFound
from botbottle.errors import BBError, Conflict, EngineError
from botbottle.model.plan import Ref
from botbottle.model.resources import Limits
from tests.engine.contract import NOBODY, on, only
from tests.support.engines import Lab


def test_an_empty_engine_shows_nothing_of_ours(lab: Lab) -> None:
    seen = lab.engine.observe(lab.home)
    assert (seen.containers, seen.networks, seen.volumes) == ((), (), ())


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


def test_a_stopped_container_keeps_its_attachment_and_starts_on_it_again(lab: Lab) -> None:
    identity = lab.engine.create_network(lab.network(), lab.labels("internal"))
    ref = lab.run(lab.spec("agent", on(lab, last=5)))
    lab.engine.stop(ref, 1)
    assert [e.network_id for e in only(lab).endpoints] == [identity]
    lab.engine.start(ref)
    assert [e.address for e in only(lab).endpoints] == [lab.address(5)]


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


def test_paused_containers_can_be_looked_at_limited_and_removed(lab: Lab) -> None:
    ref = lab.run(lab.spec(limits=Limits(pids=9)))
    lab.engine.pause(ref)
    found = only(lab)
    assert (found.state, found.limits) == ("paused", Limits(pids=9))
    lab.engine.remove_container(ref, kill=True)
    assert lab.engine.container(ref) is None
