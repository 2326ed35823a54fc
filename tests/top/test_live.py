"""The live source on a real ledger and an engine in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.errors import EngineUnreachable, LedgerUnavailable
from botbottle.generations import generation
from botbottle.ledger import open_ledger
from botbottle.ledger.api import Ledger
from botbottle.model.bottle import Declared
from botbottle.model.ledger_view import LedgerView
from botbottle.model.paths import HomePaths
from botbottle.model.resources import Observed
from botbottle.model.usage import Completeness, Exchange, Tokens
from botbottle.planner.facts import Facts
from botbottle.ui.top import live
from botbottle.ui.top.live import FIRST_ROWS, PAGE, LiveSource, new_rows
from botbottle.ui.top.model import Fleet
from botbottle.ui.top.pace import Pace
from tests.support.live import eventually
from tests.support.worlds import FACTS, World, bottle, declared

KEY = "proj-1/web"
PATIENCE = 60.0  # seconds: a bound for a broken test, never what is tested


@dataclass
class Read:
    declared: Declared | None


@dataclass
class Desk:
    """One session's worth of world."""

    path: Path
    world: World
    want: Declared
    broken: dict[str, bool] = field(default_factory=dict)
    ledger: Ledger | None = None

    @property
    def paths(self) -> HomePaths:
        return FACTS.paths

    def load(self) -> Read:
        if self.broken.get("bug"):
            raise KeyError("sk-real-value")
        return Read(None if self.broken.get("manifests") else self.want)

    def facts(self, declared: Declared) -> Facts:
        return FACTS

    def observe(self, declared: Declared, facts: Facts) -> Observed:
        if self.broken.get("engine"):
            raise EngineUnreachable("no engine answers")
        return self.world.observed

    def with_snapshots(
        self, declared: Declared, facts: Facts, observed: Observed, view: LedgerView
    ) -> Facts:
        return facts

    def reading(self, declared: Declared) -> Ledger | None:
        if self.broken.get("ledger"):
            raise LedgerUnavailable("the disk is gone")
        if self.ledger is None:
            self.ledger = open_ledger(str(self.path), create=False, read_only=True)
        return self.ledger

    def view(self, declared: Declared) -> LedgerView:
        ledger = self.reading(declared)
        assert ledger
        return ledger.view(time.time())

    def close(self) -> None:
        if self.ledger is not None:
            self.ledger.close()
            self.ledger = None


