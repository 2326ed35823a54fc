"""The watch loop: level-triggered, one bottle at a time in its decisions, never edge-driven.

Sources add keys; a pass observes everything once, plans, and carries out the part that is
allowed and not waiting. What the pass does depends only on what it observes, so lost, doubled
or reordered events cost time at most. Time, chance and the world come in from outside: tests
run the loop in virtual time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botbottle.errors import Locked, ManifestError, Refused
from botbottle.executor import Result
from botbottle.model.bottle import Declared
from botbottle.model.plan import Plan
from botbottle.watch import fights, telling
from botbottle.watch.acting import World
from botbottle.watch.backoff import Backoff, Damper
from botbottle.watch.failure import record_of
from botbottle.watch.queue import WorkQueue
from botbottle.watch.select import Decision, Level, decide, left_alone
from botbottle.watch.silence import AGAIN, Silences
from botbottle.watch.sources import CONNECTED, PROJECT

TICK = 0.1  # seconds between looks at the ledger
FILES_EVERY = 1.0
LEDGER_SHARE = 400  # reading the ledger may take one such part of the time ...
LEDGER_LATEST = 1.0  # ... but a change is never left unread for longer than this
RESYNC = 30.0
RENEW = 3.0  # seconds between renewals of the lease
LOCK_RETRY = 1.0  # seconds until a pass is tried again that met the project's lock
SOURCE_RETRY = 5.0  # longest wait for a source in trouble
PERMANENT = (ManifestError, Refused)  # of one bottle: wait for new input


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
    stale: str = ""  # why the manifests on disk are not the ones in force
    passes: int = 0
    unheard: frozenset[str] = frozenset()  # sidecars that are asked again before they are stopped
    error: Exception | None = None  # the newest that held up a pass, or a part of one
    notify: Callable[[Declared], None] = lambda _declared: None  # tells people; never blocks
    decided: Callable[[Decision], None] = lambda _decision: None  # sees each decision; for records
    alive: Callable[[], None] = lambda: None  # called at every step: the loop is not stuck
    _reload: bool = False
    _reread: bool = False  # manifests changed and were not read yet
    _unread: bool = True  # the ledger changed and was not read yet
    _locked: bool = False  # somebody else had the project's lock at the last pass
    _standing: Mapping[str, str] = field(default_factory=dict)
    _next_resync: float = 0.0
    _next_files: float = 0.0
    _next_renew: float = 0.0
    _next_ledger: float = 0.0
    _backoff: Backoff = field(init=False)  # of bottles and of the whole project
    _sources: Backoff = field(init=False)  # of what the loop looks at
    _silences: Silences = field(default_factory=Silences)
    _said: frozenset[tuple[str, str]] = frozenset()

    def __post_init__(self) -> None:
        self._backoff = Backoff(self.random)
        self._sources = Backoff(self.random, longest=SOURCE_RETRY)

    def run(self, stopped: Callable[[], bool]) -> None:
        """Until ``stopped`` or until the lease is lost."""
        while not stopped() and not self.lost:
            self.step(TICK)

    def step(self, wait: float) -> Result | None:
        """Look at the cheap sources, wait up to ``wait`` seconds for a key, do one pass."""
        self.alive()
        self._poll()
        keys = self.queue.take(0.0 if self.lost else wait)
        try:
            return self._pass(keys) if keys and not self.lost else None
        finally:
            self.queue.done(keys)
            self._look("notices", self._notify)  # after the pass: enforcement comes first

    def reload(self) -> None:
        """SIGHUP: read everything again and forget every wait. Only leaves a mark, because a
        signal handler may interrupt the loop anywhere."""
        self._reload = True

    def _poll(self) -> None:
        now = self.clock()
        if self._reload:
            self._reload, self._reread, self._next_files = False, True, 0.0
            self._backoff.forget_all()
            self._sources.forget_all()
            self.queue.add(PROJECT)
        if now >= self._next_renew:
            self._look("lease", self._renew)
        if now >= self._next_files:
            self._next_files = now + FILES_EVERY
            self._look("manifests", self._poll_files)
        self._look("ledger", self._poll_ledger)
        due = self._backoff.next_due()
        wanted = now >= self._next_resync or (due is not None and now >= due)
        if wanted and self._backoff.ready(PROJECT, now):
            self.queue.add(PROJECT)

    def _look(self, source: str, look: Callable[[], None]) -> None:
        """A source in trouble is asked again after a while, and the others go on meanwhile."""
        now = self.clock()
        if not self._sources.ready(source, now):
            return
        try:
            look()
        except Exception as error:  # noqa: BLE001  # whatever happens, the other bottles stay enforced
            self._trouble(self._sources, source, error)
            return
        if self._sources.fails(source):
            self._sources.forget(source)
            self.log({"event": "recovered", "key": source})
            self._backoff.forget(PROJECT)
            self.queue.add(PROJECT)

    def _renew(self) -> None:
        """A ledger that cannot be read says nothing about who holds the lease: the loop goes on,
        and every write asks again (``execute``'s fence) and is refused meanwhile."""
        held = self.world.renew()
        self._next_renew = self.clock() + RENEW
        if not held:
            self.lost = True
            self.log({"event": "lease-lost", "level": "error"})

    def _poll_files(self) -> None:
        for bottle in self.world.resumed():
            self.damper.resume(bottle)
            self.log({"event": "resumed", "bottle": bottle})
            self.queue.add(bottle)
        self._reread |= self.world.files_changed()
        if self._reread or self.declared is None:
            declared, why = self.world.load()
            self._reread = False
            self._loaded(declared, why)

    def _loaded(self, declared: Declared | None, why: str) -> None:
        if declared is None:
            if why != self.stale:
                self.log(telling.invalid(why, kept=self.declared is not None))
            self.stale = why
            return
        if declared != self.declared or self.stale:
            self.stale = ""
            self.log({"event": "manifests-loaded", "bottles": len(declared.bottles)})
            self.declared = declared
            self._backoff.forget_all()
            self.queue.add(PROJECT)

    def _poll_ledger(self) -> None:
        """A change in the ledger matters here only when it changes what a bottle may do."""
        self._unread |= self.world.ledger_changed()
        start = self.clock()
        if self.declared is None or not self._unread or start < self._next_ledger:
            return
        now = self.world.standings(self.declared)
        self._unread = False
        spent = self.clock() - start  # many sidecars' heartbeats change the ledger all the time
        self._next_ledger = start + min(LEDGER_SHARE * spent, LEDGER_LATEST)
        for bottle in sorted(now.keys() | self._standing.keys()):
            if now.get(bottle) != self._standing.get(bottle):
                self._backoff.forget(bottle)
                self._backoff.forget(PROJECT)  # an order does not wait for something else's sake
                self.queue.add(bottle)
        self._standing = now

    def _notify(self) -> None:
        if self.declared is not None and not self.lost:
            self.notify(self.declared)

    def _pass(self, keys: tuple[str, ...]) -> Result | None:
        declared, start = self.declared, self.clock()
        if CONNECTED in keys:  # what a pass has waited for may be over
            self._backoff.forget(PROJECT)
        if declared is None or not self._backoff.ready(PROJECT, start):
            return None
        self._next_resync = start + RESYNC * (0.9 + 0.2 * self.random())
        self.passes += 1
        try:
            decision = self._decide(declared)
            observed = self.clock()
            self._tell(decision.plan)
            result, decision = self._act(declared, decision)
        except Locked as held:
            self._wait_for(held)
            return None
        except Exception as error:  # noqa: BLE001  # a bug in one pass must not end enforcement
            self._trouble(self._backoff, PROJECT, error)
            return None
        self._locked = False
        self._backoff.forget(PROJECT)
        if result is not None:
            self._account(decision.part, result)
        made = telling.Pass(
            number=self.passes, keys=keys, start=start, observed=observed, end=self.clock(),
            resync=self._next_resync, stale=bool(self.stale),
        )  # fmt: skip
        self.log(telling.passed(made, decision, result))
        return result

    def _wait_for(self, held: Locked) -> None:
        self.error = held
        self._backoff.retry(PROJECT, self.clock() + LOCK_RETRY)
        if not self._locked:
            self.log({"event": "waiting", "why": held.message})
        self._locked = True

    def _decide(self, declared: Declared) -> Decision:
        plan = self.world.plan(declared)
        waiting = fights.waiting(plan, self._backoff, self.damper, self.clock())
        self.unheard = self._silences.fresh(plan, self.clock())
        if self.unheard:
            self._next_resync = min(self._next_resync, self.clock() + AGAIN)
        decision = decide(plan, self.level, waiting, self.unheard)
        self.decided(decision)
        return decision

    def _act(self, declared: Declared, decision: Decision) -> tuple[Result | None, Decision]:
        """Carry out under the lock what is decided there: what was seen before the lock was taken
        may be the work of an apply that has ended in between."""
        if not decision.part.ops:
            return None, decision
        with self.world.locked():
            decision = self._decide(declared)
            part = decision.part
            return (self.world.execute(declared, part) if part.ops else None), decision

    def _account(self, part: Plan, result: Result) -> None:
        now = self.clock()
        failed = {f.op.bottle for f in result.failed if not f.op.best_effort}
        for failure in result.failed:
            if not failure.op.best_effort:
                self._trouble(self._backoff, failure.op.bottle or PROJECT, failure.error)
        for bottle in {op.bottle for op in result.done} - failed:
            self._backoff.forget(bottle)
        if any(n.why == "fenced" for n in result.not_started):
            self._next_renew = 0.0  # find out who enforces, then look again
            self._backoff.retry(PROJECT, now + LOCK_RETRY)
        for bottle, what in fights.given_up(part, result, self.damper, now):
            self.log(telling.damped(bottle, what))

    def _trouble(self, patience: Backoff, key: str, error: Exception) -> None:
        self.error = error
        permanent = isinstance(error, PERMANENT) and key in self._bottles
        delay = patience.failed(key, self.clock(), permanent=permanent)
        retry = None if permanent else round(delay, 2)
        self.log({**record_of(error), "key": key, "retry_in": retry})

    @property
    def _bottles(self) -> frozenset[str]:
        return frozenset(b.name for b in self.declared.bottles) if self.declared else frozenset()

    def _tell(self, plan: Plan) -> None:
        """Say once what the loop will not do by itself, and again when it changes."""
        told = left_alone(plan, self.level) | telling.unknown(self.world.unknown())
        for bottle, why in sorted(told - self._said):
            self.log(telling.alone(bottle, why))
        self._said = told
