"""The real planner and the executor together, on the engine in memory: every scenario survives a
crash at every single write, and the world is safe at each of these moments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from botbottle.engine.fake import Faults
from botbottle.errors import EngineError
from botbottle.model import labels as lb
from botbottle.model.bottle import Declared, EnvVar, Policy
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.plan import (
    RenameContainer,
)
from botbottle.model.route import Route
from tests.executor.crashing import survives_every_crash
from tests.support.fleet import Fleet
from tests.support.worlds import bottle, declared


def two() -> Declared:
    return declared(bottle("web"), bottle("db", template="codex"))


def more_routes() -> Declared:
    return declared(bottle("web", routes=(Route("api.example.com"),)), two().bottles[1])


def other_env() -> Declared:
    changed = bottle("web", env=(EnvVar("MODE", "literal", "prod"),))
    return declared(changed, two().bottles[1])


def one_less() -> Declared:
    return declared(bottle("web"))


def hold(policy: Policy) -> Callable[[Fleet], None]:
    def act(fleet: Fleet) -> None:
        world = fleet.books.world
        key = world.key("web")
        record = HoldRecord(key, policy, "operator", "h1", "stop", 1.0)
        world.view = replace(world.view, holds={key: record})

    return act


def spend(fleet: Fleet) -> None:
    fleet.books.world.spend("web", 5000)


def nothing(_fleet: Fleet) -> None:
    return


def vandal(fleet: Fleet) -> None:
    """Somebody kills one container, removes another and pauses a third."""
    ours = [c for c in fleet.engine.world.containers.values() if c.labels.get(lb.HOME)]
    ours.sort(key=lambda c: c.name)
    ours[0].state = "exited"
    del fleet.engine.world.containers[ours[1].id]
    ours[2].state = "paused"


SCENARIOS: dict[str, tuple[Declared | None, Callable[[Fleet], None], Declared]] = {
    "create": (None, nothing, two()),
    "widen": (two(), nothing, more_routes()),
    "narrow": (more_routes(), nothing, two()),
    "replace": (two(), nothing, other_env()),
    "remove": (two(), nothing, one_less()),
    "cutoff by budget": (two(), spend, two()),
    "kill": (two(), hold("kill"), two()),
    "freeze": (two(), hold("freeze"), two()),
    "vandalism": (two(), vandal, two()),
    "vandalism and replace": (two(), vandal, other_env()),
}


def prepared(home: Path, scenario: str) -> tuple[Fleet, Declared]:
    before, act, after = SCENARIOS[scenario]
    fleet = Fleet(str(home))
    if before is not None:
        result = fleet.apply(before)
        assert result.ok, result.failed
        assert fleet.plan(before).empty
    act(fleet)
    fleet.engine.restart()
    return fleet, after


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("parallel", [1, 4])
def test_one_apply_is_enough_and_a_second_one_writes_nothing(
    tmp_path: Path, scenario: str, parallel: int
) -> None:
    fleet, want = prepared(tmp_path, scenario)
    result = fleet.apply(want, parallel)
    assert result.ok, result.failed
    assert len(fleet.engine.calls) > 0
    fleet.check_safe()
    left = fleet.plan(want)
    assert left.empty, left.ops
    fleet.engine.restart()
    fleet.apply(want)
    assert fleet.engine.calls == []


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_every_write_is_repaired_by_a_plain_second_run(
    tmp_path: Path, scenario: str, after: bool
) -> None:
    def prepare(home: Path) -> tuple[Fleet, Declared]:
        return prepared(home, scenario)

    survives_every_crash(tmp_path, prepare, Fleet.apply, after=after)


def test_a_bottle_runs_although_its_old_copy_cannot_be_removed(tmp_path: Path) -> None:
    fleet, want = prepared(tmp_path, "replace")
    busy = EngineError("device or resource busy")
    fleet.engine.restart(Faults(fail_when=lambda m, _: busy if m == "remove_container" else None))
    result = fleet.apply(want)
    assert [f.error for f in result.failed] == [busy]
    assert [type(n.op) for n in result.not_started] == [RenameContainer]
    fleet.check_safe()
    assert len([c for c in fleet.observe().containers if c.state == "running"]) == 5
    fleet.engine.restart()
    assert fleet.apply(want).ok and fleet.plan(want).empty
