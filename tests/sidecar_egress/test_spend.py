"""The money side of one request: what is booked, what goes back, and when the stream is cut.

Nothing here has a network or a clock: the ledger is a double that answers when the test says so,
and the event loop turns when the test lets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from botbottle.budget.counting import counted
from botbottle.ledger.records import Admitted, Progress
from botbottle.meter import Conversations, Reason
from botbottle.model.usage import Completeness, Exchange, Tokens
from botbottle.sidecar.egress.gate import LedgerDown, NoLedger
from botbottle.sidecar.egress.spend import Spend
from tests.meter.helpers import (
    CLAUDE,
    MESSAGE_STOP,
    call,
    message_delta,
    message_start,
    request,
    sse,
    text_delta,
)

SSE = {"content-type": "text/event-stream"}
LEASE, ROOM = "lease-1", 1_000
START = sse(message_start(input_tokens=100))
LONG = sse(text_delta("x" * 3_500))  # 1,000 tokens by the estimate
CROSSES = Progress(True, -100, "budget-exhausted")


class Book(NoLedger):
    """A ledger that keeps what it is told. ``answer`` is the next answer to a report."""

    def __init__(self, count: tuple[str, ...] = ()) -> None:
        self.count = count
        self.rows: list[Exchange] = []
        self.settled: list[str] = []
        self.released: list[str] = []
        self.reports: list[Tokens] = []
        self.answer: Callable[[Tokens], Coroutine[Any, Any, Progress]] = self.fine

    async def fine(self, tokens: Tokens) -> Progress:
        return Progress(False, ROOM - counted(tokens, self.count))

    async def progress(self, lease: str, tokens: Tokens) -> Progress:
        assert lease == LEASE, "a lease that went back is not reported on"
        self.reports.append(tokens)
        return await self.answer(tokens)

    def settle(self, lease: str, exchanges: Sequence[Exchange]) -> None:
        self.settled.append(lease)
        self.rows += exchanges

    def release(self, lease: str) -> None:
        self.released.append(lease)

    def says(self, progress: Progress) -> None:
        async def answer(_tokens: Tokens) -> Progress:
            return progress

        self.answer = answer

    def fails(self) -> None:
        async def answer(_tokens: Tokens) -> Progress:
            raise LedgerDown("gone")

        self.answer = answer


class Running:
    """A request whose response has begun."""

    def __init__(
        self,
        room: int = ROOM,
        reserved: int = 200,
        count: tuple[str, ...] = (),
        start: bytes = START,
    ) -> None:
        self.book, self.cuts = Book(count), 0
        where = call(CLAUDE)
        admitted = Admitted(LEASE, 0.0, reserved, room, count=count)
        self.spend = Spend(self.book, where, request(where), admitted, self.cut)
        self.spend.sending()
        self.spend.responding(200, SSE, Conversations())
        self.spend.feed(start)

    def cut(self) -> None:
        """As the pipeline does: the stream ends here, and its end is told at once."""
        self.cuts += 1
        self.spend.close(Reason.UPSTREAM_FAILED)

    def row(self) -> Exchange:
        (row,) = self.book.rows
        return row


async def turn() -> None:
    """What was put off to the loop's next turn happens."""
    await asyncio.sleep(0)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def test_a_stream_that_crosses_is_cut_and_booked_with_what_it_was_cut_for() -> None:
    async def scenario() -> None:
        it = Running()
        it.book.says(CROSSES)
        it.spend.feed(LONG)
        assert it.cuts == 0, "not within a step of the layers"
        await turn()
        assert it.cuts == 1 and it.spend.was_cut
        row = it.row()
        assert (row.completeness, row.note) == (Completeness.PARTIAL, Reason.CUT.value)
        assert row.tokens.total >= it.book.reports[-1].total == 1_100
        assert it.book.settled == [LEASE] and it.book.released == []

    run(scenario())


def test_a_response_that_ends_before_its_cut_is_carried_out_is_not_cut() -> None:
    """Chunks of one read: the estimate crosses, and the terminal event is right behind it. The
    agent would lose a response that was paid for, and its next request would be admitted."""

    async def scenario() -> None:
        it = Running()
        it.book.says(CROSSES)
        it.spend.feed(LONG)
        it.spend.feed(sse(message_delta(output_tokens=700), MESSAGE_STOP))
        await turn()
        assert it.cuts == 0 and not it.spend.was_cut
        row = it.row()
        assert (row.completeness, row.note) == (Completeness.FINAL, "")
        assert row.tokens.total == 800
        assert it.book.settled == [LEASE]

    run(scenario())


def test_final_numbers_that_fit_undo_a_cut_that_was_decided_by_an_estimate() -> None:
    async def scenario() -> None:
        it = Running()
        it.book.says(Progress(True, -100, "budget-exhausted"))  # 1,000 is all there is
        it.spend.feed(LONG)
        it.spend.feed(sse(message_delta(output_tokens=700)))
        await turn()
        assert it.cuts == 0
        it.spend.feed(sse(MESSAGE_STOP))
        assert it.row().completeness is Completeness.FINAL
        await turn()
        assert it.cuts == 0 and it.book.settled == [LEASE]

    run(scenario())


