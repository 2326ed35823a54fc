"""A recorded watch is planned again from its file alone, and comes out the same; what is altered,
damaged or from elsewhere is noticed (test matrix T15)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.errors import UsageError
from botbottle.model.bottle import EnvVar
from botbottle.model.diagnostic import Origin
from botbottle.model.ledger_view import FreezeRecord, HoldRecord
from botbottle.model.plan import Plan
from botbottle.model.route import Route
from botbottle.planner.plan import plan
from botbottle.watch.inputs import Inputs
from botbottle.watch.record import Recorder
from botbottle.watch.replay import KILLED, Ending, Flight, Replayed, header
from botbottle.watch.select import decide
from tests.support.worlds import FACTS, World, bottle, declared

WIDE = bottle(
    "api",
    template="codex",
    routes=(Route("api.example.com"),),
    env=(EnvVar("MODE", "literal", "prod"), EnvVar("KEY", "ask", "key?")),
    origins={"env.MODE": (Origin("home", "bottles/base.md", 3, 5),)},
)
KNOWING = replace(
    FACTS,
    approved={"web": frozenset({"a", "b"})},
    env={"api": (("KEY", "12345678"),)},
    snapshots={"web": ("botbottle/snapshot-web:1",)},
)

TAKEN = tuple(FreezeRecord("proj-1/web", f"snap:{n}", "d", 100.0 - n) for n in range(7))


class Session:
    """A watch on the simulator with a recorder beside it."""

    def __init__(self, path: Path, **more: Any) -> None:
        self.world, self.log = World(), list[dict[str, Any]]()
        self.recorder = Recorder(path, "proj-1", self.log.append, **more)
        self.want, self.facts = declared(bottle(), WIDE), KNOWING
        self.now, self.unheard = 1_700_000_000.0, frozenset[str]()
        self.passes = 0

    def look(self, *, run: bool = True) -> Plan:
        self.now += 0.123
        self.passes += 1
        view = replace(self.world.view, now=self.now)
        inputs = Inputs(declared=self.want, observed=self.world.observed, view=view,
                        facts=self.facts)  # fmt: skip
        self.recorder.saw(inputs)
        made = plan(inputs.declared, inputs.observed, inputs.view, inputs.facts)
        waiting = frozenset({"api"}) if not run else frozenset()
        self.recorder.decided(self.passes, decide(made, "all", waiting, self.unheard))
        if run:
            self.world.run(made.ops)
        return made


def damage(session: Session, rng: random.Random) -> None:
    """One of the things that happen to a fleet."""
    world = session.world
    act: Callable[[], object] = rng.choice([
        lambda: world.stop(rng.choice(world.observed.containers)),
        lambda: world.spend(rng.choice(["web", "api"]), rng.choice([1, 1000]),
                            rng.choice(["claude", "openai"])),
        lambda: setattr(session, "want", declared(bottle())),
        lambda: setattr(session, "want", declared(bottle(), WIDE)),
        lambda: setattr(session, "facts", replace(session.facts, secrets={})),
        lambda: setattr(world, "view", replace(world.view, freezes={"proj-1/web": TAKEN})),
        lambda: setattr(session, "facts", KNOWING),
    ])  # fmt: skip
    act()


def again(path: Path) -> list[Replayed]:
    with path.open() as lines:
        header(next(lines))
        return list(Flight(lines))


def flown(path: Path) -> tuple[list[Replayed], Ending]:
    with path.open() as lines:
        header(next(lines))
        flight = Flight(lines)
        return list(flight), flight.ending


@pytest.mark.parametrize("seed", range(10))
def test_a_recorded_run_gives_the_same_plans_without_any_engine(tmp_path: Path, seed: int) -> None:
    rng, path = random.Random(seed), tmp_path / "run.jsonl"
    session = Session(path)
    made = [session.look()]
    for _ in range(12):
        damage(session, rng)
        made.append(session.look(run=rng.random() < 0.8))
    session.recorder.close()
    found = again(path)
    assert [r.plan for r in found] == made, "every plan, to the last field"
    assert [r.differs for r in found] == [()] * len(made)
    assert [r.number for r in found] == list(range(1, len(made) + 1))


def test_a_second_look_under_the_lock_has_the_number_of_its_pass(tmp_path: Path) -> None:
    session = Session(tmp_path / "run.jsonl")
    for number in (3, 7, 7, 8):
        session.passes = number - 1
        session.look()
    session.recorder.close()
    found = again(tmp_path / "run.jsonl")
    assert [(r.number, r.look) for r in found] == [(3, 1), (7, 1), (7, 2), (8, 1)]


def test_what_does_not_change_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    session = Session(path)
    session.look()
    session.look()
    before = path.stat().st_size
    for _ in range(10):
        session.look()
    assert path.stat().st_size - before < 10 * 800
    session.recorder.close()
    assert len(again(path)) == 12


def test_the_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    Session(path).recorder.close()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="exists"):
        Session(path)


def test_a_full_recording_ends_and_says_so_once(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    session = Session(path, limit=40_000)
    for _ in range(3):
        session.look()
        session.world.spend("web", 1)
    session.want = declared(bottle(), WIDE, bottle("third"), bottle("fourth"), bottle("fifth"))
    for _ in range(20):
        session.look()
        session.world.spend("web", 1)
    session.recorder.close()
    assert [r["event"] for r in session.log] == ["record-ended"]
    assert path.stat().st_size <= 40_000 and all(not r.differs for r in again(path))
    assert flown(path)[1].why == "the recording was full"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    session = Session(path)
    session.look()
    session.world.stop(session.world.by_kind("agent")[0])
    session.look()
    session.recorder.record({"event": "pass", "pass": 2})
    session.recorder.close()
    return path


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        change(line)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_plan_that_comes_out_otherwise_is_named(recorded: Path) -> None:
    def change(line: dict[str, Any]) -> None:
        if line["type"] == "input" and "bottles" in line["value"]:
            for spec in line["value"]["bottles"]:
                spec["resources"]["memory"] += 1

    rewrite(recorded, change)
    assert all("plan" in r.differs for r in again(recorded))


def test_a_decision_that_comes_out_otherwise_is_named(recorded: Path) -> None:
    rewrite(recorded, lambda line: line.update(level="none") if "level" in line else None)
    assert [r.differs for r in again(recorded)] == [("what was allowed",)] * 2


def test_a_last_line_that_was_cut_off_is_left_out(recorded: Path) -> None:
    text = recorded.read_text()
    first = len(text.splitlines()[0]) + 1
    for cut in range(first, len(text), 61):
        recorded.write_text(text[:cut])
        found, ending = flown(recorded)
        assert [r.number for r in found] == [1, 2][: len(found)]
        assert KILLED in ending.why and ending.line == max(1, len(text[:cut].splitlines()))
    recorded.write_text(text)
    found, ending = flown(recorded)
    assert len(found) == 2 and ending == Ending(line=len(text.splitlines()), why="")


@pytest.mark.parametrize(
    "bad",
    ['{"type": "input"}', "not json", '["list"]', '{"type": "pass", "view": "unknown"}', "{}"],
)
def test_damage_in_the_middle_is_an_error_with_its_line(recorded: Path, bad: str) -> None:
    first, *rest = recorded.read_text().splitlines()
    recorded.write_text("\n".join([first, bad, *rest]) + "\n")
    with pytest.raises(UsageError, match="line 2 is damaged"):
        again(recorded)


@pytest.mark.parametrize(
    "first",
    ["", "x", "{}", '{"type":"plan","format":"2.0"}', '{"type":"recording","format":"4.0"}'],
)
def test_what_is_no_recording_of_this_format_is_an_error(tmp_path: Path, first: str) -> None:
    with pytest.raises(UsageError):
        header(first)


def test_one_of_before_snapshots_were_listed_by_bottle_is_told_apart_from_a_damaged_one(
    recorded: Path,
) -> None:
    old = '{"type":"recording","format":"1.0","bb":"0.1.0","project":"proj-1"}'
    with pytest.raises(UsageError, match=r"format 1\.0; this bb reads 3\.2") as error:
        header(old)
    assert "bb 0.1.0" in error.value.hint
    assert header(recorded.read_text().splitlines()[0])["format"] == "3.2"


def test_a_pass_that_waits_for_a_silent_sidecar_is_replayed_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    session = Session(path)
    session.want = declared(bottle())
    session.look()
    (sidecar,) = session.world.by_kind("egress")
    session.world.observed = replace(session.world.observed, sidecars={})
    hold = HoldRecord("proj-1/web", "cutoff", "operator", "", "op:1", 0.0)
    session.world.view = replace(session.world.view, holds={"proj-1/web": hold})
    session.unheard = frozenset({sidecar.id})
    session.look(run=False)
    session.recorder.close()
    *_, last = again(path)
    assert last.differs == () and not last.decision.part.ops and last.plan.ops
    before = (
        path.read_text().replace(f',"unheard":["{sidecar.id}"]', "").replace(',"unheard":[]', "")
    )
    path.write_text(before)  # as 3.0 wrote it
    first, last = again(path)
    assert first.differs == () and last.differs == ("what was allowed",)
