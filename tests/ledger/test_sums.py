"""Sums of the hour that runs and those that last are one: whoever adds them together, and when."""

from __future__ import annotations

import random

import pytest

from botbottle.budget import windows
from botbottle.ledger.sums import fold, gross
from botbottle.model.bottle import WINDOWS, Limit
from botbottle.model.usage import Completeness
from tests.ledger.worlds import (
    WEB,
    admit,
    admitted,
    exchange,
    pool,
    register,
    scope_spent,
    scopes,
    spend,
)

START = 1_795_000_000.0
HOUR = 3600.0


@pytest.mark.parametrize("seed", range(6))
def test_every_window_is_what_was_spent_in_it_also_by_two_whose_clocks_differ(ledger, second, seed):
    rng, now, told = random.Random(seed), START, []
    register(ledger)
    for _ in range(60):
        now += rng.choice([0, 1, 600, HOUR, 5 * HOUR, 30 * HOUR])
        book, at = rng.choice([(ledger, now), (second, now - 90), (second, now + 90)])
        told.append((at, rng.randrange(1, 500)))
        spend(book, told[-1][1], at)
        if rng.random() < 0.2:
            with ledger.db.write():
                fold(ledger.db, rng.choice(["", windows.bucket("hour", now)]))
        for window in WINDOWS:
            first, end = windows.bounds(window, now) or (0.0, float("inf"))
            wanted = sum(tokens for t, tokens in told if first <= t < end)
            assert gross(ledger.db, "global", "claude", window, now) == wanted
            assert scope_spent(ledger, "global", "claude", window, now) == wanted
    assert ledger.check().problems == ()


def test_a_gate_that_has_its_sums_at_hand_agrees_over_the_turn_of_the_hour(ledger, second):
    register(ledger)
    ledger.set_limit("bottle:dev", Limit("claude", 1000, "hour"), by="t")
    ledger.set_limit("bottle:dev", Limit("claude", 1500, "day"), by="t")
    midday = START // 86_400 * 86_400 + 12 * HOUR
    for hour, spent in ((0, 0), (1, 900), (2, 1500)):
        room = min(1000, 1500 - spent)
        answer = admit(ledger, midday + hour * HOUR, output=8000)
        if not room:
            assert answer.code == "budget-exhausted"
            continue
        assert admitted(answer).reserved == room
        ledger.settle(
            WEB, answer.lease, [exchange(min(900, room), prompt=0)], now=midday + hour * HOUR
        )
    assert pool(second, midday + 2 * HOUR, window="day").spent == 1500


def test_the_hour_that_runs_is_one_row_a_scope_and_those_before_are_kept(ledger):
    register(ledger)
    for hour in range(3):
        for _ in range(4):
            spend(ledger, 1, START + hour * HOUR)
    assert ledger.db.query("SELECT scope, tokens, requests FROM spend_open ORDER BY scope") == [
        ("agent:p/web", 4, 4), ("bottle:dev", 4, 4), ("global", 4, 4)]  # fmt: skip
    rows = ledger.db.query("SELECT win, tokens FROM spend WHERE scope = 'global' ORDER BY win")
    assert sorted(rows) == [("", 8), ("day", 8), ("hour", 4), ("hour", 4)]


def test_an_hour_that_was_undone_is_told_anew(ledger):
    register(ledger)
    spend(ledger, 5, START)
    with pytest.raises(RuntimeError), ledger.batch():
        spend(ledger, 7, START + HOUR)
        raise RuntimeError
    spend(ledger, 11, START + HOUR)
    assert gross(ledger.db, "global", "claude", "hour", START) == 5
    assert gross(ledger.db, "global", "claude", "", START) == 16
    assert [r.counted for r in ledger.usage(["hour"])] == [5, 11]


def test_check_finds_an_hour_that_its_bottles_have_not_spent(ledger):
    register(ledger)
    spend(ledger, 5, START)
    assert ledger.check().problems == ()
    ledger.db.run("UPDATE spend_open SET tokens = 6 WHERE scope = 'global'")
    (problem,) = ledger.check().problems
    assert "of global for claude is not what its bottles have spent" in problem


def test_check_takes_no_offence_at_a_correction_after_another_agent_took_over(ledger, now):
    register(ledger)
    guess = exchange(900, prompt=0, name="m", kind=Completeness.ESTIMATED)
    ledger.settle(WEB, "", [guess], now=now)
    ledger.register(WEB, scopes(), agent="other", ancestry=("dev", "base"))
    ledger.settle(WEB, "", [exchange(300, prompt=0, name="m")], now=now)
    assert ledger.check().problems == ()


def test_check_takes_no_offence_at_a_bottle_that_moves_within_the_hour(ledger, now):
    register(ledger, "web")
    register(ledger, "api")
    spend(ledger, 5, now)
    register(ledger, "web", bottle="other")
    spend(ledger, 7, now)
    assert ledger.check().problems == ()
    register(ledger, "web", bottle="other")
    assert ledger.check().problems == ()
