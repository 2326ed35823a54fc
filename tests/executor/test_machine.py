"""Planner, executor and engine under any mix of edits, spending, orders, meddling, stale plans and
applies that die: after every step the world is safe, and at the end plain applies settle it.

A rule-based state machine of Hypothesis on the engine in memory; a chaos run looks much further.
"""

from __future__ import annotations

import os
import random
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from botbottle.engine.fake import Container, Crash, Faults
from botbottle.engine.fake.world import Network
from botbottle.errors import BBError
from botbottle.executor import execute
from botbottle.model import labels as lb
from botbottle.model.bottle import BottleSpec, Declared, EnvVar, Limit, Policy, Resources, Scope
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.paths import HomePaths
from botbottle.model.plan import Plan
from botbottle.model.resources import ContainerSpec, Observed
from botbottle.model.route import Route
from botbottle.planner.names import ledger_name, names, outer_name
from botbottle.planner.pending import judge
from botbottle.planner.reach import atoms
from botbottle.planner.wanted import routes
from botbottle.vault import MemoryVault
from tests.executor.test_vandalism import ACTS
from tests.support.executing import KEY, VirtualClock
from tests.support.exploring import explore
from tests.support.fleet import SECRETS, Builder, Fleet
from tests.support.worlds import FACTS, bottle, declared

BOTTLES = ("web", "db", "api")
NAMES = st.sampled_from(BOTTLES)
HOSTS = ("one.example", "two.example")
SEEDS = st.integers(0, 2**16)
POLICIES: st.SearchStrategy[Policy] = st.sampled_from(("cutoff", "freeze", "kill"))


def some_bottle(name: str, rng: random.Random) -> BottleSpec:
    limit = Limit("claude", rng.choice((500, 1000, 5000)))
    return bottle(
        name,
        template=rng.choice(("claude", "claude", "codex")),
        routes=tuple(Route(h) for h in HOSTS if rng.random() < 0.5),
        env=(EnvVar("MODE", "literal", rng.choice(("dev", "prod"))),),
        resources=Resources(memory=rng.choice((1 << 30, 1 << 31))),
        state=rng.choice(("started", "started", "started", "stopped", "absent")),
        shutdown=rng.choice(("cutoff", "freeze", "kill")),
        scopes=(Scope("agent", f"agent:proj-1/{name}", (limit,)), Scope("global", "global")),
    )


class Seeing(Fleet):
    """Looks at the engine the way a session does: strangers that hold a name or subnet, too."""

    __slots__ = ()

    def observe(self) -> Observed:
        home = HomePaths(self.home).home_id
        called = [names(home, "proj-1", name) for name in BOTTLES]
        held = [n for c in called for n in (c.agent, c.egress, c.network, c.home, c.workspace)]
        held += [ledger_name(home), outer_name(home)]
        seen = self.engine.observe(
            home,
            tags=tuple(FACTS.images.values()),
            names=held,
            subnets=("10.213.0.0/16",),
            lookalikes=True,
        )
        return replace(seen, sidecars=super().observe().sidecars)


