"""Enforcement races on the simulator: whatever comes in between, the right end, and one audit
row for each trigger.

A history mixes crossings, orders of an operator, raised budgets, releases, resumes and meddling
with passes that die after any operation. Orders come while a pass is under way, too: the rest of
the old plan is carried out all the same, as by a watch that planned a moment earlier.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest
from msgspec.structs import replace

from botbottle.model.bottle import Declared, Policy
from botbottle.model.ledger_view import EnforcementRecord, HoldRecord
from botbottle.model.plan import (
    CommitImage,
    Op,
    RecordEnforcement,
    Ref,
    RemoveContainer,
    SaveVolumes,
)
from botbottle.planner.facts import Facts
from botbottle.planner.plan import states_of
from tests.support.worlds import FACTS, World, bottle, declared

KEY = "proj-1/web"
RACES = 1000


class Ledger(World):
    """The simulator with the ledger's own rules: an append-only audit where an action that stands
    already is not written again, kills that become orders, and snapshots."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[str, Policy, str]] = []
        self.tags: list[str] = []
        self.count = 0

    @property
    def facts(self) -> Facts:
        return replace(FACTS, snapshots={"web": tuple(self.tags)} if self.tags else {})

    def apply(self, op: Op) -> None:
        if isinstance(op, CommitImage):
            state = self.container(op.ref).state
            assert state not in ("running", "paused"), "a snapshot of what may still change"
        elif isinstance(op, SaveVolumes):
            state = self.container(op.ref).state
            assert state not in ("running", "paused"), "volumes that may still change"
            self.tags = [op.snapshot, *(t for t in self.tags if t != op.snapshot)]
        elif isinstance(op, RecordEnforcement):
            self._record(op)
        else:
            super().apply(op)

    def _record(self, op: RecordEnforcement) -> None:
        done = self.view.enforced.get(KEY)
        if op.lift:
            if done:
                self.rows.append(("lift", op.policy, op.trigger))
                self.view = replace(self.view, enforced={})
            return
        if done and (done.policy, done.trigger_id) == (op.policy, op.trigger):
            return
        record = EnforcementRecord(KEY, op.policy, op.trigger, 0.0)
        self.view = replace(self.view, enforced={KEY: record})
        if op.policy == "kill" and (KEY not in self.view.holds or self.policy != "kill"):
            self.order("kill", op.trigger)
        if not (done and self._stands(op)):
            self.rows.append(("enforce", op.policy, op.trigger))

    def _stands(self, op: RecordEnforcement) -> bool:
        """Written already, and nothing was lifted since."""
        for row in reversed(self.rows):
            if row[0] == "lift":
                return False
            if row == ("enforce", op.policy, op.trigger):
                return True
        return False

    @property
    def policy(self) -> str:
        hold = self.view.holds.get(KEY)
        return hold.policy if hold else ""

    # -- what people and agents do --------------------------------------------------------
    def order(self, policy: Policy, trigger: str = "") -> None:
        self.count += 1
        hold = HoldRecord(KEY, policy, "operator", "", trigger or f"op:{self.count}", 0.0)
        self.view = replace(self.view, holds={KEY: hold})

    def command(self, policy: Policy) -> None:
        strength = {"": 0, "cutoff": 1, "freeze": 2, "kill": 3}
        if strength[policy] >= strength[self.policy]:
            self.order(policy)

    def release(self) -> None:
        """``bb release`` and ``bb resume``."""
        self.view = replace(self.view, holds={})
        record = self.view.enforced.get(KEY)
        if record and record.policy == "freeze":
            self.view = replace(self.view, enforced={KEY: replace(record, resume=True)})
        elif record:
            self.rows.append(("lift", record.policy, record.trigger_id))
            self.view = replace(self.view, enforced={})

    def limit(self, tokens: int) -> None:
        pools = tuple(
            replace(p, limit=tokens) if p.scope.startswith("agent:") else p for p in self.view.pools
        )
        self.view = replace(self.view, pools=pools)

    def lose_agent(self) -> None:
        for agent in self.by_kind("agent"):
            ref = Ref(agent.name, agent.id)
            super().apply(
                RemoveContainer(id="x", resource="", bottle="web", reason="", ref=ref, kill=True)
            )


