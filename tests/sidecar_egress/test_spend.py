"""The money side of one request: what is booked, what goes back, and when the stream is cut.

Nothing here has a network or a clock: the ledger is a double that answers when the test says so,
and the event loop turns when the test lets it.
"""

from __future__ import annotations

import asyncio

import pytest

from botbottle.ledger.records import Progress
from botbottle.meter import Reason
from botbottle.model.usage import Completeness, Tokens
from tests.meter.events import MESSAGE_STOP, message_delta, message_start, sse, text_delta
from tests.sidecar_egress.spending import (
    CROSSES,
    LEASE,
    LONG,
    Running,
    run,
    turn,
)


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
