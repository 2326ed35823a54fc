"""A clock that was wrong for a while: what an operator does afterwards works, and nothing that is
right is called damaged."""

from __future__ import annotations

import pytest

from botbottle.ledger import accounts
from botbottle.model.bottle import Limit
from botbottle.model.usage import Completeness
from tests.ledger.worlds import WEB, admit, admitted, exchange, pool, register, spend

DAY = 86400.0


@pytest.fixture
def daily(ledger, now):
    """A limit a day, used up today; the clock had been a day ahead when the newest row came."""
    register(ledger, bottle="dev", agent=(Limit("claude", 100, "day"),))
    spend(ledger, 100, now)
    spend(ledger, 7, now + DAY)
    return ledger


def test_a_reset_is_of_today_although_rows_are_of_tomorrow(daily, now):
    assert pool(daily, now, "agent:p/web", window="day").spent == 100, "the control"
    assert daily.reset("agent:p/web", "claude", "day", by="t", now=now) == 100
    admitted(admit(daily, now))
    assert pool(daily, now + DAY, "agent:p/web", window="day").spent == 7


def test_a_reset_by_a_clock_that_is_a_little_behind_is_of_the_ledgers_window(ledger, now):
    register(ledger, agent=(Limit("claude", 100, "day"),))
    midnight = now // DAY * DAY + DAY
    spend(ledger, 100, midnight + 1)
    assert ledger.reset("agent:p/web", "claude", "day", by="t", now=midnight - 1) == 100
    admitted(admit(ledger, midnight + 2))


def test_a_bottle_that_moves_after_its_clock_was_set_back_is_not_damage(ledger, now, monkeypatch):
    """Hours that are yet to come, by the clock, were spent before the move all the same."""
    monkeypatch.setattr(accounts.time, "time", lambda: now)
    register(ledger, bottle="old")
    spend(ledger, 10, now + DAY)
    register(ledger, bottle="new")
    assert ledger.check().problems == ()


def test_the_time_of_the_last_move_is_never_an_earlier_one(ledger, now, monkeypatch):
    register(ledger, bottle="old")
    monkeypatch.setattr(accounts.time, "time", lambda: now)
    spend(ledger, 10, now - 7200)
    register(ledger, bottle="new")
    monkeypatch.setattr(accounts.time, "time", lambda: now - 2 * DAY)
    register(ledger, bottle="newer")
    assert ledger.check().problems == ()


def test_an_estimate_is_taken_back_out_of_an_hour_that_retention_kept(ledger, now):
    """The rows of a response stay together, and with them the hours that they are in."""
    register(ledger)
    ledger.db.run("UPDATE counter SET value = 0 WHERE name = 'moved'")  # registered long before
    for back, tokens in ((3 * DAY, 100), (DAY, 200)):
        partial = exchange(tokens, prompt=0, name="r-1", kind=Completeness.PARTIAL)
        ledger.settle(WEB, "", [partial], now=now - back)
    assert ledger.retain(before=now - 2 * DAY) == 0, "the newest row of the response is younger"
    ledger.settle(WEB, "", [exchange(50, prompt=0, name="r-1")], now=now)
    assert ledger.check().problems == ()
