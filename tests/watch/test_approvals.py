"""Nothing is ever live that nobody approved, nothing approved gets lost: edits, orders, budgets,
kills, applies with and without approvals, a watch, and deaths in the middle of each, in any order.

A rule-based state machine on the simulator. What was approved is kept by a model of its own: it is
what a person saw in the plan that they said yes to, however much of that plan was then done.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from botbottle.applying import generation
from botbottle.model import labels
from botbottle.model.bottle import BottleSpec, Declared, EnvVar, Limit, Policy, Resources, Scope
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.plan import Op, Plan, RemoveVolume
from botbottle.model.route import Dlp, Route
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.planner.facts import Facts, Guards
from botbottle.planner.plan import states_of
from botbottle.planner.reach import atoms, weakened_dlp
from botbottle.planner.wanted import routes
from botbottle.watch.select import Level, allowed
from tests.support.worlds import FACTS, World, bottle, declared

NAMES = ("web", "db")
SOME = st.sampled_from(NAMES)
SEEDS = st.integers(0, 2**16)
ALLOW = st.sets(st.sampled_from(("widen", "budget", "destroy")))
ONLY = st.sampled_from(((), (), *((name,) for name in NAMES)))
LIMITS = (500, 1000, 5000)
SHARED = "bottle:base"
HOSTS = ("one.example", "two.example")


def scopes(name: str, own: int, shared: int) -> tuple[Scope, ...]:
    return (
        Scope("agent", f"agent:proj-1/{name}", (Limit("claude", own),)),
        Scope("bottle", SHARED, (Limit("claude", shared),)),
    )


def some_bottle(name: str, rng: random.Random) -> BottleSpec:
    strict = Dlp() if rng.random() < 0.7 else Dlp(outbound_detectors=())
    return bottle(
        name,
        template=rng.choice(("claude", "claude", "codex")),
        routes=tuple(Route(h, dlp=strict) for h in HOSTS if rng.random() < 0.5),
        env=(EnvVar("MODE", "literal", rng.choice(("dev", "prod"))),),
        resources=Resources(memory=rng.choice((1 << 30, 1 << 31))),
        supervise=rng.random() < 0.7,
        learning=rng.random() < 0.2,
        state=rng.choice(("started", "started", "started", "stopped", "absent")),
        shutdown=rng.choice(("cutoff", "cutoff", "freeze", "kill")),
        scopes=scopes(name, rng.choice(LIMITS), rng.choice((10_000, 20_000))),
    )  # fmt: skip


class Model:
    """What somebody has approved, by bottle: reach, routes without leak detection, no supervision,
    learning; and the largest limit of each pool."""

    def __init__(self) -> None:
        self.reach: dict[str, frozenset[str]] = {}
        self.weak: dict[str, list[SidecarConfig]] = {}
        self.limits: dict[str, int] = {}

    def approve(
        self, plan: Plan, want: Declared, allow: Collection[str], limited: Collection[str]
    ) -> None:
        """Somebody said yes to this plan, and to ``allow`` of what it asks for. ``limited``: the
        scopes that have limits already."""
        held = {h.bottle for h in plan.held}
        for spec in want.bottles:
            if spec.name not in held and spec.state == "started" and "widen" in allow:
                whole = config_of(spec)
                self.reach[spec.name] = self.reach.get(spec.name, frozenset()) | atoms(whole)
                self.weak.setdefault(spec.name, []).append(whole)
            for scope in spec.scopes:
                for limit in scope.limits:
                    if "budget" in allow or scope.key not in limited:
                        known = self.limits.get(scope.key, 0)
                        self.limits[scope.key] = max(known, limit.tokens)

    def settle(self, plan: Plan, want: Declared) -> None:
        """A whole apply: what was approved before is asked for again from now on."""
        held = {h.bottle for h in plan.held}
        for spec in want.bottles:
            if spec.name not in held and spec.state == "started":
                whole = config_of(spec)
                assert atoms(whole) <= self.reach[spec.name], "kept as approved by nobody"
                self.reach[spec.name], self.weak[spec.name] = atoms(whole), [whole]


def config_of(spec: BottleSpec) -> SidecarConfig:
    return SidecarConfig(spec.name, routes(spec), supervise=spec.supervise, learning=spec.learning)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.bottles: dict[str, BottleSpec] = {
            name: bottle(name, scopes=scopes(name, 1000, 10_000)) for name in NAMES
        }
        self.model = Model()
        self.kept = ""  # the newest generation
        self.count = 0

    # -- what the parts of bb are told -------------------------------------------------------
    @property
    def want(self) -> Declared:
        return replace(declared(), bottles=tuple(self.bottles.values()))

    def facts(self, *, raises: bool = True, only: tuple[str, ...] = ()) -> Facts:
        applied: dict[str, Any] = json.loads(self.kept) if self.kept else {}
        return replace(
            FACTS,
            approved={n: frozenset(found) for n, found in applied.get("reach", {}).items()},
            guards=Guards(applied.get("guards", {})),
            raises=raises,
            only=only,
        )

    def keep(self, plan: Plan, only: tuple[str, ...] = ()) -> None:
        applied = json.loads(self.kept) if self.kept else None
        session: Any = SimpleNamespace(applied=lambda _: applied)
        self.kept = generation(session, self.want, only, {h.bottle for h in plan.held})

    def carry_out(self, ops: Collection[Op], rng: random.Random, share: float) -> bool:
        """A down-closed part of a plan, in an order that it allows; whether it was the whole."""
        todo, done, budget = list(ops), set[str](), round(len(ops) * share)
        while todo and budget:
            op = rng.choice([op for op in todo if set(op.after) <= done])
            self.world.apply(op)
            self.no_agent_outside_approval()
            done.add(op.id)
            todo.remove(op)
            budget -= 1
        return not todo

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
            self.world._stop(found)
            if rng.random() < 0.5:
                rest = tuple(c for c in self.world.observed.containers if c.id != found.id)
                self.world.observed = replace(self.world.observed, containers=rest)

    # -- what always holds --------------------------------------------------------------------
    def active(self) -> dict[str, SidecarConfig]:
        found = {}
        for c in self.world.by_kind("egress"):
            status = self.world.observed.sidecars.get(c.id)
            if c.state == "running" and status and status.config:
                found[c.labels[labels.BOTTLE]] = status.config
        return found

    def agents_at_work(self) -> dict[str, str]:
        agents = (c for c in self.world.by_kind("agent") if c.state == "running")
        return {c.labels[labels.BOTTLE]: c.id for c in agents}

    @invariant()
    def no_agent_outside_approval(self) -> None:
        for name, config in self.active().items():
            if config.hold.policy:
                assert not config.routes
                continue
            extra = atoms(config) - self.model.reach.get(name, frozenset())
            assert not extra, (name, "reaches what nobody approved", sorted(extra))
            known = self.model.weak.get(name, [])
            assert any(not weakened_dlp(k, config) for k in known), (name, "leaks more")
            assert config.supervise or any(not k.supervise for k in known), (name, "unsupervised")
            assert not config.learning or any(k.learning for k in known), (name, "learns")

    @invariant()
    def no_limit_beyond_what_was_approved(self) -> None:
        for pool in self.world.view.pools:
            assert pool.limit <= self.model.limits.get(pool.scope, 0), (pool, "raised by nobody")

    def may_destroy(self, ops: Collection[Op], approved: bool) -> None:
        lost = [op for op in ops if isinstance(op, RemoveVolume) and op.reason != "killed"]
        assert approved or not lost, [op.id for op in lost]

    def everybody_is_held_who_should_be(self) -> None:
        states, active = states_of(self.want, self.world.view), self.active()
        for name, state in states.items():
            if self.bottles[name].state == "absent" or state.free:
                continue
            config = active.get(name)
            assert config is None or not config.routes, (name, state.policy)
            if state.policy in ("freeze", "kill"):
                assert name not in self.agents_at_work(), (name, state.policy)

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


def explore(examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_nothing_is_live_that_nobody_approved_and_nothing_approved_is_lost() -> None:
    explore(150, 14)


@pytest.mark.chaos
def test_nor_after_long_histories() -> None:
    explore(600, 40)


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
