"""Field bug 5 at the sidecar: what went upstream and was left before any answer is booked."""

from __future__ import annotations

import pytest

from botbottle.ledger.records import Admitted
from botbottle.meter import Reason
from botbottle.model.usage import Completeness, Exchange
from botbottle.sidecar.egress.spend import Spend
from tests.meter.helpers import call, request
from tests.meter.places import CLAUDE
from tests.sidecar_egress.spending import LEASE, Book


def left(reason: Reason, *, sent: bool, **body: object) -> Book:
    book, where = Book(), call(CLAUDE)
    asked = request(where, messages=[{"role": "user", "content": "x" * 400}], **body)
    admitted = Admitted(LEASE, 0.0, 100, 1_000)
    spend = Spend(book, where, asked, admitted, lambda: None)
    if sent:
        spend.sending()
    spend.close(reason)
    spend.close(reason)
    return book


@pytest.mark.parametrize(
    "reason", [Reason.CLIENT_GONE, Reason.UPSTREAM_FAILED, Reason.CUT, Reason.SHUTDOWN]
)
def test_bug_05_a_request_that_was_sent_leaves_a_row_with_its_lease(reason: Reason) -> None:
    book = left(reason, sent=True, stream=True)
    (row,) = book.rows
    assert (row.completeness, row.tokens.output) == (Completeness.PARTIAL, 0)
    assert row.tokens.input_uncached > 50 and row.note.startswith(reason.value)
    assert book.settled == [LEASE] and book.released == []


def test_bug_05_a_plain_one_may_have_been_answered_in_full() -> None:
    (row,) = left(Reason.CLIENT_GONE, sent=True, max_tokens=300).rows
    assert row.tokens.output == 300


class Keeper(Book):
    """Remembers what is kept for the case of a kill."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[str, list[Exchange]]] = []

    def passing(self, lease: str, rows: list[Exchange]) -> None:
        self.kept.append((lease, rows))


@pytest.mark.parametrize(("body", "output"), [({"stream": True}, 0), ({"max_tokens": 300}, 300)])
def test_it_is_kept_for_a_kill_from_the_moment_it_leaves(
    body: dict[str, object], output: int
) -> None:
    keeper, where = Keeper(), call(CLAUDE)
    asked = request(where, messages=[{"role": "user", "content": "x" * 400}], **body)
    spend = Spend(keeper, where, asked, Admitted(LEASE, 0.0, 100, 1_000), lambda: None)
    assert keeper.kept == []
    spend.sending()
    ((lease, (row,)),) = keeper.kept
    assert (lease, row.note[:14], row.tokens.output) == (LEASE, "sidecar killed", output)
    assert row.tokens.input_uncached > 50


def test_one_that_was_never_sent_gives_its_lease_back() -> None:
    """The control."""
    book = left(Reason.CLIENT_GONE, sent=False, stream=True)
    assert book.rows == [] and book.released == [LEASE]
