"""The world as a ``Source``: one thread polls the ledger, one asks the engine.

The ledger's version is asked every half second, which costs microseconds; it is read when it
changed. Engine and sidecars are asked every few seconds. Both pause in proportion to what a look
costs (``pace``), so a fleet of any size keeps to the same share of a core. A failure keeps the
last picture and says so in it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from botbottle.errors import BBError
from botbottle.former import Formers
from botbottle.ledger.api import Ledger
from botbottle.ledger.records import ExchangeRow
from botbottle.model.bottle import BottleSpec, Declared
from botbottle.model.ledger_view import LedgerView
from botbottle.model.paths import HomePaths
from botbottle.model.resources import Observed
from botbottle.planner.facts import Facts
from botbottle.planner.names import names
from botbottle.planner.plan import plan
from botbottle.ui.top import build, closely
from botbottle.ui.top.activity import Activity
from botbottle.ui.top.model import Detail, Fleet
from botbottle.ui.top.pace import Pace

TICK = 0.5  # seconds between questions for the ledger's version
PAGE = 500
FIRST_ROWS = 5000  # of the past, read once
LEDGER = Pace(floor=0.75, ceiling=1.0, share=0.02)
ENGINE = Pace(floor=1.0, ceiling=4.0, share=0.015)


class Manifests(Protocol):
    """What loading gives: None for ``declared`` when anything is wrong."""

    @property
    def declared(self) -> Declared | None: ...


class World(Protocol):
    """What is needed of a session (each thread has one of its own)."""

    @property
    def paths(self) -> HomePaths: ...

    def load(self) -> Manifests: ...

    def facts(self, declared: Declared) -> Facts: ...

    def observe(self, declared: Declared, facts: Facts) -> Observed: ...

    def with_snapshots(
        self, declared: Declared, facts: Facts, observed: Observed, view: LedgerView
    ) -> Facts: ...

    def reading(self, declared: Declared) -> Ledger | None: ...

    def view(self, declared: Declared) -> LedgerView: ...

    def close(self) -> None: ...


class LiveSource:
    """See ``source.Source``. ``open_world`` makes a session; it is called once a thread."""

    def __init__(self, open_world: Callable[[], World], declared: Declared) -> None:
        self._open = open_world
        self._lock = threading.Lock()  # guards the fields below
        self._closely = threading.Lock()  # one look at details at a time, on a session of its own
        self._detail_world: World | None = None
        self._seen = build.Seen(declared, "")
        self._problems: dict[str, str] = {}
        self._activity = Activity()
        self._formers = Formers()  # of the thread that asks the engine
        self._publish: Callable[[Fleet], None] = lambda _: None
        self._stopping = threading.Event()
        self._hurry = {"ledger": threading.Event(), "engine": threading.Event()}
        self._threads: list[threading.Thread] = []

    # -- Source ---------------------------------------------------------------------------
    def start(self, publish: Callable[[Fleet], None]) -> None:
        """See ``Source``."""
        self._publish = publish
        for name, work in (("ledger", self._follow_ledger), ("engine", self._follow_engine)):
            thread = threading.Thread(target=work, name=f"top-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def hurry(self) -> None:
        """See ``Source``."""
        for event in self._hurry.values():
            event.set()

    def stop(self) -> None:
        """See ``Source``. A thread that waits for the engine ends with the process."""
        self._stopping.set()
        self.hurry()
        for thread in self._threads:
            thread.join(2.0)
        with self._closely:
            if self._detail_world is not None:
                self._detail_world.close()

    def detail(self, bottle: str) -> Detail:
        """See ``Source``."""
        with self._lock:
            seen, activity = self._seen, self._activity
            now = time.time()
            minutes = activity.minutes(closely.key_of(seen, bottle), now)
        with self._closely:
            if self._detail_world is None:
                self._detail_world = self._open()
            try:
                ledger = self._detail_world.reading(seen.declared)
                return closely.detail(seen, ledger, bottle, minutes, now)
            except BBError as error:
                self._detail_world.close()
                return Detail(bottle, minutes, problem=str(error))

    def snapshot(self) -> Fleet:
        """One whole picture, in this thread. Raises what reading raises."""
        world = self._open()
        try:
            self._read_ledger(world)
            self._observe(world)
            return self._picture()
        finally:
            world.close()

    # -- threads --------------------------------------------------------------------------
    def _follow_ledger(self) -> None:
        pace, version = replace(LEDGER), -1

        def look(world: World, hint: bool) -> None:
            nonlocal version
            ledger = world.reading(self._declared)
            found = ledger.version() if ledger else -1
            if pace.due(time.monotonic(), hint=hint or found != version):
                version = found
                self._look("ledger", pace, lambda: self._read_ledger(world))

        self._follow("ledger", look, pace)

    def _follow_engine(self) -> None:
        pace = replace(ENGINE)

        def look(world: World, hint: bool) -> None:
            if pace.due(time.monotonic(), hint=hint):
                self._look("engine", pace, lambda: self._observe(world))

        self._follow("engine", look, pace)

    def _follow(self, name: str, look: Callable[[World, bool], None], pace: Pace) -> None:
        """Look until stopped; after a failure with a fresh session, which opens a replaced or
        repaired ledger again."""
        world = self._open()
        while not self._stopping.is_set():
            try:
                look(world, self._taken(name))
            except BBError as error:
                self._failed(name, str(error))
                pace.looked(time.monotonic(), 0.0)
                world.close()
            except Exception as error:  # noqa: BLE001  # a dead thread would show old figures as if they were new; the text may hold values
                self._failed(name, f"this is a bug: {type(error).__name__}")
                pace.looked(time.monotonic(), 0.0)
                world.close()
            self._hurry[name].wait(TICK)
        world.close()

    def _look(self, name: str, pace: Pace, work: Callable[[], None]) -> None:
        """One look, its cost, and the picture after it. CPU is that of this thread; sidecars are
        asked by others, which cost about as much again."""
        start = time.thread_time()
        work()
        self._well(name)
        self._publish(self._picture())
        pace.looked(time.monotonic(), time.thread_time() - start)

    def _taken(self, name: str) -> bool:
        was = self._hurry[name].is_set()
        self._hurry[name].clear()
        return was

    # -- reading --------------------------------------------------------------------------
    @property
    def _declared(self) -> Declared:
        with self._lock:
            return self._seen.declared

    def _read_ledger(self, world: World) -> None:
        declared, now = self._declared, time.time()
        view = world.view(declared)
        ledger = world.reading(declared)
        proposals = ledger.proposals(status="pending", now=now) if ledger else ()
        beats = {b.account: b for b in ledger.heartbeats()} if ledger else {}
        rows = new_rows(ledger, self._activity.newest) if ledger else []
        with self._lock:
            self._activity.feed(rows, now)
            self._seen = replace(
                self._seen,
                home_id=world.paths.home_id,
                view=view,
                proposals=proposals,
                heartbeats=beats,
            )

    def _observe(self, world: World) -> None:
        """Manifests, engine, sidecars, and the plan that follows."""
        loaded = world.load()
        declared = loaded.declared or self._declared
        if loaded.declared is None:
            self._failed("manifests", "do not validate; bb validate shows where")
        else:
            self._well("manifests")
        facts = world.facts(declared)
        observed = world.observe(declared, facts)
        view = world.view(declared)
        facts = world.with_snapshots(declared, facts, observed, view)
        made = plan(declared, observed, view, facts)
        ledger = world.reading(declared)
        gone = self._formers.of(ledger, declared, view.registered).specs if ledger else ()
        with self._lock:
            self._seen = replace(
                self._seen,
                declared=declared,
                former=present(gone, observed, world.paths.home_id),
                home_id=world.paths.home_id,
                observed=observed,
                observed_at=time.time(),
                plan=made,
            )

    def _picture(self) -> Fleet:
        with self._lock:
            problems = tuple(f"{k}: {v}" for k, v in sorted(self._problems.items()))
            return build.fleet(replace(self._seen, problems=problems), self._activity, time.time())

    def _failed(self, name: str, problem: str) -> None:
        with self._lock:
            news = self._problems.get(name) != problem
            self._problems[name] = problem
        if news:
            self._publish(self._picture())

    def _well(self, name: str) -> None:
        with self._lock:
            self._problems.pop(name, None)


def present(
    specs: tuple[BottleSpec, ...], observed: Observed, home_id: str
) -> tuple[BottleSpec, ...]:
    """Those that have an agent or a sidecar."""
    there = {c.name for c in observed.containers}
    called = ((spec, names(home_id, spec.project, spec.name)) for spec in specs)
    return tuple(spec for spec, n in called if not there.isdisjoint((n.agent, n.egress)))


def new_rows(ledger: Ledger, newest: int) -> list[ExchangeRow]:
    """Exchanges newer than the id ``newest``, newest first, at most FIRST_ROWS."""
    out: list[ExchangeRow] = []
    before = 0
    while len(out) < FIRST_ROWS:
        page = ledger.exchanges(before=before, limit=PAGE)
        fresh = [r for r in page if r.id > newest]
        out += fresh
        if len(fresh) < PAGE:
            break
        before = page[-1].id
    return out
