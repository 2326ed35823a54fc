"""The loop in virtual time, on the pure simulator: what it does, when, and what it leaves alone."""

from __future__ import annotations

import pytest

from botbottle.model.bottle import Limit, Scope
from botbottle.model.route import Route
from botbottle.watch.select import Decision
from botbottle.watch.sources import PROJECT
from tests.support.worlds import bottle, declared
from tests.watch.looping import Rig


def test_a_crossed_budget_is_enforced_at_the_next_look_at_the_ledger(rig: Rig) -> None:
    rig.fake.world.spend("web", 1000)
    rig.fake.version += 1
    rig.settle()
    assert rig.fake.world.view.enforced["proj-1/web"].policy == "cutoff"


def test_a_ledger_that_changes_all_the_time_is_read_for_a_small_part_of_it(rig: Rig) -> None:
    """Heartbeats of many sidecars: a look that takes a millisecond is taken twice a second."""

    def slow() -> None:
        rig.now += 0.001

    rig.fake.reading = slow
    before, start = rig.fake.reads, rig.now
    for _ in range(1000):
        rig.fake.version += 1
        rig.watch.step(0.0)
        rig.now += 0.01
    assert 20 <= rig.fake.reads - before <= 2 + (rig.now - start) / 0.4
    rig.fake.reading = lambda: setattr(rig, "now", rig.now + 60.0)  # a machine that stood still
    rig.settle(2.0)
    rig.fake.reading = lambda: None
    rig.fake.world.spend("web", 1000)
    rig.fake.version += 1
    rig.settle(1.5)
    assert "proj-1/web" in rig.fake.world.view.enforced


def test_usage_that_crosses_nothing_causes_no_pass(rig: Rig) -> None:
    before = rig.fake.plans
    for _ in range(50):
        rig.fake.world.spend("web", 1)
        rig.fake.version += 1
        rig.settle()
    assert rig.fake.plans == before


def test_a_lost_event_costs_time_only(rig: Rig) -> None:
    rig.stop_egress()  # and nobody tells the loop
    rig.settle(40.0)
    assert rig.fake.world.by_kind("egress")[0].state == "running"
    assert rig.fake.world.plan(declared()).empty


def test_an_event_is_handled_at_once_and_doubling_it_changes_nothing(rig: Rig) -> None:
    rig.stop_egress()
    for _ in range(10):
        rig.watch.queue.add("web")
    plans = rig.fake.plans
    rig.settle()
    assert rig.fake.world.by_kind("egress")[0].state == "running"
    assert rig.fake.plans == plans + 2, "one look, and one more under the lock"


def test_broken_manifests_keep_the_last_good_ones_in_force(rig: Rig) -> None:
    rig.fake.manifests, rig.fake.why, rig.fake.edited = None, "home:agents/web.md:2", True
    rig.settle(1.0)
    assert rig.events("manifests-invalid")[0]["why"] == "home:agents/web.md:2"
    rig.fake.world.spend("web", 1000)
    rig.fake.version += 1
    rig.settle()
    assert "proj-1/web" in rig.fake.world.view.enforced


def test_an_edit_that_narrows_is_applied_and_one_that_widens_is_left_alone(rig: Rig) -> None:
    wide = declared(bottle(routes=(Route("new.example"),)))
    rig.fake.manifests, rig.fake.edited = wide, True
    rig.settle(1.0)
    assert rig.events("left-alone")[0]["why"] == "needs bb apply"
    assert not rig.fake.world.plan(wide).empty
    rig.fake.world.converge(wide)
    rig.fake.manifests, rig.fake.edited = declared(), True
    rig.settle(1.0)
    assert rig.fake.world.plan(declared()).empty


def test_level_all_applies_everything_and_level_none_nothing() -> None:
    for level, empty in (("all", True), ("none", False)):
        rig = Rig()
        rig.watch.level = level  # type: ignore[assignment]
        wide = declared(bottle(routes=(Route("new.example"),)))
        rig.fake.manifests, rig.fake.edited = wide, True
        rig.settle(1.0)
        assert rig.fake.world.plan(wide).empty is empty


def test_nothing_to_do_takes_no_lock(rig: Rig) -> None:
    before = rig.fake.locks
    rig.watch.queue.add(PROJECT)
    rig.settle(120.0)
    assert rig.fake.locks == before


def test_what_an_apply_did_before_the_lock_was_taken_is_seen(rig: Rig) -> None:
    """Between the look and the lock somebody else repaired it: nothing is written."""
    rig.stop_egress()
    writes = rig.fake.writes
    rig.fake.on_lock = [lambda: rig.fake.world.converge(declared()) and None]
    rig.watch.queue.add("web")
    rig.settle()
    assert rig.fake.writes == writes and rig.fake.world.plan(declared()).empty


