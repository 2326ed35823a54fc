"""The watch loop: level-triggered, one bottle at a time in its decisions, never edge-driven.

Sources add keys; a pass observes everything once, plans, and carries out the part that is
allowed and not waiting. What the pass does depends only on what it observes, so lost, doubled
or reordered events cost time at most. Time, chance and the world come in from outside: tests
run the loop in virtual time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from botbottle.errors import BBError, Conflict, Locked, ManifestError, Refused
from botbottle.executor import Result
from botbottle.model.bottle import Declared
from botbottle.model.plan import Plan
from botbottle.watch.backoff import Backoff, Damper
from botbottle.watch.queue import WorkQueue
from botbottle.watch.select import Level, allowed, blocked_bottles, unapproved_bottles
from botbottle.watch.sources import PROJECT

TICK = 0.05  # seconds between looks at the ledger
FILES_EVERY = 0.5
RESYNC = 30.0
RENEW = 3.0  # seconds between renewals of the lease
PERMANENT = (ManifestError, Conflict, Refused)


class World(Protocol):
    """Everything the loop acts on."""

    def load(self) -> tuple[Declared | None, str]:
        """The declared set, or None and why not."""

    def plan(self, declared: Declared) -> Plan: ...

    def execute(self, declared: Declared, plan: Plan) -> Result:
        """Carry out under the project's lock. Raises Locked when somebody else has it."""

    def standings(self, declared: Declared) -> Mapping[str, str]:
        """Bottle → what enforcement makes of it now; cheap, reads only the ledger."""

    def ledger_changed(self) -> bool: ...

    def files_changed(self) -> bool: ...

    def resumed(self) -> tuple[str, ...]:
        """Bottles an operator released from the damper since the last call."""

    def renew(self) -> bool:
        """Renew the right to enforce; False when somebody else has it now."""


