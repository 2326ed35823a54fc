"""The loop in virtual time, on the pure simulator: what it does, when, and what it leaves alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from botbottle.errors import EngineUnreachable, LedgerUnavailable, Locked, Refused
from botbottle.executor import Failure, NotStarted, Result
from botbottle.model.bottle import Declared
from botbottle.model.plan import Plan
from botbottle.model.route import Route
from botbottle.planner.plan import states_of
from botbottle.planner.reach import route_atoms
from botbottle.planner.wanted import routes
from botbottle.watch.loop import Watch
from botbottle.watch.select import Decision
from botbottle.watch.sources import CONNECTED, PROJECT
from tests.support.worlds import FACTS, World, bottle, declared

# What an earlier apply was approved for: the provider's own routes.
APPROVED = frozenset(a for r in routes(bottle()) for a in route_atoms(r))


@dataclass
class Fake:
    """``loop.World`` on the simulator, with faults."""

    world: World = field(default_factory=World)
    manifests: Declared | None = field(default_factory=declared)
    why: str = ""
    edited: bool = False
    version: int = 0
    seen: int = -1
    leader: bool = True
    raises: list[Exception] = field(default_factory=list)
    fail_ops: tuple[str, ...] = ()
    plans: int = 0
    writes: int = 0
    released: tuple[str, ...] = ()
    lock_held: bool = False  # by somebody else
    locks: int = 0
    fenced: bool = False
    on_lock: list[Callable[[], None]] = field(default_factory=list)
    ledger_raises: list[Exception] = field(default_factory=list)
    renew_raises: list[Exception] = field(default_factory=list)
    load_raises: list[Exception] = field(default_factory=list)
    loads: int = 0
    reads: int = 0  # of the ledger
    reading: Callable[[], None] = lambda: None  # what happens while the ledger is read

    def load(self) -> tuple[Declared | None, str]:
        self.edited = False
        self.loads += 1
        if self.load_raises:
            raise self.load_raises.pop(0)
        return self.manifests, self.why

    def plan(self, want: Declared) -> Plan:
        self.plans += 1
        if self.raises:
            raise self.raises.pop(0)
        approved = {b.name: APPROVED for b in want.bottles}
        return self.world.plan(want, replace(FACTS, approved=approved))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        if self.lock_held:
            raise Locked("bb apply, process 4711")
        for act in self.on_lock:
            act()
        self.locks += 1
        yield

    def execute(self, want: Declared, plan: Plan) -> Result:
        if self.fenced:
            return Result(not_started=tuple(NotStarted(op, "fenced") for op in plan.ops))
        if any(f in op.id for op in plan.ops for f in self.fail_ops):
            return Result(failed=tuple(Failure(op, EngineUnreachable("no")) for op in plan.ops))
        self.world.run(plan.ops)
        self.writes += len(plan.ops)
        return Result(done=plan.ops)

    def standings(self, want: Declared) -> Mapping[str, str]:
        self.reads += 1
        self.reading()
        if self.ledger_raises:
            raise self.ledger_raises.pop(0)
        states = states_of(want, self.world.view)
        return {n: f"{s.policy}:{s.trigger_id}" for n, s in states.items()}

    def ledger_changed(self) -> bool:
        changed, self.seen = self.seen != self.version, self.version
        return changed

    def files_changed(self) -> bool:
        seen, self.edited = self.edited, False
        return seen

    def resumed(self) -> tuple[str, ...]:
        found, self.released = self.released, ()
        return found

    def renew(self) -> bool:
        if self.renew_raises:
            raise self.renew_raises.pop(0)
        return self.leader


@dataclass
class Rig:
    """A loop, its world and its clock."""

    fake: Fake = field(default_factory=Fake)
    now: float = 1000.0
    log: list[dict[str, Any]] = field(default_factory=list)
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.fake.world.converge(declared())
        self.watch = Watch(
            self.fake, lambda: self.now, lambda: 0.5, self.log.append, declared=self.fake.manifests
        )
        self.settle()

    def settle(self, seconds: float = 0.0) -> None:
        """Let virtual time pass in ticks, doing whatever is due."""
        end = self.now + seconds
        while True:
            for _ in range(20):
                if self.watch.step(0.0) is None and not len(self.watch.queue):
                    break
            else:
                raise AssertionError("the loop spins without any time passing")
            if self.now >= end:
                return
            self.now += 0.25

    def events(self, name: str) -> list[dict[str, Any]]:
        return [r for r in self.log if r["event"] == name]

    def stop_egress(self) -> None:
        self.fake.world._stop(self.fake.world.by_kind("egress")[0])


@pytest.fixture
def rig() -> Rig:
    return Rig()


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


def test_one_bottles_failure_does_not_hold_up_another() -> None:
    rig = Rig()
    both = declared(bottle("a"), bottle("b"))
    rig.fake.world.converge(both)
    rig.fake.manifests, rig.fake.edited = both, True
    rig.settle(1.0)
    rig.watch._backoff.failed("a", rig.now)
    for egress in rig.fake.world.by_kind("egress"):
        rig.fake.world._stop(egress)
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
        rig.fake.world._stop(rig.fake.world.by_kind("ledger")[0])
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
    assert "sk-real" not in str(rig.log) and "test_loop.py" in rig.events("bug")[0]["at"][-1]
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
