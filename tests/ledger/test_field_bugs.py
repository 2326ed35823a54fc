"""Field bugs that a ledger causes or prevents; the index of all is tests/meter/test_field_bugs.py.

``python -m tests.ledger.mutants`` puts each one in and sees its test fail.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from botbottle.ledger.gate import LEASE_SECONDS
from botbottle.ledger.records import Admitted
from botbottle.model.bottle import Limit
from botbottle.model.usage import Completeness
from tests.ledger.conftest import hurried
from tests.ledger.worlds import WEB, admit, admitted, exchange, pool, register, spend

LIMIT = 1000


def test_bug_21_a_response_that_is_told_again_costs_nothing(ledger, second, now):
    register(ledger, agent=LIMIT)
    told = [
        book.settle(WEB, "", [exchange(60, name="resp_1")], now=now).recorded
        for book in (ledger, ledger, second, second, ledger)
    ]
    assert told == [1, 0, 0, 0, 0]
    assert pool(ledger, now, "agent:p/web").spent == 110


def test_bug_22_what_is_told_first_does_not_win_and_a_retry_counts(ledger, now):
    register(ledger, agent=LIMIT)
    ledger.settle(WEB, "", [exchange(1, prompt=10, name="m1", kind=Completeness.PARTIAL)], now=now)
    ledger.settle(WEB, "", [exchange(90, prompt=10, name="m1")], now=now)
    assert pool(ledger, now, "agent:p/web").spent == 100
    ledger.settle(WEB, "", [exchange(90, prompt=10, name="m2")], now=now)
    assert pool(ledger, now, "agent:p/web").spent == 200


def test_bug_24_two_that_know_the_same_rest_do_not_both_get_it(ledger, second, now):
    register(ledger, agent=LIMIT)
    for each in (ledger, second):  # both have the pool at hand
        each.release(WEB, admitted(admit(each, now, output=1)).lease)
    got = [admit(each, now, output=600) for each in (ledger, second, ledger, second)]
    assert sum(a.reserved for a in got if isinstance(a, Admitted)) == LIMIT


def test_bug_24_of_64_that_ask_at_once_no_more_are_admitted_than_fit(ledger, where, now):
    register(ledger, agent=LIMIT)
    gates = [hurried(where) for _ in range(4)]
    with ThreadPoolExecutor(64) as threads:
        answers = threads.map(lambda i: admit(gates[i % 4], now, prompt=99, output=1), range(64))
        assert sum(isinstance(a, Admitted) for a in answers) == 10
    for gate in gates:
        gate.close()


def test_bug_26_what_one_has_booked_the_next_admission_knows(ledger, second, now):
    register(ledger, agent=LIMIT)
    assert admitted(admit(second, now, output=1)).spent == 0
    spend(ledger, LIMIT, now)
    assert admit(second, now).code == "budget-exhausted"


def test_bug_27_no_way_to_end_a_request_leaves_its_reservation_behind(ledger, second, now):
    register(ledger, agent=LIMIT)

    def begun(book=ledger):
        return admitted(admit(book, now, output=400)).lease

    ledger.settle(WEB, begun(), [exchange(3, prompt=0, name="a")], now=now)
    second.settle(WEB, begun(), [exchange(3, prompt=0, name="a")], now=now)  # a replay
    ledger.settle(WEB, begun(), [], now=now)
    second.release(WEB, begun())
    ledger.release(WEB, begun(second))
    assert pool(ledger, now, "agent:p/web").reserved == 0
    for _ in range(3):
        ledger.release(WEB, begun())
    rest = admitted(admit(ledger, now, output=5000))
    assert rest.reserved == LIMIT - 3, "as the gate has it at hand, too"
    ledger.release(WEB, rest.lease)
    lost = [begun(), begun(second)]
    assert pool(ledger, now, "agent:p/web").reserved == 800
    later = now + LEASE_SECONDS + 1
    assert pool(ledger, later, "agent:p/web").reserved == 0
    assert admitted(admit(second, later, output=5000)).reserved == LIMIT - 3
    assert len(lost) == 2


def test_bug_27_a_running_request_takes_what_it_uses_not_what_it_might(ledger, now):
    register(ledger, agent=LIMIT)
    one = admitted(admit(ledger, now, output=100))
    assert one.reserved == 100
    assert admitted(admit(ledger, now, output=5000)).reserved == LIMIT - 100


def test_bug_28_a_reset_counts_for_all_at_once_and_forgives_once(ledger, second, now):
    register(ledger, agent=LIMIT)
    spend(ledger, LIMIT, now)
    assert admit(ledger, now).code == admit(second, now).code == "budget-exhausted"
    assert second.reset("agent:p/web", "claude", "", by="t", now=now) == LIMIT
    assert second.reset("agent:p/web", "claude", "", by="t", now=now) == 0
    spend(ledger, 400, now)
    assert ledger.reset("agent:p/web", "claude", "", by="t", now=now) == 400
    spend(second, 300, now)
    for each in (ledger, second):
        answer = admitted(admit(each, now, output=1))
        assert (answer.spent, answer.room + answer.reserved) == (300, LIMIT - 300)
        each.release(WEB, answer.lease)


def test_bug_29_a_limit_that_is_reached_by_ancestry_holds_and_without_one_all_passes(ledger, now):
    register(ledger, "web")
    register(ledger, "api", bottle="other")
    ledger.set_limit("bottle:dev", Limit("claude", 50), by="t")
    spend(ledger, 50, now)
    assert admit(ledger, now).code == "budget-exhausted"
    assert admitted(admit(ledger, now, provider="codex")).limit is None
    spend(ledger, 10**9, now, account="p/api")
    assert isinstance(admit(ledger, now, "p/api"), Admitted)