def test_final_numbers_that_do_not_fit_leave_the_cut_as_it_is() -> None:
    async def scenario() -> None:
        it = Running()
        it.book.says(CROSSES)
        it.spend.feed(LONG)
        it.spend.feed(sse(message_delta(output_tokens=901)))
        await turn()
        assert it.cuts == 1
        assert it.row().tokens.total == 1_001, "the pool of 1,000 is spent"

    run(scenario())


def test_a_stream_whose_cut_was_undone_can_be_cut_again() -> None:
    async def scenario() -> None:
        it = Running()
        it.book.says(CROSSES)
        it.spend.feed(LONG)
        it.spend.feed(sse(message_delta(output_tokens=700)))
        await turn()
        it.spend.feed(sse(message_delta(None), text_delta("x" * 7_000)))  # it was not the end
        await turn()
        assert it.cuts == 1 and it.row().completeness is Completeness.PARTIAL

    run(scenario())


@pytest.mark.parametrize("how", ["lease lost", "ledger down", "held"])
def test_a_stream_that_nobody_vouches_for_is_cut_whatever_it_has_cost(how: str) -> None:
    async def scenario() -> None:
        it = Running()
        if how == "ledger down":
            it.book.fails()
        elif how == "held":
            it.book.says(Progress(True, 0, "held"))
        it.spend.feed(LONG)
        it.spend.feed(sse(message_delta(output_tokens=1)))  # next to nothing, but not over
        if how == "lease lost":
            it.spend.cut()
        await turn()
        assert it.cuts == 1 and it.spend.was_cut

    run(scenario())


def test_a_lost_lease_does_not_cut_what_is_over() -> None:
    async def scenario() -> None:
        it = Running()
        it.spend.cut()
        it.spend.feed(sse(message_delta(output_tokens=7), MESSAGE_STOP))
        it.spend.cut()
        await turn()
        assert it.cuts == 0 and it.row().completeness is Completeness.FINAL

    run(scenario())


def test_a_lease_that_is_lost_while_a_cut_is_due_makes_it_final() -> None:
    """The one decided by an estimate would be undone; the other may not be."""

    async def scenario() -> None:
        it = Running()
        it.book.says(CROSSES)
        it.spend.feed(LONG)
        it.spend.cut()
        it.spend.feed(sse(message_delta(output_tokens=1)))
        await turn()
        assert it.cuts == 1

    run(scenario())


def test_a_client_that_leaves_before_the_cut_is_no_cut() -> None:
    async def scenario() -> None:
        it = Running()
        it.book.says(CROSSES)
        it.spend.feed(LONG)
        it.spend.close(Reason.CLIENT_GONE)
        await turn()
        assert it.cuts == 0
        assert it.row().note == Reason.CLIENT_GONE.value and it.row().tokens.total == 1_100
        assert it.book.settled == [LEASE]

    run(scenario())


def test_an_answer_that_comes_after_the_end_changes_nothing() -> None:
    async def scenario() -> None:
        it = Running()
        late: asyncio.Future[Progress] = asyncio.get_running_loop().create_future()

        async def answer(_tokens: Tokens) -> Progress:
            return await late

        it.book.answer = answer
        it.spend.feed(LONG)
        it.spend.feed(sse(message_delta(output_tokens=700), MESSAGE_STOP))
        late.set_result(CROSSES)
        for _ in range(3):
            await turn()
        assert it.cuts == 0 and it.book.settled == [LEASE]

    run(scenario())


def test_without_an_answer_one_chunk_more_than_allowed_passes_and_then_the_stream_is_cut() -> None:
    async def scenario() -> None:
        it = Running(room=300, reserved=200)
        never: asyncio.Future[Progress] = asyncio.get_running_loop().create_future()

        async def answer(_tokens: Tokens) -> Progress:
            return await never

        it.book.answer = answer
        it.spend.feed(LONG)
        await turn()
        assert it.cuts == 0
        it.spend.feed(LONG)
        await turn()
        assert it.cuts == 1 and it.row().note == Reason.CUT.value
        never.cancel()

    run(scenario())


CACHED = sse(message_start(input_tokens=100, cache_read_input_tokens=50_000))


@pytest.mark.parametrize(("count", "cuts"), [(("input_uncached", "output"), 0), ((), 1)])
def test_tokens_that_the_budget_does_not_count_cut_nothing(
    count: tuple[str, ...], cuts: int
) -> None:
    """A large cache is read before the ledger can have answered; where it counts, it crosses."""

    async def scenario() -> None:
        it = Running(count=count, start=CACHED)
        never: asyncio.Future[Progress] = asyncio.get_running_loop().create_future()

        async def answer(_tokens: Tokens) -> Progress:
            return await never

        it.book.answer = answer
        it.spend.feed(sse(text_delta("one")))
        it.spend.feed(sse(text_delta("two")))
        await turn()
        assert it.cuts == cuts
        it.spend.close(Reason.CLIENT_GONE)
        never.cancel()

    run(scenario())
