"""The loop on the simulator: a world with faults, and a rig in virtual time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from botbottle.errors import EngineUnreachable, Locked
from botbottle.executor import Failure, NotStarted, Result
from botbottle.model.bottle import Declared
from botbottle.model.plan import Plan
from botbottle.planner.approved import copies
from botbottle.planner.plan import states_of
from botbottle.planner.reach import route_atoms
from botbottle.planner.wanted import routes
from botbottle.watch.loop import Watch
from tests.support.worlds import FACTS, World, bottle, declared

# What an earlier apply was approved for: the provider's own routes, beside the host's variables.
APPROVED = frozenset(a for r in routes(bottle()) for a in route_atoms(r))


@dataclass
class Fake:
    """``acting.World`` on the simulator, with faults."""

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
    strangers: tuple[str, ...] = ()  # neither declared nor known from an apply
    raising: bool = False  # as at level all

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
        approved = {b.name: APPROVED | copies(b).keys() for b in want.bottles}
        return self.world.plan(want, replace(FACTS, approved=approved, raises=self.raising))

    def unknown(self) -> tuple[str, ...]:
        return self.strangers

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
        self.fake.world.converge(self.fake.manifests or declared())
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
        self.fake.world.stop(self.fake.world.by_kind("egress")[0])
