"""Nothing is ever live that nobody approved, nothing approved gets lost: edits, orders, budgets,
kills, applies with and without approvals, a watch, and deaths in the middle of each, in any order.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule
from msgspec.structs import replace

from botbottle.model.bottle import Policy
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.route import Route
from botbottle.planner.wanted import routes
from botbottle.watch.select import Level, allowed
from tests.support.exploring import explore
from tests.watch.approved_world import NAMES, Approved
from tests.watch.approving import some_bottle

SOME = st.sampled_from(NAMES)
SEEDS = st.integers(0, 2**16)
ALLOW = st.sets(st.sampled_from(("widen", "budget", "destroy")))
ONLY = st.sampled_from(((), (), *((name,) for name in NAMES)))


class Machine(Approved):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0  # of orders

    # -- what people do -----------------------------------------------------------------------
    @rule(name=SOME, seed=SEEDS)
    def edit(self, name: str, seed: int) -> None:
        self.bottles[name] = some_bottle(name, random.Random(seed))

    @rule(name=SOME)
    def undeclare(self, name: str) -> None:
        self.bottles.pop(name, None)

    @rule(name=SOME, tokens=st.sampled_from((100, 600, 6000)))
    def spend(self, name: str, tokens: int) -> None:
        self.world.spend(name, tokens)

    @rule()
    def a_new_day(self) -> None:
        pools = tuple(replace(p, spent=0) for p in self.world.view.pools)
        self.world.view = replace(self.world.view, pools=pools)

    @rule(
        name=SOME,
        policy=st.sampled_from(("cutoff", "freeze", "kill")),
        seed=SEEDS,
        whole=st.booleans(),
    )
    def order(self, name: str, policy: Policy, seed: int, whole: bool) -> None:
        """``bb cutoff | freeze | kill``: carried out without anybody's approval."""
        key = self.world.key(name)
        self.count += 1
        hold = HoldRecord(key, policy, "operator", "", f"op:{self.count}", 0.0)
        view = self.world.view
        self.world.view = replace(view, holds={**view.holds, key: hold})
        if name in self.bottles:
            plan = self.world.plan(self.want, self.facts(only=(name,)))
            if not plan.needs:
                rng = random.Random(seed)
                if self.carry_out(plan.ops, rng, 1.0 if whole else rng.random()):
                    self.keep(plan, (name,))

    @rule(name=SOME, allow=ALLOW, seed=SEEDS)
    def release(self, name: str, allow: set[str], seed: int) -> None:
        """``bb release`` and ``bb resume``: nothing is lifted before it is approved."""
        if name not in self.bottles:
            return
        key, before = self.world.key(name), self.world.view
        record = before.enforced.get(key)
        enforced = {k: r for k, r in before.enforced.items() if k != key}
        if record and record.policy == "freeze":
            enforced[key] = replace(record, resume=True)
        holds = {k: h for k, h in before.holds.items() if k != key}
        self.world.view = replace(before, holds=holds, enforced=enforced)
        if not self.apply(allow, seed, whole=True, only=(name,)):
            self.world.view = before

    @rule(allow=ALLOW, seed=SEEDS, whole=st.booleans(), only=ONLY)
    def anybody_applies(
        self, allow: set[str], seed: int, whole: bool, only: tuple[str, ...]
    ) -> None:
        if all(name in self.bottles for name in only):
            self.apply(allow, seed, whole=whole, only=only)

    def apply(self, allow: set[str], seed: int, *, whole: bool, only: tuple[str, ...] = ()) -> bool:
        plan = self.world.plan(self.want, self.facts(only=only))
        if not set(plan.needs) <= allow:
            return False
        rng = random.Random(seed)
        chosen = [b for b in self.want.bottles if not only or b.name in only]
        part = replace(self.want, bottles=tuple(chosen))
        limited = {p.scope for p in self.world.view.pools}
        self.model.approve(plan, part, allow, limited)
        self.may_destroy(plan.ops, "destroy" in allow)
        if self.carry_out(plan.ops, rng, 1.0 if whole else rng.random()):
            self.keep(plan, only)
            self.model.settle(plan, part)
            again = self.world.plan(self.want, self.facts(only=only))
            assert again.empty, ("a second plan is not empty", [op.id for op in again.ops])
        return True

    @rule(seed=SEEDS, whole=st.booleans(), level=st.sampled_from(("safe", "safe", "none")))
    def watch(self, seed: int, whole: bool, level: Level) -> None:
        rng, facts = random.Random(seed), self.facts(raises=False)
        agents = self.agents_at_work()
        plan = self.world.plan(self.want, facts)
        part = allowed(plan, level)
        self.may_destroy(part.ops, False)
        cut = {h.bottle for h in plan.held if h.policy == "cutoff"}
        done = self.carry_out(part.ops, rng, 1.0 if whole else rng.random())
        left = self.agents_at_work()
        for name in cut & agents.keys():
            spec = self.bottles[name]
            assert left.get(name) == agents[name] or spec.state != "started", "a cutoff stopped it"
        if done and level == "safe":
            again = allowed(self.world.plan(self.want, facts), level)
            assert again.empty, ("a second pass is not empty", [op.id for op in again.ops])
            self.everybody_is_held_who_should_be()

    @rule(seed=SEEDS)
    def somebody_stops_or_removes(self, seed: int) -> None:
        rng = random.Random(seed)
        ours = sorted(self.world.observed.containers, key=lambda c: c.id)
        if ours:
            found = rng.choice(ours)
            self.world.stop(found)
            if rng.random() < 0.5:
                rest = tuple(c for c in self.world.observed.containers if c.id != found.id)
                self.world.observed = replace(self.world.observed, containers=rest)

    def teardown(self) -> None:
        """Everything approved and everybody free: all is as declared, nothing is lost."""
        self.world.view = replace(self.world.view, holds={}, enforced={})
        self.a_new_day()
        for _ in range(2):
            assert self.apply({"widen", "budget", "destroy"}, 0, whole=True)
        active = self.active()
        for name, spec in self.bottles.items():
            running = spec.state == "started"
            assert (name in self.agents_at_work()) == running
            if running:
                assert active[name].routes == routes(spec)
                assert active[name].supervise == spec.supervise


def test_nothing_is_live_that_nobody_approved_and_nothing_approved_is_lost() -> None:
    explore(Machine, 150, 14)


@pytest.mark.chaos
def test_nor_after_long_histories() -> None:
    explore(Machine, 600, 40)


def test_the_machine_notices_what_nobody_approved() -> None:
    """Positive controls of its invariants."""
    machine = Machine()
    assert not machine.apply(set(), 0, whole=True), "a first apply widens"
    assert machine.apply({"widen"}, 0, whole=True)
    (first, *_) = machine.world.by_kind("egress")
    status = machine.world.observed.sidecars[first.id]
    assert status and status.config
    wrong = {
        "routes": (*status.config.routes, Route("new.example")),
        "supervise": False,
        "learning": True,
    }
    for field, value in wrong.items():
        config = replace(status.config, **{field: value})
        machine.world.status(first.id, replace(status, config=config))
        with pytest.raises(AssertionError):
            machine.no_agent_outside_approval()
    machine.world.status(first.id, status)
    machine.no_agent_outside_approval()
    pools = machine.world.view.pools
    machine.world.view = replace(
        machine.world.view, pools=tuple(replace(p, limit=p.limit + 1) for p in pools)
    )
    with pytest.raises(AssertionError):
        machine.no_limit_beyond_what_was_approved()
