"""One look of a watch at the world: it asks nobody twice, and keeps the right to enforce."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botbottle.executor import Result
from botbottle.ledger.api import Ledger
from botbottle.model.bottle import Declared
from botbottle.model.paths import HomePaths
from botbottle.model.resources import Observed
from botbottle.patience import silenced
from botbottle.watch import world as module
from tests.planner.test_cut_off import WANT, order, unheard
from tests.support.worlds import FACTS, World
from tests.watch.lives import live


class Looking:
    """The session of a watch, on the simulator: what it sees, and how often it asks."""

    def __init__(self, world: World, home: Path) -> None:
        self.world, self.asked = world, 0
        self.paths = HomePaths(str(home))
        self.looking: Callable[[], None] = lambda: None
        self.control = SimpleNamespace(ledger_locked=lambda *_: False)

    def facts(self, _declared: Declared) -> Any:
        return FACTS

    def with_snapshots(self, _declared: Declared, facts: Any, *_: object) -> Any:
        return facts

    def observe(self, *_: object) -> Observed:
        self.looking()
        return self.world.observed

    def active(self, _seen: Observed) -> dict[str, None]:
        self.asked += 1
        return {}


@pytest.fixture
def looking(tmp_path: Path) -> Looking:
    return Looking(World(), tmp_path)


def test_a_look_asks_nobody_twice(
    looking: Looking, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking.world.converge(WANT)
    unheard(looking.world)
    order(looking.world)
    world = live(ledger, tmp_path, session=looking, project="proj-1")
    monkeypatch.setattr(ledger, "view", lambda *_: looking.world.view, raising=False)
    monkeypatch.setattr(time, "sleep", lambda _s: pytest.fail("a pass waits"))
    assert silenced(world.plan(WANT)) and looking.asked == 0


def test_a_long_look_does_not_cost_the_lease(
    looking: Looking, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine under load answers late; somebody renews meanwhile."""
    monkeypatch.setattr(module, "RENEW", 0.01)
    world = live(ledger, tmp_path, session=looking, project="proj-1")
    assert world.take() == ""
    before = ledger.lease(world.lease_name)
    assert before is not None

    def renewed() -> None:
        for _ in range(3000):
            now = ledger.lease(world.lease_name)
            assert now is not None
            if now.expires > before.expires:
                return
            time.sleep(0.01)
        raise AssertionError("nobody renewed")

    looking.looking = renewed
    world.plan(WANT)
    assert world.fence()


@pytest.mark.parametrize(("by", "may"), [("", True), ("elsewhere:1", False)])
def test_a_plan_from_before_somebody_else_enforced_is_not_carried_out(
    looking: Looking, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    by: str, may: bool,
) -> None:  # fmt: skip
    """The machine slept during the look: the lease ran out, and is ours again."""
    world = live(ledger, tmp_path, session=looking, project="proj-1")
    assert world.take() == ""

    def slept() -> None:
        held = ledger.lease(world.lease_name)
        assert held is not None
        ledger.drop_lease(world.lease_name, held.epoch)
        if by:
            taken = ledger.acquire_lease(world.lease_name, by, ttl=3600, now=time.time())
            assert taken is not None
            ledger.drop_lease(world.lease_name, taken.epoch)
        assert world.renew()

    looking.looking = slept
    made = world.plan(WANT)
    told: list[bool] = []

    def carry_out(*_: object, fence: Callable[[], bool], **__: object) -> Result:
        told.append(fence())
        return Result()

    monkeypatch.setattr(module, "carry_out", carry_out)
    world.execute(WANT, made)
    assert told == [may]
    looking.looking = lambda: None
    world.execute(WANT, world.plan(WANT))
    assert told == [may, True]
