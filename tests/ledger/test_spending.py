"""Usage: every response is booked once, its sums in the same transaction, no class twice."""

import pytest

from botbottle.ledger.db import Violation
from botbottle.model.usage import Completeness, Tokens
from tests.ledger.worlds import WEB, exchange, pool, register, scope_spent, spend


def rows(ledger):
    return [(r.response_id, r.tokens, r.completeness) for r in ledger.exchanges()]


def total(ledger):
    (row,) = ledger.usage([])
    return row


def test_a_replayed_response_is_counted_once(ledger, now):
    register(ledger)
    first = ledger.settle(WEB, "", [exchange(name="msg_1")], now=now)
    again = ledger.settle(WEB, "", [exchange(name="msg_1")], now=now)
    assert (first.recorded, again.recorded, again.duplicates) == (1, 0, 1)
    assert total(ledger).requests == 1


def test_a_replay_inside_one_report_is_counted_once(ledger, now):
    register(ledger)
    for name in ("m", "n"):  # also when the hour's sums are already at hand
        settled = ledger.settle(WEB, "", [exchange(name=name), exchange(name=name)], now=now)
        assert (settled.recorded, settled.duplicates) == (1, 1)


def test_a_billed_retry_has_its_own_id_and_counts(ledger, now):
    register(ledger)
    ledger.settle(WEB, "", [exchange(name="msg_1"), exchange(name="msg_2")], now=now)
    assert total(ledger).counted == 200


def test_the_same_id_of_two_providers_is_two_responses(ledger, now):
    register(ledger)
    ledger.settle(WEB, "", [exchange(name="x"), exchange(name="x", provider="codex")], now=now)
    assert total(ledger).requests == 2


@pytest.mark.parametrize("kind", [Completeness.PARTIAL, Completeness.ESTIMATED])
@pytest.mark.parametrize("final", [10, 90])
def test_final_numbers_replace_an_earlier_estimate_exactly(ledger, now, kind, final):
    register(ledger, agent=1000)
    ledger.settle(WEB, "", [exchange(60, name="m", kind=kind)], now=now)
    ledger.settle(WEB, "", [exchange(final, name="m")], now=now)
    row = total(ledger)
    assert row.tokens == Tokens(input_uncached=50, output=final)
    assert (row.requests, row.partial, row.estimated) == (1, 0, 0)
    assert pool(ledger, now, "agent:p/web").spent == 50 + final
    assert [r.correction for r in ledger.exchanges()] == [True, False]


def test_an_estimate_never_replaces_final_numbers(ledger, now):
    register(ledger)
    ledger.settle(WEB, "", [exchange(60, name="m")], now=now)
    ledger.settle(WEB, "", [exchange(10, name="m", kind=Completeness.PARTIAL)], now=now)
    assert total(ledger).tokens.output == 60
    assert total(ledger).partial == 0


def test_partial_and_estimated_responses_are_counted_as_such(ledger, now):
    register(ledger)
    kinds = [Completeness.PARTIAL, Completeness.ESTIMATED, Completeness.FINAL]
    ledger.settle(WEB, "", [exchange(kind=k) for k in kinds], now=now)
    assert (total(ledger).requests, total(ledger).partial, total(ledger).estimated) == (3, 1, 1)


def test_a_bottle_cannot_hide_anothers_usage_by_claiming_its_id_first(ledger, now):
    """The id is known as soon as a stream starts; whoever books it small gains nothing."""
    register(ledger, "thief")
    register(ledger, "victim", agent=1000)
    ledger.settle("p/thief", "", [exchange(1, prompt=0, name="m")], now=now)
    ledger.settle("p/victim", "", [exchange(500, prompt=100, name="m")], now=now)
    assert pool(ledger, now, "agent:p/victim").spent == 599


def test_a_bottle_cannot_shrink_anothers_usage(ledger, now):
    register(ledger, "victim", agent=1000)
    register(ledger, "thief")
    ledger.settle("p/victim", "", [exchange(500, name="m", kind=Completeness.PARTIAL)], now=now)
    ledger.settle("p/thief", "", [exchange(0, prompt=0, name="m")], now=now)
    assert pool(ledger, now, "agent:p/victim").spent == 550
    assert scope_spent(ledger, "bottle:dev", "claude", "", now) == 550
    assert scope_spent(ledger, "agent:p/thief", "claude", "", now) == 0


def test_only_counted_classes_are_spent_but_all_are_stored(ledger, now):
    register(ledger, agent=1000, count=("input_uncached", "output"))
    ledger.settle(WEB, "", [exchange(1, prompt=2, cache_read=100, cache_write_1h=200)], now=now)
    assert pool(ledger, now, "agent:p/web").spent == 3
    assert total(ledger).tokens.total == 303
    assert total(ledger).counted == 3


