"""``bb ledger check`` finds every number of a row, of a report or of the gate that was changed."""

import pytest

from botbottle.ledger.schema import CLASSES
from botbottle.model.usage import Completeness
from tests.ledger.worlds import WEB, exchange, register

CACHED = {"cache_read": 20, "cache_write_5m": 30, "cache_write_1h": 40, "reasoning": 10}


@pytest.fixture
def full(ledger, now):
    """Rows, a replay, an estimate that became final, hours and days that ended."""
    register(ledger, count=("input_uncached", "cache_write_5m"), agent=100_000)
    for back in (86_400, 7_200):
        book(ledger, now - back, exchange(**CACHED), exchange(10, prompt=0))
    book(ledger, now - 3_600, exchange(name="r-1", kind=Completeness.ESTIMATED, **CACHED))
    final = exchange(70, prompt=40, name="r-1", cache_read=25, cache_write_5m=30)
    book(ledger, now, final, exchange(**CACHED))
    book(ledger, now, final)
    return ledger


def book(ledger, at, *exchanges):
    ledger.settle(WEB, "", exchanges, now=at)


@pytest.mark.parametrize("by", [-1, 1])
@pytest.mark.parametrize("column", [*CLASSES, "counted"])
@pytest.mark.parametrize("table", ["usage", "rollup"])
def test_a_changed_class_of_one_row_is_found(full, table, column, by):
    assert full.check().problems == (), "the control"
    key = "id" if table == "usage" else "hour"
    full.db.run(
        f"UPDATE {table} SET {column} = {column} + {by}"
        f" WHERE {key} = (SELECT max({key}) FROM {table})"
    )
    problem, *_ = full.check().problems
    sign = by if table == "rollup" else -by
    assert f"are not what its rows have ({sign:+d} {column})" in problem


@pytest.mark.parametrize("by", [-1, 1])
@pytest.mark.parametrize("column", ["tokens", "requests"])
@pytest.mark.parametrize(
    "place",
    ["spend_open", "spend WHERE win = ''", "spend WHERE win = 'day'", "spend WHERE win = 'hour'"],
)
def test_a_changed_sum_of_the_gate_is_found(full, now, place, column, by):
    full.db.run("UPDATE counter SET value = 0 WHERE name = 'moved'")  # registered long before
    assert full.check().problems == (), "the control"
    table, _, which = place.partition(" WHERE ")
    where = f"WHERE scope = 'global'{' AND ' + which if which else ''}"
    full.db.run(
        f"UPDATE {table} SET {column} = {column} + {by} {where}"
        f" AND bucket = (SELECT max(bucket) FROM {table} {where})"
    )
    problem, *_ = full.check().problems
    assert "global" in problem and "claude" in problem


@pytest.mark.parametrize("column", ["requests", "partials", "estimates"])
def test_a_report_that_cannot_be_is_found(full, column):
    full.db.run(f"UPDATE rollup SET {column} = -1 WHERE hour = (SELECT max(hour) FROM rollup)")
    assert any("cannot be" in problem for problem in full.check().problems)


def test_tokens_that_changed_their_class_are_found(full):
    """In a row and in its report alike; what counts is the output and other classes whole."""
    for table in ("usage", "rollup"):
        key = "id" if table == "usage" else "hour"
        full.db.run(
            f"UPDATE {table} SET output = output - 1, cache_read = cache_read + 1"
            f" WHERE {key} = (SELECT min({key}) FROM {table})"
        )
    (problem,) = full.check().problems
    assert "token classes of row" in problem


@pytest.mark.parametrize("column", [*CLASSES, "counted"])
def test_what_retention_has_deleted_hides_nothing(full, now, column):
    assert full.retain(before=now - 7_000) == 4
    assert full.check().problems == (), "the control"
    full.db.run(
        f"UPDATE rollup SET {column} = {column} + 1 WHERE hour = (SELECT min(hour) FROM rollup)"
    )
    assert "are not what its rows have" in full.check().problems[0]


def test_retention_in_turns_adds_up(full, now):
    for before in (now - 80_000, now - 7_000, now + 10):
        assert full.retain(before=before)
        assert full.check().problems == ()
    assert full.db.value("SELECT count(*) FROM usage") == 0
    full.db.run("UPDATE forgotten SET output = output - 1")
    assert "(+1 output)" in full.check().problems[0]