def event(world: Ledger, rng: random.Random) -> str:
    kind = rng.choice(
        ("spend", "raise", "cutoff", "freeze", "kill", "release", "release", "raise", "lose")
    )
    match kind:
        case "spend":
            world.spend("web", rng.choice((300, 1000, 5000)))
        case "raise":
            pools = [p for p in world.view.pools if p.scope.startswith("agent:")]
            world.limit(max((p.spent for p in pools), default=0) + rng.choice((1, 1000)))
        case "cutoff" | "freeze" | "kill":
            world.command(kind)
        case "release":
            world.release()
        case "lose":
            world.lose_agent()
    return kind


def half_pass(world: Ledger, want: Declared, rng: random.Random) -> None:
    """A pass that may die after any operation, with events between its operations."""
    plan = world.plan(want, world.facts)
    stop = rng.randrange(len(plan.ops) + 2)
    done: set[str] = set()
    todo = list(plan.ops)
    for _ in range(stop):
        ready = [op for op in todo if set(op.after) <= done]
        if not ready:
            return
        op = rng.choice(ready)
        try:
            world.apply(op)
        except (LookupError, AssertionError):
            return  # the world moved under an old plan: the engine refuses, the pass ends
        done.add(op.id)
        todo.remove(op)
        if rng.random() < 0.3:
            event(world, rng)


def converge(world: Ledger, want: Declared) -> None:
    for _ in range(3):
        made = world.plan(want, world.facts)
        if made.empty:
            return
        world.run(made.ops)
    assert world.plan(want, world.facts).empty


def race(seed: int) -> tuple[Ledger, Declared]:
    rng = random.Random(seed)
    want = declared(
        bottle(shutdown=rng.choice(("cutoff", "freeze", "kill")), resume_auto=rng.random() < 0.3)
    )
    world = Ledger()
    world.converge(want)
    for _ in range(rng.randrange(1, 8)):
        event(world, rng)
        half_pass(world, want, rng)
    converge(world, want)
    return world, want


def right_end(world: Ledger, want: Declared) -> None:
    state = states_of(want, world.view)["web"]
    agents = [c.state for c in world.by_kind("agent")]
    match state.policy:
        case "kill":
            assert not agents and not world.by_kind("egress") and not world.observed.volumes
        case "freeze":
            assert "running" not in agents and "paused" not in agents
        case _:
            assert agents == ["running"]
    egress = [c.id for c in world.by_kind("egress") if c.state == "running"]
    configs = [s.config for i in egress if (s := world.observed.sidecars.get(i))]
    assert all(bool(c and c.routes) == state.free for c in configs)
    assert bool(configs) == (state.policy in ("", "cutoff"))


def one_row_each(world: Ledger, want: Declared) -> None:
    """Between two liftings no trigger has two rows, and the one in force has its row."""
    since_lift: Counter[tuple[str, str]] = Counter()
    for action, policy, trigger in world.rows:
        if action == "lift":
            since_lift.clear()
        else:
            since_lift[(policy, trigger)] += 1
            assert since_lift[(policy, trigger)] == 1, world.rows
    state = states_of(want, world.view)["web"]
    if not state.free:
        assert since_lift[(state.policy, state.trigger_id)] == 1, (state, world.rows)
    assert (KEY in world.view.enforced) == (not state.free)


@pytest.mark.parametrize("block", range(10))
def test_every_race_ends_right_with_one_row_for_each_trigger(block: int) -> None:
    for seed in range(block * RACES // 10, (block + 1) * RACES // 10):
        try:
            world, want = race(seed)
            right_end(world, want)
            one_row_each(world, want)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def test_races_reach_every_policy_and_its_lifting() -> None:
    """Positive control: the histories do reach what the properties are about."""
    seen = Counter(row[:2] for seed in range(100) for row in race(seed)[0].rows)
    for policy in ("cutoff", "freeze", "kill"):
        assert seen[("enforce", policy)] > 5 and seen[("lift", policy)] > 0, seen


def test_a_second_row_would_be_noticed() -> None:
    world, want = race(1)
    world.rows += [("enforce", "cutoff", "t"), ("enforce", "cutoff", "t")]
    with pytest.raises(AssertionError):
        one_row_each(world, want)