@dataclass
class Stage:
    """A source, the ledger behind it, and every picture it gave."""

    source: LiveSource
    ledger: Ledger
    broken: dict[str, bool]
    pictures: list[Fleet] = field(default_factory=list)

    def sees(self, check: Callable[[Fleet], object]) -> Fleet:
        eventually(lambda: self.pictures and check(self.pictures[-1]), PATIENCE)
        return self.pictures[-1]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The engine is asked all the time: tests of what is seen of it wait for no pace."""
    monkeypatch.setattr(live, "ENGINE", Pace(floor=0.05, ceiling=0.05, share=1.0))
    path = tmp_path / "bot-bottle.db"
    ledger = open_ledger(str(path))
    want = declared(bottle())
    ledger.register(KEY, want.bottles[0].scopes)
    world = World()
    world.converge(want)
    broken: dict[str, bool] = {}
    made = Stage(LiveSource(lambda: Desk(path, world, want, broken), want), ledger, broken)
    yield made
    made.source.stop()
    ledger.close()


def spend(ledger: Ledger, number: int, tokens: int = 100) -> None:
    found = Exchange(
        provider="claude", dialect="messages", model="claude-sonnet-4", host="h",
        response_id=f"r{number}", tokens=Tokens(input_uncached=tokens),
        completeness=Completeness.FINAL, at=time.time(),
    )  # fmt: skip
    ledger.settle(KEY, "", [found], now=time.time())


def test_spending_arrives_by_itself_within_a_second(stage: Stage) -> None:
    stage.source.start(stage.pictures.append)
    stage.sees(lambda f: f.rows[0].state == "running")
    spend(stage.ledger, 1)
    spent = time.monotonic()
    found = stage.sees(lambda f: f.rows[0].budgets[0].spent == 100)
    assert time.monotonic() - spent < 4.0  # 1 s on an idle machine
    assert found.rows[0].model == "claude-sonnet-4"
    assert found.rows[0].burn == pytest.approx(100 / 600)


def test_a_failing_engine_keeps_the_last_picture_and_says_so(stage: Stage) -> None:
    stage.source.start(stage.pictures.append)
    stage.sees(lambda f: f.rows[0].state == "running")
    stage.broken["engine"] = True
    found = stage.sees(lambda f: f.problems)
    assert found.problems == ("engine: no engine answers",)
    assert found.rows[0].state == "running"
    stage.broken.clear()
    stage.sees(lambda f: not f.problems)


def test_a_ledger_that_is_gone_is_told_and_found_again(stage: Stage) -> None:
    stage.source.start(stage.pictures.append)
    stage.sees(lambda f: f.rows[0].budgets)
    stage.broken["ledger"] = True
    assert any("disk is gone" in p for p in stage.sees(lambda f: f.problems).problems)
    stage.broken.clear()
    spend(stage.ledger, 7, 5)
    stage.sees(lambda f: not f.problems and f.rows[0].budgets[0].spent == 5)


def test_broken_manifests_keep_the_last_good_ones(stage: Stage) -> None:
    stage.broken["manifests"] = True
    stage.source.start(stage.pictures.append)
    found = stage.sees(lambda f: f.observed_at)
    assert found.rows[0].state == "running"
    assert any(p.startswith("manifests:") for p in found.problems)


def test_details_come_from_the_ledger(stage: Stage) -> None:
    spend(stage.ledger, 1, 300)
    data = {"code": "no-route", "host": "evil.example", "method": "GET", "path": "/"}
    stage.ledger.record_event(KEY, "denial", data, now=time.time())
    stage.ledger.hold(KEY, "cutoff", by="ann", reason="late", now=time.time())
    stage.source.snapshot()
    found = stage.source.detail("web")
    assert found.problem == ""
    assert found.minutes[-1] == 300 and found.hours[-1] == 300
    assert found.requests[0].counted == 300
    assert found.denials[0].request == "GET evil.example/"
    assert "by ann" in found.audit[0].text
    assert any("api.anthropic.com" in route for route in found.routes)
    assert stage.source.detail("nobody").problem


def test_exchanges_are_read_from_where_the_last_look_ended(stage: Stage) -> None:
    with stage.ledger.batch():
        for number in range(PAGE + 20):
            spend(stage.ledger, number, 1)
    rows = new_rows(stage.ledger, 0)
    assert len(rows) == PAGE + 20 <= FIRST_ROWS
    assert [r.response_id for r in new_rows(stage.ledger, rows[2].id)] == ["r519", "r518"]
    assert new_rows(stage.ledger, rows[0].id) == []


def test_stopping_ends_the_threads(stage: Stage) -> None:
    stage.source.start(stage.pictures.append)
    stage.sees(lambda f: f.rows)
    stage.source.stop()
    assert not any(t.is_alive() for t in stage.source._threads)


def test_a_bug_is_told_without_its_text_and_looking_goes_on(stage: Stage) -> None:
    stage.broken["bug"] = True
    stage.source.start(stage.pictures.append)
    found = stage.sees(lambda f: any("engine" in p for p in f.problems))
    assert "engine: this is a bug: KeyError" in found.problems
    stage.broken.clear()
    stage.sees(lambda f: not f.problems and f.rows[0].state == "running")


def test_a_bottle_that_left_the_manifests_stays_in_sight_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, world = tmp_path / "bot-bottle.db", World()
    both, one = declared(bottle(), bottle("old")), declared(bottle())
    ledger = open_ledger(str(path))
    world.converge(both)
    session: Any = SimpleNamespace(applied=lambda _: None)
    for spec in both.bottles:
        ledger.register(f"proj-1/{spec.name}", spec.scopes)
    kept = generation(session, both, ())
    ledger.save_generation(both.project.id, kept, plan_digest="d", by="ann", now=1.0)
    source = LiveSource(lambda: Desk(path, world, one), one)
    assert [(r.bottle, r.declared, r.state) for r in source.snapshot().rows] == [
        ("old", "no", "running"),
        ("web", "started", "running"),
    ]
    left = (c for c in world.observed.containers if c.labels["dev.botbottle.bottle"] != "old")
    world.observed = replace(world.observed, containers=tuple(left))
    assert [r.bottle for r in source.snapshot().rows] == ["web"]
    ledger.close()
