"""What comes after the event that seemed to be a response's last is counted too, once, and cut."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from botbottle.ledger.records import Admitted, Progress
from botbottle.meter import Conversations, Reason
from botbottle.model.usage import Completeness, Exchange, Tokens
from botbottle.sidecar.egress.gate import NoLedger
from botbottle.sidecar.egress.spend import Spend

from .events import sse
from .helpers import call, feed, meter, only, request, whole
from .places import CHAT, GEMINI, Place

GIVEN = 10
SAID = "x" * 350  # 100 tokens, as it is weighed
WEIGHS = 100


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
CHAT_SAYS = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": SAID}}]}
GEMINI_SAYS = {"candidates": [{"content": {"parts": [{"text": SAID}]}, "index": 0}]}
LATE = [
    (GEMINI, [_stopped(at) for at in (100, 101, 102, 300, 500)], 500),
    (CHAT, [FINISH, _usage(1), _usage(9), "[DONE]"], 9),
    (CHAT, [FINISH, _usage(1), FINISH, _usage(501), "[DONE]"], 501),
    (CHAT, [FINISH, _usage(9), _usage(9), _usage(9, cached=4), "[DONE]"], 9),
]
GOES_ON = [
    pytest.param(GEMINI, [_stopped(100)], GEMINI_SAYS, id="gemini"),
    pytest.param(CHAT, [FINISH, _usage(100)], CHAT_SAYS, id="chat"),
]


@pytest.mark.parametrize(("place", "docs", "output"), LATE)
@pytest.mark.parametrize("reason", [Reason.COMPLETE, Reason.CLIENT_GONE])
def test_the_last_numbers_count_however_it_ends(
    place: Place, docs: list[Any], output: int, reason: Reason
) -> None:
    m = meter(place)
    row = only(feed(m, *(sse(doc) for doc in docs)) + m.close(reason))
    assert (row.tokens.output, row.tokens.total_input) == (output, GIVEN)
    assert row.completeness is Completeness.FINAL
    assert m.close(reason) == feed(m, sse(docs[-1])) == []


def test_the_end_mark_of_a_chat_is_its_end_and_nothing_after_it_counts() -> None:
    m = meter(CHAT)
    assert feed(m, sse(FINISH), sse(_usage(9))) == []
    assert m.exact and not m.committed
    assert only(feed(m, sse("[DONE]"))).tokens == Tokens(GIVEN, output=9)
    assert m.committed and feed(m, sse(_usage(900))) == []


@pytest.mark.parametrize(("place", "docs", "more"), GOES_ON)
def test_output_after_final_numbers_adds_to_them(
    place: Place, docs: list[Any], more: dict[str, Any]
) -> None:
    """Not the whole estimate once more: what the numbers had counted is in them."""
    m = meter(place)
    feed(m, sse(*docs))
    assert m.exact and m.running == Tokens(GIVEN, output=100)
    for passed in (1, 2, 3):
        feed(m, sse(more))
        assert not m.exact and not m.committed
        assert m.running == Tokens(GIVEN, output=100 + passed * WEIGHS)
    row = only(m.close(Reason.CLIENT_GONE))
    assert (row.tokens, row.completeness) == (Tokens(GIVEN, output=400), Completeness.PARTIAL)


@pytest.mark.parametrize(("place", "docs", "more"), GOES_ON)
def test_later_numbers_take_the_place_of_what_was_estimated(
    place: Place, docs: list[Any], more: dict[str, Any]
) -> None:
    last = [_stopped(130)] if place == GEMINI else [_usage(130)]
    row = only(whole(meter(place), sse(*docs, more, more, *last)))
    assert (row.tokens, row.completeness) == (Tokens(GIVEN, output=130), Completeness.FINAL)


@pytest.mark.parametrize(("place", "docs", "more"), GOES_ON)
def test_output_that_nobody_counted_is_not_final(
    place: Place, docs: list[Any], more: dict[str, Any]
) -> None:
    end = [] if place == GEMINI else ["[DONE]"]
    row = only(whole(meter(place), sse(*docs, more, *end)))
    assert (row.tokens, row.completeness) == (Tokens(GIVEN, output=200), Completeness.ESTIMATED)


class Pool(NoLedger):
    """A ledger with room for ``limit`` tokens; keeps what is settled."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.settled: list[tuple[str, Exchange]] = []

    async def progress(self, lease: str, tokens: Tokens) -> Progress:
        room = self.limit - tokens.total
        return Progress(room <= 0, room, "budget-exhausted" if room <= 0 else "")

    def settle(self, lease: str, exchanges: Any) -> None:
        self.settled += [(lease, row) for row in exchanges]


async def _passes(place: Place, limit: int, docs: list[Any]) -> tuple[int, Pool]:
    """How many of the documents pass before the stream is cut, and what was booked."""
    ledger, where, cuts = Pool(limit), call(place), []
    admitted = Admitted("a", 0.0, 0, limit)
    spend = Spend(ledger, where, request(where), admitted, lambda: cuts.append(1))
    spend.sending()
    spend.responding(200, {"content-type": "text/event-stream"}, Conversations())
    passed = 0
    for doc in docs:
        if cuts:
            break
        spend.feed(sse(doc))
        passed += 1
        await asyncio.sleep(0)
    for _ in range(2):
        spend.close(Reason.COMPLETE)
    spend.feed(sse(docs[-1]))
    return passed, ledger


@pytest.mark.parametrize(("place", "docs", "more"), GOES_ON)
def test_output_after_final_numbers_is_cut_where_the_pool_is_crossed(
    place: Place, docs: list[Any], more: dict[str, Any]
) -> None:
    passed, ledger = asyncio.run(_passes(place, 1_000, docs + [more] * 100))
    crossing = len(docs) + (1_000 - GIVEN - 100) // WEIGHS
    assert crossing <= passed <= crossing + 2
    ((lease, row),) = ledger.settled
    assert (lease, row.note) == ("a", Reason.CUT.value)
    assert row.tokens.output == 100 + (passed - len(docs)) * WEIGHS


def test_a_gemini_model_that_stops_in_every_chunk_is_cut() -> None:
    docs = [_stopped(100 * at) for at in range(1, 100)]
    passed, ledger = asyncio.run(_passes(GEMINI, 1_000, docs))
    assert 9 <= passed <= 12
    ((lease, row),) = ledger.settled
    assert (lease, row.tokens.output) == ("a", 100 * passed)


@pytest.mark.parametrize(("place", "docs", "output"), LATE)
def test_a_response_that_fits_is_booked_once_and_not_cut(
    place: Place, docs: list[Any], output: int
) -> None:
    passed, ledger = asyncio.run(_passes(place, 10_000, docs))
    assert passed == len(docs)
    assert [(lease, row.tokens.output) for lease, row in ledger.settled] == [("a", output)]
