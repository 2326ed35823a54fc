"""Races of enforcement on a real engine: the right end, once, with one row for each trigger."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from benchmarks.enforcement.bottle import Bench, bench
from tests.support.racing import Race

SLICE = 10  # of every run of the end-to-end tests; the rest is part of `make chaos`
ALL = 100
BLOCK = 5


@pytest.fixture(scope="module")
def bottle(images: str) -> Iterator[Bench]:
    with bench() as made:
        yield made


@pytest.mark.parametrize("seed", range(SLICE))
def test_a_race_ends_right_with_one_row(bottle: Bench, seed: int) -> None:
    Race(bottle, seed).check()


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(SLICE, ALL, BLOCK))
def test_more_races_end_right_with_one_row(bottle: Bench, first: int) -> None:
    for seed in range(first, first + BLOCK):
        Race(bottle, seed).check()


def test_a_second_row_or_a_wrong_end_would_be_noticed(
    bottle: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positive control, and the record of all races before is whole."""
    race = Race(bottle, 0)
    with bottle.ledger() as ledger:
        race.grant(ledger)
        race.release(ledger)
    race.converge()
    with bottle.ledger() as ledger:
        ledger.hold(bottle.key, "freeze", by="race", now=time.time())
    with pytest.raises(AssertionError):
        race.right_end()
    race.converge()
    race.right_end()
    race.one_row_each()
    rows = race.audit()
    monkeypatch.setattr(race, "audit", lambda: [*rows, rows[-1]])
    with pytest.raises(AssertionError, match="two rows"):
        race.one_row_each()
    with bottle.ledger() as ledger:
        assert ledger.verify_audit().ok
