"""Engine events and manifest files as wake-up calls: nothing is lost between subscribing and
listing, and a stream that dies without a word is noticed. No time passes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from botbottle.engine.api import Event
from botbottle.errors import EngineUnreachable
from botbottle.watch.sources import CONNECTED, PROJECT, QUIET, REOPEN, EngineEvents, Manifests

DIE = Event("container", "die", "c1", "web", "p", "h")


@dataclass
class Engine:
    """An engine whose stream gives what the test says; time moves with every item."""

    items: list[Event | float | Exception | Callable[[], None]] = field(default_factory=list)
    now: float = 0.0
    pings: int = 0
    silent: bool = False  # nobody answers a ping
    opened: int = 0
    closed: int = 0
    history: list[str] = field(default_factory=list)

    def events(self) -> Iterator[Event | None]:
        self.opened += 1
        self.history.append("subscribed")
        return self._items()

    def _items(self) -> Iterator[Event | None]:
        try:
            while self.items:
                item = self.items.pop(0)
                if isinstance(item, Exception):
                    raise item
                if callable(item):
                    item()
                elif isinstance(item, float):
                    self.now += item
                    yield None
                else:
                    yield item
            raise EngineUnreachable("the event stream ended")
        finally:
            self.closed += 1

    def ping(self) -> str:
        self.pings += 1
        if self.silent:
            raise EngineUnreachable("does not answer in time")
        return "1.41"


@dataclass
class Rig:
    engine: Engine = field(default_factory=Engine)
    keys: list[str] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        def add(key: str) -> None:
            self.keys.append(key)
            self.engine.history.append(f"key {key}")

        self.events = EngineEvents(
            self.engine,  # type: ignore[arg-type]
            add,
            "p",
            self.log.append,
            home="h",
            clock=lambda: self.engine.now,
        )


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_the_list_is_asked_for_only_after_subscribing(rig: Rig) -> None:
    rig.engine.items = [1.0]
    rig.events.read_one_stream()
    assert rig.engine.history == ["subscribed", f"key {CONNECTED}"]


def test_a_change_at_any_moment_around_the_subscription_is_seen() -> None:
    """The engine lists what happened before the list and tells what happened after it. For each
    moment of a change there is a key whose look comes after the change."""
    for moment in range(4):
        rig, looks, world = Rig(), [], {"changed": False}

        def change(world: dict[str, bool] = world) -> None:
            world["changed"] = True

        def look(key: str, looks: list[bool] = looks, world: dict[str, bool] = world) -> None:
            looks.append(world["changed"])

        steps: list[Any] = [1.0, 1.0, 1.0]
        if moment == 0:
            change()  # before the stream was opened: no event tells it
        else:
            steps.insert(moment - 1, change)
            steps.insert(moment, DIE)
        rig.engine.items = steps
        rig.events._add = look
        rig.events.read_one_stream()
        assert looks[-1], f"the change at moment {moment} is never looked at"


def test_every_reconnect_asks_for_a_full_look_once(rig: Rig) -> None:
    for _ in range(3):
        rig.engine.items = [1.0, DIE, 1.0, EngineUnreachable("restarted")]
        rig.events.read_one_stream()
    assert rig.keys == [CONNECTED, "web"] * 3
    assert [r["event"] for r in rig.log] == ["engine-connected", "engine-lost"] * 3
    assert not rig.events.connected and rig.engine.closed == 3


def test_an_engine_that_cannot_be_reached_is_told_once_it_was_there(rig: Rig) -> None:
    rig.engine.items = [EngineUnreachable("no engine")]
    rig.events.read_one_stream()
    assert rig.log == [] and rig.keys == []


def test_a_bug_in_reading_ends_the_stream_and_not_the_thread(rig: Rig) -> None:
    rig.engine.items = [1.0, KeyError("Actor")]
    rig.events.read_one_stream()
    assert rig.log[-1]["type"] == "KeyError" and rig.log[-1]["event"] == "engine-lost"


def test_events_of_other_projects_and_other_homes_wake_nobody(rig: Rig) -> None:
    shared = Event("container", "die", "c9", "", "_shared", "h")
    other_project = Event("container", "die", "c2", "web", "other", "h")
    other_home = Event("container", "die", "c3", "web", "p", "another")
    rig.engine.items = [1.0, other_project, other_home, shared]
    rig.events.read_one_stream()
    assert rig.keys == [CONNECTED, PROJECT]


def test_a_silent_engine_is_asked_for_a_sign_of_life_and_given_up_without_one(rig: Rig) -> None:
    rig.engine.items = [1.0] * 60
    rig.engine.silent = True
    rig.events.read_one_stream()
    assert rig.engine.pings == 1 and rig.engine.now == pytest.approx(QUIET, abs=1.5)
    assert rig.engine.closed == 1 and rig.log[-1]["event"] == "engine-lost"


def test_an_engine_that_answers_keeps_its_quiet_stream(rig: Rig) -> None:
    rig.engine.items = [1.0] * 100
    rig.events.read_one_stream()
    assert rig.engine.pings == 10 and rig.engine.now == 100.0


def test_events_need_no_ping(rig: Rig) -> None:
    rig.engine.items = [item for _ in range(30) for item in (1.0, DIE)]
    rig.events.read_one_stream()
    assert rig.engine.pings == 0


def test_a_stream_that_is_dead_while_the_engine_lives_is_opened_anew(rig: Rig) -> None:
    rig.engine.items = [1.0] * 1000
    rig.events.read_one_stream()
    assert rig.engine.now == pytest.approx(REOPEN, abs=1.5) and rig.engine.closed == 1


def test_the_thread_reads_until_it_is_stopped() -> None:
    rig = Rig()
    rig.engine.items = [1.0, lambda: rig.events.stop(), 1.0, DIE]
    rig.events.start()
    rig.events._thread.join(30)
    assert not rig.events._thread.is_alive() and rig.keys == [CONNECTED]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "bottles").mkdir()
    (tmp_path / "agents").mkdir()
    (tmp_path / "bottles/base.md").write_text("one")
    return tmp_path


@pytest.mark.parametrize("name", ["settings.yml", "bottles/new.md", "agents/new.md"])
def test_a_new_an_edited_and_a_removed_manifest_are_each_noticed_once(
    home: Path, name: str
) -> None:
    manifests = Manifests([home])
    assert not manifests.changed()
    for act in (
        lambda f: f.write_text("a"),
        lambda f: os.utime(f, ns=(1, 1)),
        lambda f: f.write_text("longer"),
        lambda f: f.unlink(),
    ):
        act(home / name)
        assert manifests.changed() and not manifests.changed()


def test_other_files_are_no_manifests(home: Path) -> None:
    manifests = Manifests([home])
    (home / "notes.txt").write_text("x")
    (home / "bottles/.base.md.swp~").write_text("x")
    assert not manifests.changed()
