"""The loop when something fails: patience, and nothing else is held up."""

from __future__ import annotations

import errno

import pytest

from botbottle.errors import EngineUnreachable, LedgerUnavailable, Refused
from botbottle.model.bottle import Declared
from botbottle.watch.sources import CONNECTED, PROJECT
from tests.support.worlds import bottle, declared
from tests.watch.looping import Rig


def test_an_unreachable_engine_is_retried_with_growing_patience(rig: Rig) -> None:
    rig.fake.raises = [EngineUnreachable("gone") for _ in range(4)]
    rig.watch.queue.add(PROJECT)
    before = rig.fake.plans
    rig.settle(20.0)
    waits = [e["retry_in"] for e in rig.events("failed")]
    assert waits == [0.5, 1.0, 2.0, 4.0] and rig.fake.plans == before + 5


def test_a_held_lock_is_waited_for_without_counting_as_a_failure(rig: Rig) -> None:
    rig.fake.lock_held = True
    rig.stop_egress()
    rig.watch.queue.add("web")
    before = rig.fake.plans
    rig.settle(10.0)
    assert rig.fake.plans - before <= 12, "a look a second while somebody else works"
    assert len(rig.events("waiting")) == 1 and not rig.events("failed")
    rig.fake.lock_held = False
    rig.settle(1.5)
    assert rig.fake.world.plan(declared()).empty


def test_one_bottles_failure_does_not_hold_up_another() -> None:
    rig = Rig()
    both = declared(bottle("a"), bottle("b"))
    rig.fake.world.converge(both)
    rig.fake.manifests, rig.fake.edited = both, True
    rig.settle(1.0)
    rig.watch._backoff.failed("a", rig.now)
    for egress in rig.fake.world.by_kind("egress"):
        rig.fake.world.stop(egress)
    rig.watch.queue.add("b")
    rig.watch.step(0.0)
    states = {c.labels["dev.botbottle.bottle"]: c.state for c in rig.fake.world.by_kind("egress")}
    assert states["b"] == "running" and states["a"] == "exited"
    rig.settle(2.0)
    assert rig.fake.world.plan(both).empty


def test_a_fight_is_given_up_and_taken_up_again_when_told(rig: Rig) -> None:
    for _ in range(6):
        rig.stop_egress()
        rig.watch.queue.add("web")
        rig.settle()
    assert rig.events("damped")[0]["next"] == "bb resume-watch web"
    assert rig.fake.world.by_kind("egress")[0].state == "exited"
    rig.fake.released = ("web",)
    rig.settle(1.0)
    assert rig.fake.world.by_kind("egress")[0].state == "running"


def test_the_ledger_service_is_repaired_however_often_it_goes(rig: Rig) -> None:
    for _ in range(10):
        rig.fake.world.stop(rig.fake.world.by_kind("ledger")[0])
        rig.watch.queue.add(PROJECT)
        rig.settle()
        assert rig.fake.world.by_kind("ledger")[0].state == "running"
    assert not rig.events("damped")


def test_the_damper_never_holds_up_enforcement(rig: Rig) -> None:
    rig.watch.damper._tripped["web"] = "egress"
    rig.fake.world.spend("web", 1000)
    rig.fake.version += 1
    rig.settle()
    assert "proj-1/web" in rig.fake.world.view.enforced


def test_losing_the_lease_ends_the_loop_before_another_write(rig: Rig) -> None:
    rig.fake.leader = False
    rig.now += 5.0
    rig.stop_egress()
    rig.watch.queue.add("web")
    writes = rig.fake.writes
    rig.watch.run(lambda: False)
    assert rig.watch.lost and rig.fake.writes == writes


def test_an_edit_that_could_not_be_read_is_read_again(rig: Rig) -> None:
    rig.fake.manifests, rig.fake.edited = declared(bottle(prompt="new")), True
    rig.fake.load_raises = [PermissionError("no"), PermissionError("no")]
    rig.settle(5.0)
    assert rig.watch.declared == declared(bottle(prompt="new"))


@pytest.mark.parametrize(
    "error", [LedgerUnavailable("locked"), RuntimeError("a bug")], ids=["outage", "bug"]
)
def test_a_lease_that_cannot_be_renewed_is_no_lost_lease(rig: Rig, error: Exception) -> None:
    rig.fake.renew_raises = [error] * 5
    rig.settle(40.0)
    assert not rig.watch.lost and rig.events("recovered")[0]["key"] == "lease"
    rig.stop_egress()
    rig.watch.queue.add("web")
    rig.settle(1.0)
    assert rig.fake.world.plan(declared()).empty


