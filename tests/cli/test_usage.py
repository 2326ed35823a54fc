"""``bb usage``: every way to group and print it adds up to the exchanges that were booked."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.budget import windows
from botbottle.cli.usage import parse_since
from botbottle.errors import UsageError
from botbottle.ledger import open_ledger
from botbottle.model.paths import HomePaths
from botbottle.model.usage import Completeness
from tests.cli_manifests.run import Ran, bb
from tests.ledger.worlds import exchange, register

START = 1_700_000_000.0
NUMBERS = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output",
           "reasoning", "requests", "partial", "estimated")  # fmt: skip
GROUPS = ("account", "provider", "model", "day", "hour")

type Booked = list[dict[str, Any]]


def filled(home: Path, seed: int) -> Booked:
    """A ledger of three bottles over four days; what was booked, as plain rows."""
    rng, booked = random.Random(seed), []
    ledger = open_ledger(HomePaths(str(home)).ledger_db)
    accounts = [register(ledger, name) for name in ("a", "b", "c")]
    for number in range(120):
        now = START + rng.randrange(4 * 86_400)
        kind = rng.choice(list(Completeness))
        classes = {n: rng.randrange(500) for n in NUMBERS[1:4]}
        made = exchange(
            rng.randrange(20, 900), prompt=rng.randrange(900), reasoning=rng.randrange(20),
            provider=rng.choice(("claude", "codex")), kind=kind, name=f"r{number}", **classes,
        )  # fmt: skip
        made = replace(made, model=rng.choice(("m-1", "m-2", "")))
        account = rng.choice(accounts)
        ledger.settle(account, "", [made], now=now)
        booked.append({
            **{n: getattr(made.tokens, n) for n in NUMBERS[:6]},
            "requests": 1, "partial": int(kind == "partial"), "estimated": int(kind == "estimated"),
            "account": account, "provider": made.provider, "model": made.model,
            "day": windows.bucket("day", now), "hour": windows.bucket("hour", now), "at": now,
        })  # fmt: skip
    ledger.close()
    return booked


def usage(home: Path, *args: str) -> Ran:
    return bb("--home", str(home), "-C", str(home.parent), "usage", *args)


def expected(booked: Booked, by: Sequence[str]) -> dict[tuple[str, ...], dict[str, int]]:
    sums: dict[tuple[str, ...], Counter[str]] = {}
    for row in booked:
        key = tuple(row[g] for g in by)
        sums.setdefault(key, Counter()).update({n: row[n] for n in NUMBERS})
    return {key: {n: found[n] for n in NUMBERS} for key, found in sums.items()}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("usage") / "home"


@pytest.fixture(scope="module")
def booked(home: Path) -> Booked:
    return filled(home, 7)


@pytest.mark.parametrize(
    "by", [GROUPS, ("day", "model"), ("model", "day"), ("hour",)], ids=",".join
)
def test_json_adds_up_for_every_grouping(home: Path, booked: Booked, by: tuple[str, ...]) -> None:
    done = usage(home, "--by", ",".join(by), "--json")
    rows = json.loads(done.out)["rows"]
    found = {tuple(r[g] for g in by): {n: r[n] for n in NUMBERS} for r in rows}
    assert found == expected(booked, by)
    assert all(r["total"] == sum(r[n] for n in NUMBERS[:5]) for r in rows)


@pytest.mark.parametrize("by", [("day", "model"), ("account", "provider"), ("hour",)])
def test_csv_says_the_same(home: Path, booked: Booked, by: tuple[str, ...]) -> None:
    done = usage(home, "--by", ",".join(by), "--csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    found = {tuple(r[g] for g in by): {n: int(r[n]) for n in NUMBERS} for r in rows}
    assert found == expected(booked, by)


def test_since_leaves_out_whole_hours_before(home: Path, booked: Booked) -> None:
    day = sorted({r["day"] for r in booked})[2]
    done = usage(home, "--by", "day", "--since", day, "--json")
    left = [r for r in booked if r["day"] >= day]
    found = {(r["day"],): {n: r[n] for n in NUMBERS} for r in json.loads(done.out)["rows"]}
    assert found == expected(left, ("day",)) and len(found) < 5


def test_the_table_names_what_budgets_count(home: Path, booked: Booked) -> None:
    done = usage(home, "--by", "provider")
    total = expected(booked, ("provider",))["claude",]
    line = next(x for x in done.out.splitlines() if x.startswith("claude"))
    assert f"{total['output']:,}" in line and f"{total['cache_read']:,}" in line
    assert "budgets count: input_uncached" in done.err


def test_where_nothing_was_spent_that_is_said(tmp_path: Path) -> None:
    home = tmp_path / "home"
    open_ledger(HomePaths(str(home)).ledger_db).close()
    done = usage(home)
    assert (done.out, done.err) == ("", "bb usage: nothing was spent\n")


def test_a_models_name_is_no_formula_for_a_table_program(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ledger = open_ledger(HomePaths(str(home)).ledger_db)
    hostile = replace(exchange(5), model='=HYPERLINK("http://x.example","y")')
    ledger.settle(register(ledger, "a"), "", [hostile], now=START)
    ledger.close()
    (row,) = csv.DictReader(io.StringIO(usage(home, "--by", "model", "--csv").out))
    assert row["model"].startswith("'=")
    (told,) = json.loads(usage(home, "--by", "model", "--json").out)["rows"]
    assert told["model"] == hostile.model, "the control: JSON has it as it is"


def test_moments_are_read_as_written() -> None:
    assert parse_since("2026-01-31") == parse_since("2026-01-31T00:00:00Z") == 1_769_817_600.0
    assert parse_since("2026-01-31T02:00:00+02:00") == 1_769_817_600.0
    assert parse_since("999999w") == parse_since("0001-01-01T00:00:00+23:59") == 0.0
    for wrong in ("9999999d", "-1d", "soon", "٣d"):
        with pytest.raises(UsageError):
            parse_since(wrong)


def test_the_table_says_how_much_of_it_is_estimated(tmp_path: Path) -> None:
    booked = filled(tmp_path, 3)
    unsure = sum(row["partial"] + row["estimated"] for row in booked)
    assert f"estimated: {unsure} of {len(booked)} exchanges" in usage(tmp_path).err
    assert "estimated" not in usage(tmp_path).out
    ledger = open_ledger(HomePaths(str(tmp_path / "exact")).ledger_db)
    ledger.settle(register(ledger, "a"), "", [exchange(5)], now=START)
    ledger.close()
    assert "estimated" not in usage(tmp_path / "exact").err, "the control: all is exact"
