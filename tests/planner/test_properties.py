"""Properties of every plan: convergence from any half-state, safety at every prefix, ownership.

Worlds are made by history, not by chance alone: random edits, spending, foreign meddling and
applies that stop anywhere. After each single operation the invariants of reconciler safety hold;
after any such history two plain re-runs bring the plan to nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.bottle import Declared, Limit, Resources, Scope
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.plan import Op, PushConfig, Ref, RemoveContainer, StopContainer
from botbottle.model.resources import Endpoint, ObservedContainer, ObservedNetwork
from botbottle.model.route import Route
from botbottle.planner.reach import atoms
from tests.support.worlds import FACTS, World, bottle, declared

NAMES = ("a", "b", "c")
HOSTS = ("one.example", "two.example", "three.example")
STRANGER = ObservedContainer("stranger", "someone-else", "running", "img", {})


def random_declared(rng: random.Random) -> Declared:
    made = []
    for name in NAMES:
        if rng.random() < 0.25:
            continue
        limit = rng.choice((500, 1000, 5000))
        made.append(
            bottle(
                name,
                routes=tuple(Route(h) for h in HOSTS if rng.random() < 0.4),
                prompt=rng.choice(("", "be brief")),
                resources=Resources(memory=rng.choice((1 << 30, 1 << 31))),
                state=rng.choice(("started", "started", "started", "stopped", "absent")),
                shutdown=rng.choice(("cutoff", "freeze", "kill")),
                scopes=(
                    Scope("agent", f"agent:proj-1/{name}", (Limit("claude", limit),)),
                    Scope("global", "global"),
                ),
            )
        )
    return declared(*made) if made else replace(declared(), bottles=())


def meddle(world: World, rng: random.Random) -> None:
    """Another actor kills, removes, stops, disconnects, connects or changes something of ours."""
    ours = [c for c in world.observed.containers if labels.HOME in c.labels]
    if not ours:
        return
    target = rng.choice(sorted(ours, key=lambda c: c.id))
    kind = rng.choice(("stop", "remove", "disconnect", "limits", "pause", "stray", "deaf"))
    if kind == "stop":
        world.stop(target)
    elif kind == "remove":
        world.stop(target)
        rest = tuple(c for c in world.observed.containers if c.id != target.id)
        world.observed = replace(world.observed, containers=rest)
    elif kind == "disconnect" and target.endpoints:
        end = target.endpoints[0]
        world.set(target, endpoints=target.endpoints[1:])
        world.endpoint(world.network(Ref("", end.network_id)), target.id, False)
    elif kind == "limits" and target.limits:
        world.set(target, limits=replace(target.limits, pids=7))
    elif kind == "pause" and target.state == "running":
        world.set(target, state="paused")
    elif kind == "stray" and target.labels[labels.KIND] == "agent" and target.state == "running":
        net = next((n for n in world.observed.networks if n.id == "bridge"), None)
        if net is None:
            net = ObservedNetwork("bridge", "bridge", {}, False, ("172.17.0.0/16",))
            world.observed = replace(world.observed, networks=(*world.observed.networks, net))
        world.set(target, endpoints=(*target.endpoints, Endpoint("bridge", "bridge")))
        world.endpoint(net, target.id, True)
    elif kind == "deaf":
        world.status(target.id, None)


class Watcher:
    """Checks the invariants after every op of an apply, which is a part of ``ops``."""

    def __init__(self, world: World, ops: Iterable[Op] = ()) -> None:
        self.world = world
        self.active = self.reaches()
        self.leaving = {op.ref.id for op in ops if isinstance(op, StopContainer | RemoveContainer)}

    def reaches(self) -> dict[str, frozenset[str]]:
        found = {}
        for egress in self.world.by_kind("egress"):
            status = self.world.observed.sidecars.get(egress.id)
            if egress.state == "running" and status:
                found[egress.labels[labels.BOTTLE]] = atoms(status.config)
        return found

    def check(self, op: Op, before: World | None = None) -> None:
        self.one_live_copy()
        self.strangers_untouched()
        self.budget_before_start()
        if isinstance(op, PushConfig):
            self.never_wider_than_declared(op)

    def one_live_copy(self) -> None:
        live: set[tuple[str, str]] = set()
        for c in self.world.observed.containers:
            if c.state in ("running", "paused") and labels.HOME in c.labels:
                key = (c.labels[labels.BOTTLE], c.labels[labels.KIND])
                assert key not in live, f"two live copies of {key}"
                live.add(key)

    def strangers_untouched(self) -> None:
        assert STRANGER in self.world.observed.containers

    def budget_before_start(self) -> None:
        for agent in self.world.by_kind("agent"):
            if agent.state == "running":
                assert self.world.key(agent.labels[labels.BOTTLE]) in self.world.view.registered

    def never_wider_than_declared(self, op: PushConfig) -> None:
        """While a copy that makes way for another lives, no more is active than it had."""
        leaving = [
            c
            for c in self.world.by_kind("agent")
            if c.labels[labels.BOTTLE] == op.bottle
            and c.state == "running"
            and c.id in self.leaving
        ]
        if leaving:
            assert atoms(op.config) <= self.active.get(op.bottle, frozenset()), op.id
        self.active = self.reaches()


def agents_never_outside(world: World, bad: set[str]) -> None:
    """No op of ours puts an agent on anything but its internal network."""
    for agent in world.by_kind("agent"):
        for end in agent.endpoints:
            network = world.network(Ref("", end.network_id))
            assert network.internal or network.id in bad


def partial(world: World, ops: tuple[Op, ...], rng: random.Random, share: float) -> None:
    """Run a random down-closed part of the plan in a random order that the plan allows."""
    done: set[str] = set()
    todo = list(ops)
    budget = round(len(ops) * share)
    watcher = Watcher(world, ops)
    while todo and budget:
        ready = [op for op in todo if set(op.after) <= done]
        op = rng.choice(ready)
        world.apply(op)
        watcher.check(op)
        agents_never_outside(world, {"bridge"})
        done.add(op.id)
        todo.remove(op)
        budget -= 1


def story(seed: int, steps: int) -> tuple[World, Declared]:
    rng = random.Random(seed)
    world = World()
    world.observed = replace(world.observed, containers=(STRANGER,))
    want = random_declared(rng)
    for _ in range(steps):
        event = rng.choice(("edit", "meddle", "meddle", "spend", "hold", "release", "rotate"))
        if event == "edit":
            want = random_declared(rng)
        elif event == "meddle":
            meddle(world, rng)
        elif event == "spend":
            world.spend(rng.choice(NAMES), rng.choice((100, 600, 2000)))
        elif event == "hold":
            key = world.key(rng.choice(NAMES))
            hold = HoldRecord(
                key,
                rng.choice(("cutoff", "freeze", "kill")),
                "operator",
                "",
                f"op:{seed}:{key}",
                0.0,
            )
            world.view = replace(world.view, holds={**world.view.holds, key: hold})
        elif event == "release":
            key = world.key(rng.choice(NAMES))
            holds = {k: v for k, v in world.view.holds.items() if k != key}
            enforced = {k: v for k, v in world.view.enforced.items() if k != key}
            world.view = replace(world.view, holds=holds, enforced=enforced)
        partial(world, world.plan(want).ops, rng, rng.choice((0.0, 0.3, 0.7, 1.0)))
    return world, want


def settle(world: World, want: Declared) -> int:
    """Plain re-runs until nothing is left to do; how many it took."""
    for rounds in range(6):
        made = world.plan(want)
        if made.empty:
            return rounds
        world.run(made.ops)
    raise AssertionError(f"does not converge: {[op.id for op in world.plan(want).ops]}")


@given(seed=st.integers(0, 2**32), steps=st.integers(1, 6))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_history_converges_by_plain_re_runs(seed: int, steps: int) -> None:
    world, want = story(seed, steps)
    assert settle(world, want) <= 3
    Watcher(world).one_live_copy()
    assert STRANGER in world.observed.containers


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_the_plan_does_not_depend_on_the_order_of_what_is_observed(seed: int) -> None:
    world, want = story(seed, 3)
    rng = random.Random(seed)
    expected = world.plan(want)
    world.observed = replace(
        world.observed,
        containers=tuple(rng.sample(world.observed.containers, len(world.observed.containers))),
        networks=tuple(rng.sample(world.observed.networks, len(world.observed.networks))),
        volumes=tuple(rng.sample(world.observed.volumes, len(world.observed.volumes))),
    )
    shuffled = replace(want, bottles=tuple(rng.sample(want.bottles, len(want.bottles))))
    assert world.plan(shuffled) == expected


@pytest.mark.parametrize("seed", range(12))
def test_every_crash_point_of_an_apply_recovers(seed: int) -> None:
    """Stop after each operation in turn; a plain re-run ends at the same place."""
    world, want = story(seed, 2)
    ops = len(world.plan(want).ops)
    for cut in range(ops + 1):
        again, want = story(seed, 2)
        partial(again, again.plan(want).ops, random.Random(cut), cut / ops if ops else 0)
        assert settle(again, want) <= 3


@pytest.mark.parametrize("seed", range(12))
def test_destroy_leaves_nothing_of_ours_from_any_state(seed: int) -> None:
    world, want = story(seed, 4)
    facts = replace(FACTS, destroy=True)
    for _ in range(3):
        world.run(world.plan(want, facts).ops)
    assert world.observed.containers == (STRANGER,)
    assert [n.id for n in world.observed.networks] in (
        [],
        ["bridge"],
    ) and not world.observed.volumes


def test_a_wider_reach_before_the_old_copy_has_stopped_would_be_noticed() -> None:
    """The positive control of the order: the same operations, the push too early."""
    world = World()
    world.converge(declared(bottle("a")))
    wide = declared(bottle("a", prompt="be brief", routes=(Route("one.example"),)))
    made = world.plan(wide)
    watcher = Watcher(world, made.ops)
    (push,) = (op for op in made.ops if op.id == "push:a")
    world.observed = replace(world.observed, containers=(*world.observed.containers, STRANGER))
    for op in made.ops:
        if op.id == "tighten:a":
            world.apply(op)
            watcher.check(op)
    world.apply(push)
    with pytest.raises(AssertionError, match="push:a"):
        watcher.check(push)
