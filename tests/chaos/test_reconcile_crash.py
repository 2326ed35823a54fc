"""Crashes in the middle of an apply, twice in a row, with an edit of the manifests in between.

On the engine in memory: every first crash, and for each a spread of second ones that together
cover every write. On a real engine: ``bb apply`` itself, killed with SIGKILL.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from botbottle.engine.fake import Crash, Faults
from botbottle.model.bottle import Declared
from tests.chaos.reconciling import Fleet as RealFleet
from tests.chaos.reconciling import Strangers, check_end, stranger_name
from tests.executor.test_with_planner import (
    hold,
    more_routes,
    one_less,
    other_env,
    prepared,
    spend,
    two,
)
from tests.support.fleet import Fleet
from tests.support.recording import recording

pytestmark = pytest.mark.chaos

STRIDE = 5  # between second crashes; the first one's number shifts them
EDITS: dict[str, tuple[Callable[[Fleet], None], Callable[[], Declared]]] = {
    "a bottle gone": (lambda _f: None, one_less),
    "other routes": (lambda _f: None, more_routes),
    "another environment": (lambda _f: None, other_env),
    "a budget crossed": (spend, two),
    "a kill ordered": (hold("kill"), two),
    "a freeze ordered": (hold("freeze"), two),
}


def dies(world: Fleet, want: Declared, call: int, *, after: bool) -> bool:
    """Apply with a crash at a write; whether it came to that."""
    world.engine.restart(Faults(crash_at=call, crash_after=after))
    try:
        world.apply(want)
    except Crash:
        return True
    finally:
        world.engine.restart()
    return False


def writes_of(home: Path, scenario: str) -> int:
    """How many writes the scenario takes when nothing crashes."""
    world, want = prepared(home, scenario)
    assert world.apply(want).ok
    return len(world.engine.calls)


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("scenario", ["create", "replace", "vandalism and replace"])
def test_two_crashes_with_an_edit_between_are_repaired_by_a_plain_run(
    tmp_path: Path, scenario: str, edit: str
) -> None:
    act, edited = EDITS[edit]
    runs, writes = 0, writes_of(tmp_path / "whole", scenario)
    for first in range(1, 200):
        for after in (False, True):
            for second in range(1 + first % STRIDE, 200, STRIDE):
                world, want = prepared(tmp_path / str(runs), scenario)
                if not dies(world, want, first, after=after):
                    assert first == writes + 1, "a write was left out, or one too many was made"
                    return
                world.check_safe()
                act(world)
                died = dies(world, edited(), second, after=not after)
                world.check_safe()
                result = world.apply(edited())
                assert result.ok, (first, second, result.failed)
                left = world.plan(edited())
                assert left.empty, (first, second, left.ops)
                runs += 1
                if not died:
                    break
    raise AssertionError("a plan of 200 writes?")


KILLS = [(1, "after", 9), (4, "before", 3), (9, "after", 6), (15, "before", 2), (17, "after", 1)]


@pytest.mark.engine
@pytest.mark.parametrize(("first", "when", "second"), KILLS)
def test_an_apply_killed_twice_with_an_edit_between_is_finished_by_a_plain_one(
    fleet: RealFleet, first: int, when: str, second: int
) -> None:
    strangers = Strangers(stranger_name(fleet))
    before = strangers.look()
    fleet.bottle(extra="env: {MODE: one}\n")  # every agent is replaced
    killed = [kill_apply(fleet, first, when)]
    fleet.bottle(extra="env: {MODE: two}\negress: {routes: [{host: api.example.org}]}\n")
    killed.append(kill_apply(fleet, second, "after" if when == "before" else "before"))
    assert killed[0], "the first apply was over before it could be killed"
    fleet.apply()
    assert fleet.bb("plan", "--detailed-exitcode").returncode == 0
    for name in ("one", "two", "three"):
        assert "MODE=two" in fleet.inspect(name)["Config"]["Env"]
    check_end(fleet, strangers, before)


def kill_apply(world: RealFleet, write: int, when: str) -> bool:
    """``bb apply``, killed at its ``write``-th writing request; whether it got that far."""
    holder: list[int] = []
    with recording(os.environ["DOCKER_HOST"]) as proxy:
        proxy.kill_at(write, lambda: holder[0], when)
        run = subprocess.Popen(
            world.argv("apply", "--yes", "--allow", "widen,budget,destroy"),
            env={**world.env, "DOCKER_HOST": proxy.url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        holder.append(run.pid)
        code = run.wait(180)
    assert code in (0, -9), code
    return code == -9