@dataclass(slots=True)
class Watch:
    """The loop's state. ``log`` gets one flat record for each thing worth knowing."""

    world: World
    clock: Callable[[], float]
    random: Callable[[], float]
    log: Callable[[dict[str, Any]], None]
    level: Level = "safe"
    queue: WorkQueue = field(default_factory=WorkQueue)
    damper: Damper = field(default_factory=Damper)
    declared: Declared | None = None
    lost: bool = False  # somebody else enforces now
    passes: int = 0
    notify: Callable[[Declared], None] = lambda _declared: None  # tells people; never blocks
    _standing: Mapping[str, str] = field(default_factory=dict)
    _next_resync: float = 0.0
    _next_files: float = 0.0
    _next_renew: float = 0.0
    _backoff: Backoff = field(init=False)
    _said: frozenset[tuple[str, str]] = frozenset()

    def __post_init__(self) -> None:
        self._backoff = Backoff(self.random)

    def run(self, stopped: Callable[[], bool]) -> None:
        """Until ``stopped`` or until the lease is lost."""
        while not stopped() and not self.lost:
            self.step(TICK)

    def step(self, wait: float) -> Result | None:
        """Look at the cheap sources, wait up to ``wait`` seconds for a key, do one pass."""
        self._poll()
        keys = self.queue.take(wait)
        if self.lost:
            return None
        try:
            return self._pass(keys) if keys else None
        finally:
            self.queue.done(keys)
            if self.declared is not None:
                self.notify(self.declared)  # after the pass: enforcement comes first

    def reload(self) -> None:
        """SIGHUP: read everything again and forget every wait."""
        self._backoff.forget_all()
        self._next_files = 0.0
        self.declared = None
        self.queue.add(PROJECT)

    def _poll(self) -> None:
        now = self.clock()
        if now >= self._next_renew:
            self._next_renew = now + RENEW
            if not self.world.renew():
                self.lost = True
                self.log({"event": "lease-lost", "level": "error"})
                return
        if now >= self._next_files:
            self._next_files = now + FILES_EVERY
            self._poll_files()
        if self.declared is not None and self.world.ledger_changed():
            self._poll_ledger(self.declared)
        if now >= self._next_resync:
            self._next_resync = now + RESYNC * (0.9 + 0.2 * self.random())
            self.queue.add(PROJECT)
        due = self._backoff.next_due()
        if due is not None and now >= due:
            self.queue.add(PROJECT)

    def _poll_files(self) -> None:
        for bottle in self.world.resumed():
            self.damper.resume(bottle)
            self.queue.add(bottle)
        if self.declared is not None and not self.world.files_changed():
            return
        declared, why = self.world.load()
        if declared is None:
            kept = (
                "the last good manifests stay in force" if self.declared else "nothing to enforce"
            )
            self.log({"event": "manifests-invalid", "level": "error", "why": why, "kept": kept})
            return
        if declared != self.declared:
            self.log({"event": "manifests-loaded", "bottles": len(declared.bottles)})
            self.declared = declared
            self._backoff.forget_all()
            self.queue.add(PROJECT)

    def _poll_ledger(self, declared: Declared) -> None:
        """A change in the ledger matters here only when it changes what a bottle may do."""
        try:
            now = self.world.standings(declared)
        except BBError as error:
            self._failed(PROJECT, error)
            return
        for bottle in sorted(now.keys() | self._standing.keys()):
            if now.get(bottle) != self._standing.get(bottle):
                self._backoff.forget(bottle)
                self.queue.add(bottle)
        self._standing = now

    def _pass(self, keys: tuple[str, ...]) -> Result | None:
        declared = self.declared
        start = self.clock()
        if declared is None or not self._backoff.ready(PROJECT, start):
            return None
        self.passes += 1
        try:
            plan = self.world.plan(declared)
            observed = self.clock()
            part = allowed(plan, self.level, self._waiting(plan, start))
            self._tell(plan)
            result = self.world.execute(declared, part) if part.ops else None
        except Locked:
            self.queue.add(PROJECT)
            return None
        except BBError as error:
            self._failed(PROJECT, error)
            return None
        self._backoff.forget(PROJECT)
        if result is not None:
            self._account(part, result)
        self.log(
            {
                "event": "pass",
                "pass": self.passes,
                "trigger": list(keys),
                "observed_ms": round(1000 * (observed - start), 1),
                "planned": len(plan.ops),
                "done": len(result.done) if result else 0,
                "failed": len(result.failed) if result else 0,
                "ms": round(1000 * (self.clock() - start), 1),
                "next": round(self._next_resync - self.clock(), 1),
            }
        )
        return result

    def _waiting(self, plan: Plan, now: float) -> frozenset[str]:
        """Bottles in back-off, and those whose drift keeps coming back. Enforcement is never
        held up by the damper."""
        bottles = {op.bottle for op in plan.ops if op.bottle}
        held = {h.bottle for h in plan.held}
        return frozenset(
            b
            for b in bottles
            if not self._backoff.ready(b, now) or (self.damper.tripped(b) and b not in held)
        )

    def _account(self, part: Plan, result: Result) -> None:
        now = self.clock()
        failed = {f.op.bottle for f in result.failed if not f.op.best_effort}
        for failure in result.failed:
            if not failure.op.best_effort:
                self._failed(failure.op.bottle or PROJECT, failure.error)
        for bottle in {op.bottle for op in result.done} - failed:
            self._backoff.forget(bottle)
        done = {op.resource for op in result.done}
        for change in part.changes:
            if change.drift and change.resource in done:
                what = f"{change.resource} {change.reason}"
                if self.damper.repaired(change.bottle, what, now):
                    self._damped(change.bottle, what)

    def _damped(self, bottle: str, what: str) -> None:
        way_out = f"bb resume-watch {bottle}"
        self.log(
            {"event": "damped", "level": "warning", "bottle": bottle, "what": what, "next": way_out}
        )

    def _failed(self, key: str, error: BBError) -> None:
        permanent = isinstance(error, PERMANENT)
        delay = self._backoff.failed(key, self.clock(), permanent=permanent)
        self.log(
            {
                "event": "failed",
                "level": "error",
                "key": key,
                "code": error.code,
                "message": str(error),
                "retry_in": None if permanent else round(delay, 2),
            }
        )

    def _tell(self, plan: Plan) -> None:
        """Say once what the loop will not do by itself, and again when it changes."""
        told = {(b, "blocked") for b in blocked_bottles(plan)}
        if self.level == "safe":
            told |= {(b, "needs bb apply") for b in unapproved_bottles(plan)}
        for bottle, why in sorted(told - self._said):
            self.log({"event": "left-alone", "level": "warning", "bottle": bottle, "why": why})
        self._said = frozenset(told)
