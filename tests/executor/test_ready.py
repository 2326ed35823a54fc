"""Waiting for sidecars, and telling a started container from one that only seems to run."""

from __future__ import annotations

import pytest

from botbottle.engine.fake import FakeEngine
from botbottle.model.plan import AwaitReady, Ref, StartContainer
from botbottle.model.resources import SidecarStatus
from botbottle.ui import events
from botbottle.vault import MemoryVault
from tests.support.engines import Lab
from tests.support.executing import KEY, Bench, FakeControl

READY = SidecarStatus(ready=True)


def awaiting(ref: Ref, control: str = "/c", seconds: float = 30.0) -> AwaitReady:
    return AwaitReady(
        id="await",
        resource="web/egress",
        bottle="web",
        reason="missing",
        ref=ref,
        control=control,
        seconds=seconds,
    )


def starting(ref: Ref) -> StartContainer:
    return StartContainer(id="start", resource="web/agent", bottle="web", reason="x", ref=ref)


def test_a_sidecar_that_is_ready_is_not_waited_for(lab: Lab, bench: Bench) -> None:
    bench.control.statuses["/c"] = READY
    assert bench.run(awaiting(lab.run(lab.spec()))).ok
    assert bench.clock.slept == []


def test_a_sidecar_is_waited_for_until_it_is_ready(lab: Lab, bench: Bench) -> None:
    bench.clock.at(1, lambda: bench.control.statuses.update({"/c": SidecarStatus()}))
    bench.clock.at(2, lambda: bench.control.statuses.update({"/c": READY}))
    assert bench.run(awaiting(lab.run(lab.spec()))).ok
    assert 2.0 <= bench.clock.now() - 1000 < 2.2


def test_a_long_wait_says_every_ten_seconds_for_what(lab: Lab, bench: Bench) -> None:
    bench.control.statuses["/c"] = SidecarStatus(detail="loading rules")
    bench.clock.at(25, lambda: bench.control.statuses.update({"/c": READY}))
    assert bench.run(awaiting(lab.run(lab.spec()))).ok
    told = bench.of(events.Waiting)
    assert [(round(e.seconds), e.state) for e in told] == [
        (10, "loading rules"),
        (20, "loading rules"),
    ]


def test_a_wait_ends_after_its_seconds_with_what_was_missing(lab: Lab, bench: Bench) -> None:
    (failed,) = bench.run(awaiting(lab.run(lab.spec()), seconds=5)).failed
    assert "not ready after 5 s: the control socket does not answer" in failed.error.message
    assert failed.error.hint == "bb logs web"


@pytest.mark.parametrize("gone", [True, False], ids=["removed", "exited"])
def test_a_wait_ends_early_when_the_container_does(lab: Lab, bench: Bench, gone: bool) -> None:
    ref = lab.run(lab.spec())
    act = lab.engine.remove_container if gone else lambda r, **_k: lab.engine.kill(r)
    bench.clock.at(3, lambda: act(ref, kill=True))
    (failed,) = bench.run(awaiting(ref)).failed
    assert ("gone" if gone else "exit code 137") in failed.error.message
    assert bench.clock.now() - 1000 < 5


def test_an_interruption_ends_a_wait_without_calling_it_a_failure(lab: Lab, bench: Bench) -> None:
    bench.clock.at(2, lambda: setattr(bench, "cancel", True))
    result = bench.run(awaiting(lab.run(lab.spec())))
    assert (result.failed, [n.why for n in result.not_started]) == ((), ["interrupted"])


def test_the_ledger_service_is_waited_for_by_its_own_answer(lab: Lab, bench: Bench) -> None:
    bench.control.ledger = False
    bench.clock.at(1, lambda: setattr(bench.control, "ledger", True))
    assert bench.run(awaiting(lab.run(lab.spec()), control="")).ok
    assert 1.0 <= bench.clock.now() - 1000 < 1.2


def test_a_container_that_ends_right_after_start_is_a_failed_start(lab: Lab, bench: Bench) -> None:
    assert isinstance(lab.engine, FakeEngine)
    lab.engine.exits["/bin/broken"] = 3
    spec = lab.spec(command=("/bin/broken",))
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    result = bench.run(starting(ref))
    (failed,) = result.failed
    assert "exit code 3" in failed.error.message
    assert (result.done, result.ok) == ((), False)
    assert len(bench.of(events.OpFailed)) == 1


def test_without_settling_nothing_is_waited_for_after_the_last_op(lab: Lab, bench: Bench) -> None:
    assert isinstance(lab.engine, FakeEngine)
    lab.engine.exits["/bin/broken"] = 3
    spec = lab.spec(command=("/bin/broken",))
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    assert bench.run(starting(ref), settle=False).ok
    assert bench.clock.slept == []


def test_a_program_that_has_done_its_work_is_no_failure(lab: Lab, bench: Bench) -> None:
    assert isinstance(lab.engine, FakeEngine)
    lab.engine.exits["/bin/task"] = 0
    spec = lab.spec(command=("/bin/task",))
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    assert bench.run(starting(ref)).ok


@pytest.mark.parametrize("when", [0.05, 0.15])
def test_a_container_that_is_restarted_over_and_over_is_found_out(
    lab: Lab, bench: Bench, when: float
) -> None:
    spec = lab.spec()
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))

    def loop() -> None:
        lab.engine.kill(ref)
        lab.engine.start(ref)

    bench.clock.at(when, loop)
    (failed,) = bench.run(starting(ref)).failed
    assert "ended right after start" in failed.error.message


def test_many_starts_are_watched_together(lab: Lab, bench: Bench) -> None:
    ops = []
    for n in range(20):
        spec = lab.spec(f"a{n}")
        ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
        ops.append(StartContainer(id=f"s{n}", resource=f"w{n}", bottle="w", reason="x", ref=ref))
    assert bench.run(*ops).ok
    assert bench.clock.slept == pytest.approx([0.1, 0.1])


def test_a_start_that_somebody_undid_is_a_failure(lab: Lab, bench: Bench) -> None:
    ref = lab.run(lab.spec())
    bench.clock.at(0.1, lambda: lab.engine.remove_container(ref, kill=True))
    (failed,) = bench.run(starting(ref)).failed
    assert "removed" in failed.error.message


class Locked(FakeControl):
    """A ledger service that opens its database when it has the right password."""

    def __init__(self, right: str) -> None:
        super().__init__()
        self.ledger, self.right = False, right
        self.handed: list[str] = []

    def unlock_ledger(self, password: str) -> None:
        self.handed.append(password)
        self.ledger = password == self.right


def test_a_ledger_service_that_waits_is_given_the_password_of_its_database(
    lab: Lab, bench: Bench
) -> None:
    bench.control, bench.vault = Locked("right"), MemoryVault(KEY, ledger="right")
    assert bench.run(awaiting(lab.run(lab.spec()), control="")).ok
    assert bench.control.handed == ["right"]
    assert "right" not in repr(bench.vault)


def test_without_a_password_nothing_is_handed_over_and_the_wait_ends(
    lab: Lab, bench: Bench
) -> None:
    bench.control = Locked("right")
    result = bench.run(awaiting(lab.run(lab.spec()), control="", seconds=1.0))
    assert not result.ok and bench.control.handed == []