class Machine(RuleBasedStateMachine):
    """``want``: what is declared now. Two strangers live on the same engine all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.before = Path.cwd()
        os.chdir(self.directory.name)
        self.fleet = Seeing("home")  # the same in every run: names and subnets follow from it
        self.bottles: dict[str, BottleSpec] = {"web": bottle("web")}
        world = self.fleet.engine.world
        spec = ContainerSpec("somebody", "agent", "", "img")
        stranger = Container("s" * 64, "somebody", spec, "img", {}, spec.limits, state="running")
        world.containers[stranger.id] = stranger
        lan = Network("t" * 64, "lan", {}, False, "10.213.0.16/28", False)
        world.networks[lan.id] = lan
        self.strangers = (replace(stranger), replace(lan))
        self.late: Plan | None = None

    @property
    def want(self) -> Declared:
        return replace(declared(), bottles=tuple(self.bottles.values()))

    # -- what people declare and order --------------------------------------------------
    @rule(name=NAMES, seed=SEEDS)
    def edit(self, name: str, seed: int) -> None:
        self.bottles[name] = some_bottle(name, random.Random(seed))

    @rule(name=NAMES)
    def undeclare(self, name: str) -> None:
        self.bottles.pop(name, None)

    @rule(name=NAMES, tokens=st.sampled_from((100, 600, 6000)))
    def spend(self, name: str, tokens: int) -> None:
        self.fleet.books.world.spend(name, tokens)

    @rule(name=NAMES, policy=POLICIES, number=SEEDS)
    def order(self, name: str, policy: Policy, number: int) -> None:
        world = self.fleet.books.world
        key = world.key(name)
        hold = HoldRecord(key, policy, "operator", "", f"op:{number}", 0.0)
        world.view = replace(world.view, holds={**world.view.holds, key: hold})

    @rule(name=NAMES)
    def release(self, name: str) -> None:
        """``bb release`` and ``bb resume``."""
        world = self.fleet.books.world
        key, view = world.key(name), world.view
        holds = {k: v for k, v in view.holds.items() if k != key}
        enforced = dict(view.enforced)
        record = enforced.pop(key, None)
        if record and record.policy == "freeze":
            enforced[key] = replace(record, resume=True)
        world.view = replace(view, holds=holds, enforced=enforced)

    # -- what somebody else does ----------------------------------------------------------
    @rule(seed=SEEDS)
    def meddle(self, seed: int) -> None:
        rng = random.Random(seed)
        ours = self.ours()
        if ours:
            with suppress(BBError):  # the engine refuses: it did not happen
                rng.choice(ACTS)(self.fleet, rng.choice(ours), rng)
            _, lan = self.strangers  # whoever dropped that one was not bb
            self.fleet.engine.world.networks.setdefault(lan.id, replace(lan))

    @rule(seed=SEEDS)
    def swap_names(self, seed: int) -> None:
        rng, ours = random.Random(seed), self.ours()
        if len(ours) > 1:
            one, two = rng.sample(ours, 2)
            one.name, two.name = two.name, one.name

    # -- what bb does -----------------------------------------------------------------------
    @rule(parallel=st.sampled_from((1, 3)))
    def apply(self, parallel: int) -> None:
        self.fleet.apply(self.want, parallel)

    @rule(cut=st.integers(1, 14), after=st.booleans())
    def apply_that_dies(self, cut: int, after: bool) -> None:
        self.fleet.engine.restart(Faults(crash_at=cut, crash_after=after))
        try:
            self.fleet.apply(self.want)
        except Crash:
            pass
        finally:
            self.fleet.engine.restart()

    @rule()
    def make_a_plan(self) -> None:
        self.late = self.fleet.plan(self.want)

    @rule()
    def carry_out_a_late_plan(self) -> None:
        """As ``bb apply FILE`` does under the lock: only while the difference is still the same."""
        if self.late is None or self.late.digest != self.fleet.plan(self.want).digest:
            return
        execute(
            self.late,
            self.fleet.engine,
            self.fleet.sidecars,
            self.fleet.books,
            MemoryVault(KEY, SECRETS),
            Builder(self.fleet.engine),
            parallel=1,
            clock=VirtualClock(),
        )
        self.late = None

    # -- what always holds --------------------------------------------------------------------
    @invariant()
    def strangers_are_untouched(self) -> None:
        world = self.fleet.engine.world
        container, lan = self.strangers
        assert world.containers[container.id] == container and world.networks[lan.id] == lan

    @invariant()
    def at_most_one_copy_of_anything_lives(self) -> None:
        live = [(c.labels[lb.KIND], c.labels[lb.BOTTLE]) for c in self.ours() if c.alive]
        assert len(live) == len(set(live)), live

    @invariant()
    def a_running_agent_has_an_account(self) -> None:
        """Retired accounts belong to removed bottles."""
        view = self.fleet.books.world.view
        for c in self.ours():
            if c.labels[lb.KIND] == "agent" and c.state == "running":
                assert self.fleet.books.world.key(c.labels[lb.BOTTLE]) in view.registered

    def ours(self) -> list[Container]:
        found = self.fleet.engine.world.containers.values()
        ours = (c for c in found if lb.HOME in c.labels)
        return sorted(ours, key=lambda c: (c.labels[lb.KIND], c.labels.get(lb.BOTTLE, ""), c.id))

    # -- how it ends ------------------------------------------------------------------------
    def teardown(self) -> None:
        try:
            for _ in range(4):
                self.fleet.apply(self.want)
            left = self.fleet.plan(self.want)
            assert left.empty, [op.id for op in left.ops]
            self.fleet.check_safe(running_agents_only=True)  # others are looked at when they start
            self.fleet.engine.restart()
            self.fleet.apply(self.want)
            assert self.fleet.engine.calls == [], "an empty plan wrote"
            self.strangers_are_untouched()
            self.everybody_is_where_they_should_be()
        finally:
            os.chdir(self.before)
            self.directory.cleanup()

    def everybody_is_where_they_should_be(self) -> None:
        # A limit that is declared and used up already holds a bottle that was never registered.
        verdicts = judge(self.want, self.fleet.books.world.view)
        states = {name: verdict.standing for name, verdict in verdicts.items()}
        observed = self.fleet.observe()
        agents = {c.labels[lb.BOTTLE]: c for c in self.ours() if c.labels[lb.KIND] == "agent"}
        sidecars = {c.labels[lb.BOTTLE]: c.id for c in self.ours() if c.labels[lb.KIND] == "egress"}
        assert agents.keys() <= self.bottles.keys()
        for name, spec in self.bottles.items():
            state, agent = states[name], agents.get(name)
            running = agent is not None and agent.state == "running"
            applied = self.fleet.books.world.key(name) in self.fleet.books.world.view.registered
            runs = state.free or (applied and state.policy == "cutoff")  # else it is not made
            wanted = spec.state == "started" and runs
            assert running == wanted, (name, state.policy)
            if running:
                active = observed.sidecars[sidecars[name]]
                allowed = {r.host for r in routes(spec)} if state.free else set()
                assert active and active.config
                assert {r.host for r in active.config.routes} == allowed
                assert bool(atoms(active.config)) == state.free
            if state.policy == "kill" or spec.state == "absent":
                assert agent is None


def test_any_mix_of_events_is_safe_at_every_step_and_settles() -> None:
    explore(Machine, 40, 12)


@pytest.mark.chaos
def test_long_mixes_are_safe_and_settle() -> None:
    explore(Machine, 1500, 40)


def test_the_machine_notices_an_agent_without_an_account() -> None:
    """Positive control of one invariant, and of the ending."""
    machine = Machine()
    machine.apply(1)
    machine.a_running_agent_has_an_account()
    view = machine.fleet.books.world.view
    machine.fleet.books.world.view = replace(view, registered={})
    with pytest.raises(AssertionError):
        machine.a_running_agent_has_an_account()
    machine.fleet.books.world.view = view
    for container in machine.ours():
        container.state = "exited"
    with pytest.raises(AssertionError):
        machine.everybody_is_where_they_should_be()
    machine.teardown()


def test_the_machine_notices_a_stranger_that_was_touched_and_a_second_copy() -> None:
    machine = Machine()
    machine.apply(1)
    stranger = machine.fleet.engine.world.containers["s" * 64]
    stranger.name = "renamed"
    with pytest.raises(AssertionError):
        machine.strangers_are_untouched()
    stranger.name = "somebody"
    agent = next(c for c in machine.ours() if c.labels[lb.KIND] == "agent")
    copy = replace(agent, id="f" * 64, name="copy")
    machine.fleet.engine.world.containers[copy.id] = copy
    with pytest.raises(AssertionError):
        machine.at_most_one_copy_of_anything_lives()
    del machine.fleet.engine.world.containers[copy.id]
    machine.teardown()