def test_every_scope_gets_its_rollup_whatever_governs(ledger, now):
    register(ledger, "web", agent=10**6)
    register(ledger, "api", bottle="other")
    spend(ledger, 5, now, "p/web")
    spend(ledger, 7, now, "p/api")
    spent = {
        s: scope_spent(ledger, s, "claude", "day", now)
        for s in ("agent:p/web", "bottle:dev", "bottle:other", "global")
    }
    assert spent == {"agent:p/web": 5, "bottle:dev": 5, "bottle:other": 7, "global": 12}


def test_a_bottle_cannot_move_its_spending_into_another_window(ledger, now):
    register(ledger)
    ledger.settle(WEB, "", [exchange(at=now - 40 * 86400)], now=now)
    assert scope_spent(ledger, "global", "claude", "hour", now) == 100


def test_rows_keep_who_where_and_when(ledger, now):
    register(ledger)
    ledger.settle(WEB, "", [exchange(name="m", at=now - 1)], now=now)
    (row,) = ledger.exchanges()
    assert (row.account, row.agent, row.provider, row.host) == (WEB, "web", "claude", "api.example")
    assert (row.at, row.recorded_at, row.completeness) == (now - 1, now, "final")


def test_a_zero_response_is_kept_and_settles_nothing_else(ledger, now):
    register(ledger)
    zero = ledger.settle(WEB, "", [exchange(0, prompt=0, name="warm")], now=now)
    assert zero.recorded == 1
    ledger.settle(WEB, "", [exchange(name="real")], now=now)
    assert total(ledger).counted == 100


def test_a_batch_that_fails_leaves_neither_rows_nor_sums(ledger, now):
    register(ledger, agent=1000)
    with pytest.raises(RuntimeError), ledger.batch():
        spend(ledger, 10, now)
        raise RuntimeError
    assert ledger.exchanges() == ()
    assert pool(ledger, now, "agent:p/web").spent == 0


def test_usage_after_retirement_is_still_booked(ledger, now):
    register(ledger)
    ledger.retire(WEB)
    spend(ledger, 10, now)
    assert total(ledger).counted == 10


def test_a_batch_that_goes_over_the_hour_books_each_side_in_its_own(ledger):
    hour = 1_795_003_200.0
    register(ledger, agent=1000)
    for _ in range(3):  # until the sums are at hand
        spend(ledger, 1, hour - 1)
    with ledger.batch():
        spend(ledger, 10, hour - 1)
        spend(ledger, 5, hour)
    spent = [scope_spent(ledger, "global", "claude", "hour", t) for t in (hour - 1, hour)]
    assert spent == [13, 5]


def test_what_was_looked_up_together_is_still_counted_once(ledger, second, now):
    register(ledger)
    old, new, twice = exchange(name="old"), exchange(name="new"), exchange(name="twice")
    ledger.settle(WEB, "", [old], now=now)
    with ledger.batch():
        ledger.expect([old, new, twice, twice])
        told = [ledger.settle(WEB, "", [e], now=now).recorded for e in (old, new, twice, twice)]
        ledger.books.flush()
        told += [ledger.settle(WEB, "", [e], now=now).recorded for e in (new, twice)]
    assert told == [0, 1, 1, 0, 0, 0]
    assert ledger.usage([])[0].requests == 3


def test_what_was_looked_up_is_true_in_its_transaction_only(ledger, second, now):
    register(ledger)
    late, undone = exchange(name="late"), exchange(name="undone")
    with ledger.batch():
        ledger.expect([late, undone])
    assert second.settle(WEB, "", [late], now=now).recorded == 1
    assert ledger.settle(WEB, "", [late], now=now).recorded == 0
    with pytest.raises(RuntimeError), ledger.batch():
        ledger.expect([undone])
        ledger.settle(WEB, "", [undone], now=now)
        raise RuntimeError
    assert [ledger.settle(WEB, "", [undone], now=now).recorded for _ in range(2)] == [1, 0]


def test_what_was_presumed_new_and_is_not_is_never_booked_twice(ledger, second, now):
    """The table refuses it, and with it all of the transaction."""
    register(ledger)
    old, new = exchange(name="old"), exchange(name="new")
    second.settle(WEB, "", [old], now=now)
    with pytest.raises(Violation), ledger.batch():
        ledger.presume([new, old])
        assert [ledger.settle(WEB, "", [e], now=now).recorded for e in (new, old)] == [1, 1]
    assert ledger.usage([])[0].requests == 1 and ledger.check().problems == ()
    with ledger.batch():
        ledger.presume([new])
        told = [ledger.settle(WEB, "", [e], now=now).recorded for e in (new, old, new)]
    assert told == [1, 0, 0], "only what was presumed is not looked up, and only once"
    assert ledger.usage([])[0].requests == 2 and ledger.check().problems == ()


def test_rows_of_two_writers_have_numbers_of_their_own_that_grow(ledger, second, now):
    register(ledger)
    for number in range(6):
        book = (ledger, second)[number % 2]
        spend(book, 1, now)
        if number == 3:
            with pytest.raises(RuntimeError), book.batch():
                spend(book, 1, now)
                book.books.flush()
                raise RuntimeError
    assert [r.id for r in ledger.exchanges()] == [6, 5, 4, 3, 2, 1]
