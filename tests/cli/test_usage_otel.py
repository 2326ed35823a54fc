"""The OpenTelemetry export says what the ledger says, under the conventions' names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from botbottle.cli.usage import FORMATS, parse_format
from botbottle.errors import UsageError
from botbottle.ledger import open_ledger
from botbottle.model.paths import HomePaths
from botbottle.model.usage import Completeness
from tests.cli_manifests.run import Ran, bb
from tests.ledger.worlds import exchange, register

NOW = 1_700_000_000.0
USAGE = "gen_ai.client.inference.usage."


@pytest.fixture
def home(tmp_path: Path) -> Path:
    ledger = open_ledger(HomePaths(str(tmp_path / "home")).ledger_db)
    account = register(ledger)
    many = exchange(50, prompt=7, cache_read=20, cache_write_5m=3, cache_write_1h=4, reasoning=11)
    guessed = exchange(5, prompt=1, provider="groq", kind=Completeness.ESTIMATED)
    ledger.settle(account, "", [many, guessed], now=NOW)
    ledger.close()
    return tmp_path / "home"


def usage(home: Path, *args: str) -> Ran:
    return bb("--home", str(home), "-C", str(home.parent), "usage", *args)


def exported(home: Path, *args: str) -> dict[str, Any]:
    done = usage(home, "--format", "otel", *args)
    assert done.code == 0, done.err
    (resource,) = json.loads(done.out)["resourceMetrics"]
    (scope,) = resource["scopeMetrics"]
    return {m["name"]: m for m in scope["metrics"]}


def values(metric: dict[str, Any], *keys: str) -> dict[tuple[str, ...], int]:
    found = {}
    for point in metric["sum"]["dataPoints"]:
        told = {a["key"]: a["value"]["stringValue"] for a in point["attributes"]}
        assert isinstance(point["asInt"], str), "64-bit numbers are text in OTLP/JSON"
        found[tuple(told.get(k, "") for k in keys)] = int(point["asInt"])
    return found


def test_every_class_is_a_counter_of_the_conventions(home: Path) -> None:
    found = exported(home)
    told = {n: values(m, "gen_ai.provider.name") for n, m in found.items() if n.startswith(USAGE)}
    assert {n.removeprefix(USAGE): v[("anthropic",)] for n, v in told.items()} == {
        "input_tokens": 34,
        "output_tokens": 50,
        "cache_read.input_tokens": 20,
        "cache_write.input_tokens": 7,
        "reasoning.output_tokens": 11,
    }
    for metric in found.values():
        assert metric["sum"]["isMonotonic"] is True
        assert metric["sum"]["aggregationTemporality"] == 2


def test_points_carry_the_required_attributes_and_the_bottle(home: Path) -> None:
    keys = (
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.token.modality",
        "gen_ai.response.model",
        "botbottle.account",
        "botbottle.budget.key",
    )
    found = values(exported(home)[USAGE + "output_tokens"], *keys)
    assert found == {
        ("inference", "anthropic", "unknown", "model-1", "p/web", "claude"): 50,
        ("inference", "groq", "unknown", "model-1", "p/web", "groq"): 5,
    }


def test_estimates_are_told_apart(home: Path) -> None:
    keys = ("gen_ai.provider.name", "botbottle.completeness")
    found = values(exported(home)["botbottle.usage.exchanges"], *keys)
    assert {k for k, count in found.items() if count} == {
        ("anthropic", "final"),
        ("groq", "estimated"),
    }


def test_counters_start_with_the_first_hour_in_them(home: Path) -> None:
    (point, _) = exported(home)[USAGE + "output_tokens"]["sum"]["dataPoints"]
    assert point["startTimeUnixNano"] == f"{int(NOW // 3600 * 3600)}000000000"
    assert int(point["timeUnixNano"]) > int(point["startTimeUnixNano"])
    later = exported(home, "--since", "2100-01-01")
    assert later[USAGE + "output_tokens"]["sum"]["dataPoints"] == []


def test_the_old_ways_to_ask_still_work_and_two_wishes_are_refused() -> None:
    assert parse_format("", json_=True, csv_=False) == "json"
    assert parse_format("json", json_=True, csv_=False) == "json"
    assert parse_format("", json_=False, csv_=False) == "table"
    assert {parse_format(f, json_=False, csv_=False) for f in FORMATS} == set(FORMATS)
    with pytest.raises(UsageError, match="one output format"):
        parse_format("otel", json_=False, csv_=True)
    with pytest.raises(UsageError, match="not one of"):
        parse_format("xml", json_=False, csv_=False)
