"""What an operator is told about budgets, and which scopes can be named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from botbottle.cli.app import main
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
    found = [pool_row(p, 0.0).exhausted_in for p in (slow, fast, endless, spent)]
    assert found == [None, 1000, 1_000_000, 0]


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "1 min"), (2400, "40 min"), (18_720, "5.2 h"), (1.04e6, "12 days")]
)
def test_a_duration_is_in_a_unit_that_fits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_bottles_name_alone_names_the_scopes_that_end_with_it(home: Path) -> None:
    wrong = budget(home, "set", AGENT.rpartition("/")[2], "claude", "9M")
    assert wrong.code == 64 and AGENT in wrong.err and "did you mean" in wrong.err


def test_only_scopes_that_exist_are_cleared(home: Path) -> None:
    scope = json.loads(budget(home, "show", "--json").out)["pools"][0]["scope"]
    wrong = budget(home, "clear", f"{scope}x", "claude")
    assert wrong.code == 64 and f"did you mean {scope}?" in wrong.err
    assert budget(home, "set", scope, "claude", "9M/week").code == 0
    other = budget(home, "clear", scope, "claude", "--window", "none")
    assert other.code == 0 and "there is one with --window week" in other.err
    assert budget(home, "clear", scope, "claude").err.endswith("limit per week is cleared\n")
    gone = budget(home, "clear", scope, "claude", "--window", "week")
    assert gone.code == 0 and "there was no operator's limit\n" in gone.err


AGENT = "agent:p/web"


class AtOneMoment:
    """``bb budget`` in this process, so that no window ends between two commands."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.capsys = home, capsys

    def __call__(self, *args: str) -> Ran:
        code = main(["--home", str(self.home), "-C", str(self.home.parent), "budget", *args])
        return Ran(code, *self.capsys.readouterr())

    def pools(self) -> dict[str, tuple[int, int]]:
        """Window of the agent's pools → spent and limit."""
        found = json.loads(self("show", "--json").out)["pools"]
        return {p["window"]: (p["spent"], p["limit"]) for p in found if p["scope"] == AGENT}


def test_a_reset_forgives_in_every_window_that_is_limited_unless_one_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("time.time", lambda: 2e9)
    ledger = open_ledger(HomePaths(str(home)).ledger_db)
    spend(ledger, 70, 2e9)
    ledger.close()
    run = AtOneMoment(home, capsys)
    for amount in ("500/day", "900/month"):
        run("set", AGENT, "claude", amount)
    assert run.pools() == {"": (80, 1000), "day": (70, 500), "month": (70, 900)}
    ran = run("reset", AGENT, "claude", "--window", "day")
    assert ran.err == f"bb budget: {AGENT} claude: 70 tokens of this day forgiven\n"
    assert run.pools() == {"": (80, 1000), "day": (0, 500), "month": (70, 900)}
    assert run("reset", AGENT, "claude").code == 0
    assert {spent for spent, _ in run.pools().values()} == {0}
    none = run("reset", AGENT, "claude", "--window", "week")
    assert none.code == 64 and "--window none, --window day, --window month" in none.err
    assert run("reset", AGENT, "codex").code == 64


def test_a_limit_beside_others_is_told_with_them(home: Path) -> None:
    ran = budget(home, "set", AGENT, "claude", "9M/day")
    assert ran.err.endswith("9,000,000 tokens per day; 1,000 tokens holds beside it\n")
    assert budget(home, "set", AGENT, "claude", "2000").err.endswith(
        "2,000 tokens; 9,000,000 tokens per day holds beside it\n"
    )
