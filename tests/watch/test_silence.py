"""A sidecar that should refuse and answers late, or never, holds up no other bottle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.cli.watch import one_pass
from botbottle.errors import EngineUnreachable
from botbottle.executor import NotStarted, Result
from botbottle.ledger.api import Ledger
from botbottle.model import labels
from botbottle.model.bottle import BottleSpec, Declared, Limit, Policy, Scope
from botbottle.model.plan import Plan, PushConfig, StopContainer
from botbottle.patience import PATIENCE, silenced
from botbottle.watch.loop import Watch
from botbottle.watch.select import allowed
from botbottle.watch.silence import Silences
from botbottle.watch.sources import PROJECT
from botbottle.watch.world import LEASE_TTL
from tests.planner.test_cut_off import TAKEN, WANT, order, unheard
from tests.support.worlds import World, bottle, declared
from tests.watch.looping import Fake, Rig

ANSWER = 2.0  # seconds that a question without an answer takes: control.adapter's


def limited(name: str, policy: Policy) -> BottleSpec:
    own = Scope("agent", f"agent:proj-1/{name}", (Limit("claude", 1000),))
    return bottle(name, shutdown=policy, scopes=(own, Scope("global", "global")))


BOTH = replace(declared(), bottles=(limited("evil", "cutoff"), limited("web", "freeze")))


@dataclass
class Late(Fake):
    """``evil``'s sidecar does not answer while ``silent``; each look then takes the whole time of
    a question. The lease is a real one."""

    rig: Rig | None = None
    ledger: Ledger | None = None
    silent: Callable[[float], bool] = lambda _now: True
    epoch: int = -1
    on_plan: list[Callable[[], None]] = field(default_factory=list)
    stopped: list[float] = field(default_factory=list)

    @property
    def now(self) -> float:
        return self.rig.now if self.rig else 1000.0

    def plan(self, want: Declared) -> Plan:
        if self.on_plan:
            self.on_plan.pop(0)()
        begun, heard = self.now, self.world.observed
        (evil,) = (c for c in self.world.by_kind("egress") if named(c) == "evil")
        if self.rig and self.silent(begun) and evil.state == "running":
            self.rig.now += ANSWER
            self.world.observed = replace(heard, sidecars={**heard.sidecars, evil.id: None})
        try:
            return super().plan(want)
        finally:
            self.world.observed = heard

    def renew(self) -> bool:
        assert self.ledger is not None
        lease = self.ledger.acquire_lease("watch/p", "h:1", ttl=LEASE_TTL, now=self.now)
        self.epoch = lease.epoch if lease else self.epoch
        return lease is not None

    def execute(self, want: Declared, plan: Plan) -> Result:
        assert self.ledger is not None
        if not self.ledger.check_lease("watch/p", self.epoch, now=self.now):
            return Result(not_started=tuple(NotStarted(op, "fenced") for op in plan.ops))
        self.stopped += [self.now for _ in stops(plan)]
        return super().execute(want, plan)


def named(container: Any) -> str:
    return str(container.labels[labels.BOTTLE])


def stops(plan: Plan) -> list[StopContainer]:
    found = (op for op in plan.ops if isinstance(op, StopContainer))
    return [op for op in found if op.reason == "not-answering"]


@pytest.fixture
def rig(ledger: Ledger) -> Rig:
    fake = Late(manifests=BOTH, ledger=ledger, silent=lambda _now: False)
    fake.rig = Rig(fake=fake)
    return fake.rig


def spent(rig: Rig, *bottles: str) -> None:
    for name in bottles:
        rig.fake.world.spend(name, 1001)
    rig.fake.version += 1


def late(rig: Rig) -> Late:
    assert isinstance(rig.fake, Late)
    return rig.fake


def test_another_bottle_is_frozen_by_the_first_pass_that_sees_it(rig: Rig) -> None:
    """A compromised sidecar never says a word in time; an agent is to be frozen."""
    late(rig).silent = lambda _now: True
    before = rig.now
    spent(rig, "evil", "web")
    rig.watch.step(0.0)
    states = {named(c): c.state for c in rig.fake.world.by_kind("agent")}
    assert states["web"] == "exited" and rig.now - before <= 2 * ANSWER
    assert not late(rig).stopped, "one look is no proof of silence"


def test_it_is_stopped_once_it_was_silent_at_every_look_for_as_long_as_an_apply_asks(
    rig: Rig,
) -> None:
    late(rig).silent = lambda _now: not late(rig).stopped
    before = rig.now
    spent(rig, "evil")
    rig.settle(20.0)
    (at,) = late(rig).stopped
    assert PATIENCE <= at - before < LEASE_TTL + ANSWER
    (evil,) = (c for c in rig.fake.world.by_kind("egress") if named(c) == "evil")
    status = rig.fake.world.observed.sidecars[evil.id]
    assert status is not None and status.config is not None and not status.config.routes


@pytest.mark.parametrize("deaf", [0.5, 3.0, PATIENCE])
def test_one_that_answers_a_later_look_is_told_to_refuse_and_not_stopped(
    rig: Rig, deaf: float
) -> None:
    begun = rig.now
    late(rig).silent = lambda now: now - begun < deaf
    spent(rig, "evil")
    rig.settle(20.0)
    assert not late(rig).stopped
    (evil,) = (c for c in rig.fake.world.by_kind("egress") if named(c) == "evil")
    status = rig.fake.world.observed.sidecars[evil.id]
    assert status is not None and status.config is not None
    assert status.config.hold.policy == "cutoff" and not status.config.routes


def test_one_that_is_silent_at_every_second_look_fences_nobody_for_ever(rig: Rig) -> None:
    looks: list[float] = []
    late(rig).silent = lambda now: looks.append(now) is None and len(looks) % 2 == 1
    spent(rig, "evil", "web")
    rig.settle(30.0)
    assert {named(c): c.state for c in rig.fake.world.by_kind("agent")}["web"] == "exited"
    assert not [r for r in rig.log if r["event"] == "lease-lost"]


def test_a_silence_begins_anew_after_each_answer() -> None:
    world, known = World(), Silences()
    world.converge(WANT)
    order(world)
    heard = world.observed
    sidecar = unheard(world)
    silent = world.plan(WANT)
    assert known.fresh(silent, 0.0) == known.fresh(silent, PATIENCE - 0.1) == {sidecar}
    assert known.fresh(silent, PATIENCE) == frozenset()
    world.observed = heard
    told = world.plan(WANT)
    assert known.fresh(told, 5.0) == frozenset()
    assert known.fresh(silent, 6.0) == {sidecar}


@pytest.mark.parametrize("taken", [None, *TAKEN])
def test_what_waits_is_the_stop_and_what_follows_it(taken: str | None) -> None:
    world = World()
    world.converge(WANT)
    if taken:
        TAKEN[taken](world)
    sidecar = unheard(world)
    order(world)
    plan = world.plan(WANT)
    assert stops(allowed(plan, "safe"))
    left = allowed(plan, "safe", unheard=frozenset({sidecar}))
    assert not stops(left) and not [op for op in left.ops if isinstance(op, PushConfig)]
    assert stops(allowed(plan, "safe", unheard=frozenset({"another"})))


@pytest.fixture
def once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """As ``bb watch --once`` has it: nothing was looked at before. Each look at the clock is some
    time."""

    def clock() -> float:
        rig.now += 0.1
        return rig.now

    monkeypatch.setattr("botbottle.watch.loop.TICK", 0.0)
    spent(rig, "evil", "web")
    made = Watch(late(rig), clock, lambda: 0.5, rig.log.append, declared=BOTH)
    made.queue.add(PROJECT)
    return made


def test_a_watch_of_one_pass_stops_it_too(rig: Rig, once: Watch) -> None:
    """It remembers nothing of the one before it: a timer would never stop a silent sidecar."""
    late(rig).silent = lambda _now: not late(rig).stopped
    begun = rig.now
    assert one_pass(once, lambda: False) == 0
    (at,) = late(rig).stopped
    assert at - begun >= PATIENCE and once.passes < 10
    assert {named(c): c.state for c in rig.fake.world.by_kind("agent")}["web"] == "exited"


def test_where_everybody_answers_it_is_one_pass(rig: Rig, once: Watch) -> None:
    assert one_pass(once, lambda: False) == 0 and once.passes == 1


@pytest.mark.parametrize("end", ["a signal", "an error", "enough"])
def test_it_ends_before_it_knows_only_with_an_error(
    rig: Rig, once: Watch, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    late(rig).silent = lambda _now: True
    if end == "an error":
        late(rig).on_plan = [lambda: None, lambda: None, broken]
    if end == "enough":  # another one at each look
        monkeypatch.setattr(Silences, "fresh", lambda _s, plan, _now: {*silenced(plan), "x"})
    assert one_pass(once, lambda: end == "a signal") == 1
    assert not late(rig).stopped and once.passes < 100


def broken() -> None:
    raise EngineUnreachable("gone")
