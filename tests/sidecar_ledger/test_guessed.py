"""Usage that nobody could read is told to the operator: an alarm, and not one for each row."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from botbottle.sidecar.ledger.handlers import Caller, Handlers, Now
from botbottle.sidecar.ledger.rates import AGAIN_SECONDS, MOST_WARNED, Allowance, Rates
from tests.ledger.worlds import WEB, register
from tests.sidecar_ledger.support import row


@pytest.fixture
def booking(world: Any) -> SimpleNamespace:
    """``book`` settles rows of ``web`` at a moment; ``alarms`` gives what the ledger was told."""
    register(world.ledger)
    rates = Rates()
    handlers, caller = Handlers(world.ledger, rates), Caller(WEB, Allowance(rates))

    def book(at: float, *rows: dict[str, Any]) -> None:
        frame = {"op": "settle", "lease": "", "exchanges": list(rows)}
        handlers.handle(caller, frame, Now(1_795_000_000.0 + at, at))

    def alarms() -> list[dict[str, Any]]:
        return [dict(e.data) for e in world.ledger.events(kind="alarm", limit=1000)]

    return SimpleNamespace(book=book, alarms=alarms)


def guessed(name: str, note: str = "unknown dialect", **more: Any) -> dict[str, Any]:
    return row(response_id=name, completeness="estimated", note=note, **more)


def test_an_estimated_row_raises_an_alarm_that_says_why_and_where(booking: Any) -> None:
    booking.book(0.0, row(), guessed("a", host="llm.corp.example", model="m-9"))
    assert booking.alarms() == [
        {
            "code": "estimated",
            "source": "ledger-service",
            "provider": "claude",
            "host": "llm.corp.example",
            "model": "m-9",
            "message": "usage could only be estimated: unknown dialect",
        }
    ]


def test_final_and_partial_rows_and_replays_raise_none(booking: Any) -> None:
    booking.book(0.0, row(), row(completeness="partial", note="client gone"))
    assert booking.alarms() == []
    booking.book(0.0, guessed("a"))
    booking.book(AGAIN_SECONDS + 1, guessed("a"))
    assert len(booking.alarms()) == 1


def test_the_same_reason_is_told_once_a_minute_and_another_at_once(booking: Any) -> None:
    for number in range(50):
        booking.book(number, guessed(f"r{number}"))
    assert len(booking.alarms()) == 1
    booking.book(50.0, guessed("other", note="ended without usage"))
    booking.book(AGAIN_SECONDS, guessed("again"))
    assert len(booking.alarms()) == 3


def test_made_up_reasons_fill_neither_the_ledger_nor_memory(booking: Any) -> None:
    for start in range(0, 2000, 100):
        booking.book(0.0, *(guessed(f"r{n}", note=f"why {n}") for n in range(start, start + 100)))
    assert len(booking.alarms()) == 30
    allowance = Allowance(Rates())
    for number in range(5 * MOST_WARNED):
        allowance.warns(str(number), 0.0)
    assert len(allowance._warned) <= MOST_WARNED
