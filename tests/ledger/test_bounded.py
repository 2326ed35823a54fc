"""What a stolen sidecar names does not stay in memory."""

from __future__ import annotations

import tracemalloc

from botbottle.ledger import reservations
from botbottle.ledger.records import Refusal
from tests.ledger.worlds import WEB, admit, admitted, register

NAMES = 4000
ALLOWED = 200_000  # bytes; each name would leave some 600 behind


def refused(answer):
    """The code of a refusal."""
    assert isinstance(answer, Refusal), answer
    return answer.code


def grown(work):
    """Bytes of memory that are left after ``work``."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_providers_that_nobody_limits_leave_nothing_behind(ledger, now):
    register(ledger, agent=10**6)

    def ask(start):
        for first in range(start, start + NAMES, 100):
            with ledger.batch():
                for number in range(first, first + 100):
                    lease = admitted(admit(ledger, now, provider=f"made-up-{number}")).lease
                    ledger.release(WEB, lease)

    ask(0)
    assert grown(lambda: ask(NAMES)) < ALLOWED
    assert admitted(admit(ledger, now)).limit == 10**6


def test_made_up_names_never_take_a_reservation_out_of_the_sums(ledger, now, monkeypatch):
    """What is at hand is tidied when there are too many names: whoever's request that meets."""
    monkeypatch.setattr(reservations, "KEPT", 4)
    register(ledger, agent=1000)
    register(ledger, "other", bottle="other", agent=10**6)
    for names in range(1, 9):
        ledger.books.forget()
        for number in range(names):
            lease = admitted(admit(ledger, now, "p/other", provider=f"made-up-{number}")).lease
            ledger.release("p/other", lease)
        held = admitted(admit(ledger, now, output=600)).lease
        assert admitted(admit(ledger, now, output=600)).reserved == 400
        assert refused(admit(ledger, now)) == "budget-reserved"
        ledger.release(WEB, held)
        assert admitted(admit(ledger, now, output=5000)).reserved == 600
        for (lease,) in ledger.db.query("SELECT lease FROM reservation"):
            ledger.release(WEB, lease)