def test_sighup_forgets_every_wait(rig: Rig) -> None:
    rig.watch._backoff.failed("web", rig.now, permanent=True)
    rig.stop_egress()
    rig.watch.reload()
    rig.settle()
    assert rig.fake.world.by_kind("egress")[0].state == "running"


def test_an_idle_hour_costs_two_resyncs_a_minute_and_no_write(rig: Rig) -> None:
    plans, writes = rig.fake.plans, rig.fake.writes
    rig.settle(3600.0)
    assert 115 <= rig.fake.plans - plans <= 125 and rig.fake.writes == writes


def test_sighup_with_broken_manifests_keeps_the_last_good_ones_in_force(rig: Rig) -> None:
    rig.fake.manifests, rig.fake.why = None, "home:agents/web.md:2"
    rig.watch.reload()
    rig.settle(5.0)
    assert [e["kept"] for e in rig.events("manifests-invalid")] == [
        "the last good manifests stay in force"
    ]
    rig.stop_egress()
    rig.watch.queue.add("web")
    rig.settle(1.0)
    assert rig.fake.world.plan(declared()).empty
    assert rig.events("pass")[-1]["manifests"] == "last good"
    rig.fake.manifests, rig.fake.edited = declared(), True
    rig.settle(1.0)
    assert rig.watch.stale == "" and len(rig.events("manifests-loaded")) == 1


def test_sighup_reads_manifests_that_look_unchanged(rig: Rig) -> None:
    loads = rig.fake.loads
    rig.watch.reload()
    rig.settle(1.0)
    assert rig.fake.loads == loads + 1


def test_a_pass_is_one_line_with_all_that_it_was(rig: Rig) -> None:
    rig.log.clear()
    rig.stop_egress()
    rig.watch.queue.add("web")
    rig.settle()
    (line,) = rig.events("pass")
    assert line["trigger"] == ["web"] and line["pass"] == rig.watch.passes
    assert line["planned"] == line["allowed"] == line["done"] > 0
    assert line["failed"] == line["not_started"] == line["held"] == 0
    assert 27.0 <= line["next"] <= 33.0 and {"ms", "observed_ms"} <= line.keys()


def test_every_step_shows_that_the_loop_turns_and_every_decision_is_shown(rig: Rig) -> None:
    beats: list[float] = []
    seen: list[Decision] = []
    rig.watch.alive = lambda: beats.append(rig.now)
    rig.watch.decided = seen.append
    rig.settle(60.0)
    assert len(beats) >= 240
    assert [d.plan.empty for d in seen] == [True] * len(seen) and len(seen) >= 2


@pytest.mark.parametrize("used", [1000, 0])
def test_an_edited_raise_waits_and_holds_up_nothing_else(rig: Rig, used: int) -> None:
    """Of the very pool that is used up, or of one with room: the rest of the edit is done."""
    first = declared(bottle(routes=(Route("one.example"),)))
    rig.fake.world.converge(first)
    raised = declared(
        bottle(scopes=(Scope("agent", "agent:proj-1/web", (Limit("claude", 10**9),)),))
    )
    rig.fake.world.spend("web", used)
    rig.fake.manifests, rig.fake.edited, rig.fake.version = raised, True, rig.fake.version + 1
    rig.settle(2.0)
    assert ("proj-1/web" in rig.fake.world.view.enforced) == bool(used)
    (status,) = (s for s in rig.fake.world.observed.sidecars.values() if s)
    assert status.config and "one.example" not in {r.host for r in status.config.routes}
    assert rig.fake.world.view.pools[0].limit == 1000, "the raise was approved by nobody"
    assert rig.events("left-alone")[0]["why"] == "needs bb apply"
    rig.watch.level, rig.fake.raising = "all", True
    rig.watch.queue.add(PROJECT)
    rig.settle(2.0)
    assert rig.fake.world.view.pools[0].limit == 10**9
    assert "proj-1/web" not in rig.fake.world.view.enforced


def test_a_bottle_that_nothing_tells_of_is_told_once_and_again_when_it_comes_back(rig: Rig) -> None:
    rig.fake.strangers = ("former",)
    rig.settle(120.0)
    (told,) = rig.events("left-alone")
    assert told["bottle"] == "former" and "bb apply removes it" in told["why"]
    rig.fake.strangers = ()
    rig.settle(60.0)
    rig.fake.strangers = ("former",)
    rig.settle(60.0)
    assert len(rig.events("left-alone")) == 2
