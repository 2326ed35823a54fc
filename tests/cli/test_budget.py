"""What an operator is told about budgets, and which scopes can be named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from botbottle.cli.budget import duration, pool_row
from botbottle.ledger import open_ledger
from botbottle.model.ledger_view import Pool
from botbottle.model.paths import HomePaths
from tests.cli_manifests.run import Ran, bb
from tests.ledger.worlds import register, spend

DAY = 86_400.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    ledger = open_ledger(HomePaths(str(made)).ledger_db)
    register(ledger, agent=1000)
    spend(ledger, 10, 1e9)
    ledger.close()
    return made


def budget(home: Path, *args: str) -> Ran:
    return bb("--home", str(home), "-C", str(home.parent), "budget", *args)


def test_a_budget_whose_window_ends_first_is_never_used_up() -> None:
    slow = Pool("global", "claude", "day", 1000, 0, burn=0.001, resets_at=DAY)
    fast = Pool("global", "claude", "day", 1000, 0, burn=1.0, resets_at=DAY)
    endless = Pool("global", "claude", "", 1000, 0, burn=0.001)
    spent = Pool("global", "claude", "", 1000, 1000, burn=1.0)
    found = [pool_row(p, 0.0)["exhausted_in"] for p in (slow, fast, endless, spent)]
    assert found == [None, 1000, 1_000_000, 0]


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "1 min"), (2400, "40 min"), (18_720, "5.2 h"), (1.04e6, "12 days")]
)
def test_a_duration_is_in_a_unit_that_fits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_only_scopes_that_exist_are_cleared(home: Path) -> None:
    scope = json.loads(budget(home, "show", "--json").out)["pools"][0]["scope"]
    wrong = budget(home, "clear", f"{scope}x", "claude")
    assert wrong.code == 64 and f"did you mean {scope}?" in wrong.err
    assert budget(home, "set", scope, "claude", "9M/week").code == 0
    other = budget(home, "clear", scope, "claude")
    assert other.code == 0 and "--window week" in other.err
    assert budget(home, "clear", scope, "claude", "--window", "week").err.endswith("cleared\n")
    gone = budget(home, "clear", scope, "claude", "--window", "week")
    assert "there was no operator's limit\n" in gone.err
