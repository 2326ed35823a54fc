"""Retention leaves no part of a response. Of what an older bb has left, nothing is a credit, and
it stops nobody."""

from __future__ import annotations

import pytest

from botbottle.ledger import upkeep
from botbottle.ledger.db import Violation
from botbottle.ledger.opening import open_ledger
from botbottle.model.usage import Completeness
from tests.ledger.worlds import WEB, age, exchange, register, scope_spent

DAY = 86400.0


def book(ledger, tokens, now, kind=Completeness.FINAL, name="batch/1"):
    e = exchange(tokens, prompt=0, name=name, kind=kind)
    return ledger.settle(WEB, "", [e], now=now).recorded


def spent(ledger, now):
    return scope_spent(ledger, "bottle:dev", "claude", "", now)


@pytest.fixture
def corrected(ledger, now):
    """8,192 tokens were estimated three days ago; a day ago it turned out to be 1,000."""
    register(ledger)
    book(ledger, 8192, now - 3 * DAY, Completeness.PARTIAL)
    book(ledger, 1000, now - DAY)
    return ledger


def test_rows_of_a_response_stay_until_the_newest_is_old_enough(corrected, now):
    assert corrected.retain(before=now - 2 * DAY) == 0
    assert book(corrected, 1000, now) == 0, "a replay"
    assert spent(corrected, now) == 1000
    assert corrected.retain(before=now) == 2
    assert corrected.exchanges() == ()
    assert spent(corrected, now) == 1000
    assert corrected.check().problems == ()


@pytest.mark.parametrize("page", [1, 2, 3])
def test_rows_of_a_response_go_in_one_transaction(ledger, now, monkeypatch, page):
    """A report that comes between two of them finds all of a response or none."""
    monkeypatch.setattr(upkeep, "PAGE", page)
    register(ledger)
    names = [f"batch/{n}" for n in range(4)]
    for at in (now - 9, now - 8, now - 7):
        for name in names:
            book(ledger, int(at - now + 10) * 10, at, Completeness.PARTIAL, name)
    found, once = [], ledger._forget_responses

    def between(before):
        done = once(before)
        found.append(ledger.db.query("SELECT count(*) FROM usage GROUP BY response_id"))
        return done

    monkeypatch.setattr(ledger, "_forget_responses", between)
    assert ledger.retain(before=now) == 12
    assert len(found) > 1
    assert {count for rows in found for (count,) in rows} == {3}


def test_a_response_of_which_a_row_is_missing_is_booked_on(corrected, now):
    """Its next row takes a number that is free: else everybody in the batch paid for it."""
    corrected.db.run("DELETE FROM usage WHERE seq = 0")
    others = exchange(5, prompt=0)
    for recorded in (1, 0):
        with corrected.batch():
            corrected.settle(WEB, "", [others], now=now)
            assert book(corrected, 9000, now) == recorded
    assert others.response_id in {r.response_id for r in corrected.exchanges()}


def test_what_an_older_bb_has_left_of_a_response_is_no_credit(where, now):
    old = open_ledger(where)
    register(old)
    book(old, 8192, now - 3 * DAY, Completeness.PARTIAL)
    book(old, 1000, now - DAY)
    book(old, 77, now - DAY, name="whole")
    old.db.run("DELETE FROM usage WHERE seq = 0 AND response_id = 'batch/1'")
    age(old.db.run, 6)
    old.close()
    ledger = open_ledger(where)
    assert [r.response_id for r in ledger.exchanges()] == ["whole"]
    assert book(ledger, 1000, now) == 1, "as for one that retention has deleted whole"
    assert book(ledger, 1000, now) == 0
    assert spent(ledger, now) == 1000 + 77 + 1000
    assert [r.id for r in ledger.exchanges()] == [4, 3], "no id comes again"
    assert ledger.check().problems == ()
    ledger.close()


def test_rows_that_the_database_refuses_are_no_failure_of_the_ledger(ledger, now):
    """Else whoever makes them stops everybody who is in the same batch."""
    register(ledger)
    ledger.db.run("CREATE UNIQUE INDEX one_host ON usage (host)")
    book(ledger, 1, now)
    with pytest.raises(Violation), ledger.batch():
        book(ledger, 1, now, name="other")
    assert spent(ledger, now) == 1