def test_a_ledger_outage_holds_up_nothing_longer_than_it_lasts(rig: Rig) -> None:
    """The crossing that happened meanwhile is seen although the ledger changed only once."""
    rig.fake.ledger_raises = [LedgerUnavailable("locked")] * 4
    rig.fake.raises = [LedgerUnavailable("locked")] * 4
    rig.fake.world.spend("web", 1000)
    rig.fake.version += 1
    rig.settle(30.0)
    assert "proj-1/web" in rig.fake.world.view.enforced
    assert rig.events("recovered")[0]["key"] == "ledger"


def test_an_order_does_not_wait_until_the_project_may_be_tried_again(rig: Rig) -> None:
    """The ledger service cannot be started, say: everything waits, an order does not."""
    for _ in range(8):
        rig.watch._backoff.failed(PROJECT, rig.now)
    rig.fake.world.spend("web", 1000)
    rig.fake.version += 1
    rig.settle()
    assert "proj-1/web" in rig.fake.world.view.enforced


def test_a_bug_in_a_pass_is_told_without_its_text_and_tried_again(rig: Rig) -> None:
    rig.fake.raises = [RuntimeError("sk-real-credential"), KeyError("sk-real-credential")]
    rig.stop_egress()
    rig.watch.queue.add("web")
    rig.settle(5.0)
    assert [e["type"] for e in rig.events("bug")] == ["RuntimeError", "KeyError"]
    assert "sk-real" not in str(rig.log) and "looping.py" in rig.events("bug")[0]["at"][-1]
    assert rig.fake.world.plan(declared()).empty


def test_a_notifier_that_breaks_does_not_end_the_loop(rig: Rig) -> None:
    def broken(_declared: Declared) -> None:
        raise OSError("no")

    rig.watch.notify = broken
    rig.stop_egress()
    rig.watch.queue.add("web")
    rig.settle(5.0)
    assert rig.fake.world.plan(declared()).empty


def test_what_is_refused_as_a_whole_is_tried_again_within_a_minute(rig: Rig) -> None:
    """No edit may ever come: the address pool that was full empties by itself."""
    rig.fake.raises = [Refused("the address pool is used up")]
    rig.stop_egress()
    rig.watch.queue.add("web")
    rig.settle(60.0)
    assert rig.fake.world.plan(declared()).empty


def test_a_new_connection_to_the_engine_ends_the_wait_for_it(rig: Rig) -> None:
    rig.fake.raises = [EngineUnreachable("gone") for _ in range(8)]
    rig.watch.queue.add(PROJECT)
    rig.settle(70.0)
    assert rig.events("failed")[-1]["retry_in"] > 20
    rig.fake.raises = []
    rig.stop_egress()
    rig.watch.queue.add(CONNECTED)
    rig.settle()
    assert rig.fake.world.plan(declared()).empty


def test_a_bottle_that_waits_does_not_make_the_loop_spin_while_the_project_waits(rig: Rig) -> None:
    rig.watch._backoff.failed("web", rig.now)
    for _ in range(6):
        rig.watch._backoff.failed(PROJECT, rig.now)
    plans = rig.fake.plans
    rig.settle(10.0)
    assert rig.fake.plans == plans


def test_a_fenced_run_asks_who_enforces_and_looks_again(rig: Rig) -> None:
    rig.fake.fenced = True
    rig.stop_egress()
    rig.watch.queue.add("web")
    rig.settle()
    rig.fake.fenced = False
    rig.settle(2.0)
    assert rig.fake.world.plan(declared()).empty


@pytest.mark.parametrize("file", ["/h/run/lock", None], ids=["named", "not named"])
def test_a_full_disk_is_a_failure_with_its_place_and_enforcement_goes_on(
    rig: Rig, file: str | None
) -> None:
    rig.fake.raises = [OSError(errno.ENOSPC, "No space left on device", file) for _ in range(2)]
    rig.fake.world.spend("web", 1000)
    rig.fake.version += 1
    rig.settle(5.0)
    assert not rig.events("bug")
    told = rig.events("failed")[0]
    assert told["code"] == "BB1002" and "No space left" in told["message"]
    assert "make room" in told["next"]
    assert (file in told["message"]) if file else ("looping.py" in told["at"][-1])
    assert "proj-1/web" in rig.fake.world.view.enforced
