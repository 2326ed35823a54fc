"""What comes after the event that seemed to be a response's last is counted too, and once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.ledger.records import Admitted
from botbottle.meter import Conversations, Reason
from botbottle.meter.late import SHARE, STEP, grown
from botbottle.model.usage import Completeness, Exchange, Tokens
from botbottle.sidecar.egress.gate import NoLedger
from botbottle.sidecar.egress.spend import Spend

from .helpers import CHAT, GEMINI, RESPONSES, Place, call, feed, meter, request, sse

GIVEN = 10
CLASSES = st.integers(0, 10_000)
TOKENS = st.builds(Tokens, CLASSES, CLASSES, CLASSES, CLASSES, CLASSES, st.just(0))


def _stopped(output: int) -> dict[str, Any]:
    """A chunk of a Gemini model that ends each of its chunks with a reason to stop."""
    usage = {"promptTokenCount": GIVEN, "candidatesTokenCount": output}
    candidate = {"content": {"parts": [{"text": "abc"}]}, "finishReason": "STOP", "index": 0}
    return {"responseId": "x", "candidates": [candidate], "usageMetadata": usage}


def _usage(output: int, cached: int = 0) -> dict[str, Any]:
    details = {"cached_tokens": cached}
    usage = {"prompt_tokens": GIVEN, "completion_tokens": output, "prompt_tokens_details": details}
    return {"id": "chatcmpl-1", "choices": [], "usage": usage}


FINISH = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
LATE = [
    (GEMINI, [_stopped(at) for at in (100, 101, 102, 300, 500)], 500),
    (CHAT, [FINISH, _usage(1), _usage(9), "[DONE]"], 9),
    (CHAT, [FINISH, _usage(1), FINISH, _usage(501), "[DONE]"], 501),
]


def booked(rows: list[Exchange]) -> Tokens:
    """What a ledger has after these reports of one response: each adds what is more."""
    sums = Tokens()
    for row in rows:
        more = (max(0, n - k) for n, k in zip(_classes(row.tokens), _classes(sums), strict=True))
        sums += Tokens(*more)
    return sums


def _classes(tokens: Tokens) -> tuple[int, ...]:
    return (tokens.input_uncached, tokens.cache_read, tokens.cache_write_5m,
            tokens.cache_write_1h, tokens.output, tokens.reasoning)  # fmt: skip


@pytest.mark.parametrize(("place", "docs", "output"), LATE)
@pytest.mark.parametrize("reason", [Reason.COMPLETE, Reason.CLIENT_GONE])
def test_the_last_numbers_count_however_it_ends(
    place: Place, docs: list[Any], output: int, reason: Reason
) -> None:
    m = meter(place)
    rows = feed(m, *(sse(doc) for doc in docs)) + m.close(reason)
    assert booked(rows).output == output
    assert booked(rows).total_input == GIVEN
    assert len({row.response_id for row in rows}) == 1
    assert all(row.completeness is Completeness.FINAL for row in rows)
    assert m.close(reason) == feed(m, sse(docs[-1])) == []


def test_the_row_is_still_written_when_the_first_final_numbers_pass() -> None:
    m = meter(GEMINI)
    assert len(feed(m, sse(_stopped(100)))) == 1
    assert m.committed


def test_a_long_response_has_few_rows() -> None:
    m = meter(GEMINI)
    rows = feed(m, *(sse(_stopped(at)) for at in range(1, 20_001))) + m.close(Reason.COMPLETE)
    assert booked(rows).output == 20_000
    assert len(rows) < 70


def test_what_is_told_twice_or_sorted_otherwise_adds_nothing() -> None:
    m = meter(CHAT)
    docs = (FINISH, _usage(9), _usage(9), _usage(9, cached=4), _usage(2), "[DONE]")
    rows = feed(m, *(sse(doc) for doc in docs)) + m.close(Reason.COMPLETE)
    assert [row.tokens.total for row in rows] == [GIVEN + 9]


@given(TOKENS, TOKENS)
def test_what_is_added_is_the_growth_of_the_whole(first: Tokens, second: Tokens) -> None:
    more = grown(first, second, last=True)
    if more is None:
        assert second.total <= first.total
        return
    assert all(b >= a for a, b in zip(_classes(first), _classes(more), strict=True))
    assert more.total >= second.total
    assert more.total - first.total <= max(
        second.total - first.total, second.total_input - first.total_input
    )
    early = grown(first, second, last=False)
    assert (early is None) == (second.total - first.total <= max(STEP, first.total // SHARE))


class Booker(NoLedger):
    """Keeps what is settled, and with which lease."""

    def __init__(self) -> None:
        self.settled: list[tuple[str, int]] = []

    def settle(self, lease: str, exchanges: Any) -> None:
        self.settled += [(lease, row.tokens.output) for row in exchanges]


def test_the_sidecar_books_late_numbers_after_the_lease_is_gone() -> None:
    async def pass_by() -> list[tuple[str, int]]:
        ledger, where = Booker(), call(GEMINI)
        spend = Spend(ledger, where, request(where), Admitted("a", 0.0, 100, 10**6), lambda: None)
        spend.sending()
        spend.responding(200, {"content-type": "text/event-stream"}, Conversations())
        for doc in (_stopped(100), _stopped(101), _stopped(400), _stopped(401)):
            spend.feed(sse(doc))
        for _ in range(2):
            spend.close(Reason.COMPLETE)
        spend.feed(sse(_stopped(9000)))
        return ledger.settled

    assert asyncio.run(pass_by()) == [("a", 100), ("", 400), ("", 401)]


def _deltas(count: int) -> bytes:
    return sse(*[{"type": "response.output_text.delta", "delta": "words of it "}] * count)


@pytest.mark.parametrize("created", [True, False], ids=["from its start", "from further on"])
def test_a_retrieved_stream_that_is_left_costs_what_passed(created: bool) -> None:
    """Under the id of the response: the ledger adds only what exceeds the rows that it has."""
    opening = {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}
    m = meter((RESPONSES[0], "/v1/responses/resp_1"), method="GET")
    feed(m, *([sse(opening)] if created else []), _deltas(500))
    running = m.running.output
    (row,) = m.close(Reason.CLIENT_GONE)
    assert row.response_id == "resp_1"
    assert (row.completeness, row.tokens.output) == (Completeness.PARTIAL, running)
    assert running > 1000


def test_a_poll_or_a_cancel_without_output_leaves_nothing() -> None:
    for path, method in (("/v1/responses/resp_1", "GET"), ("/v1/responses/resp_1/cancel", "POST")):
        for reason in (Reason.COMPLETE, Reason.UNREAD, Reason.CLIENT_GONE):
            m = meter((RESPONSES[0], path), "application/json", method=method)
            assert feed(m, b'{"id":"resp_1","status":"queued","usage":null}') == []
            assert m.close(reason) == []
