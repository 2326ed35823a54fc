"""What a stolen sidecar names does not stay in memory."""

from __future__ import annotations

import tracemalloc

from tests.ledger.worlds import WEB, admit, admitted, register

NAMES = 4000
ALLOWED = 200_000  # bytes; each name would leave some 600 behind


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
