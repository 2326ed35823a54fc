"""Responses without final numbers leave rows by what is known of them."""

from __future__ import annotations

import pytest

from botbottle.meter import Reason
from botbottle.model.usage import Completeness

from .events import sse
from .helpers import feed, meter
from .places import RESPONSES


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


@pytest.mark.parametrize("first", [b"", b"{"], ids=["none of it", "its first byte"])
@pytest.mark.parametrize("reason", [Reason.CLIENT_GONE, Reason.UPSTREAM_FAILED])
def test_an_announced_answer_costs_its_size_however_little_passed(
    first: bytes, reason: Reason
) -> None:
    """It was whole when its length was told, whoever was left to read it."""
    m = meter(RESPONSES, "application/json", content_length="4000")
    feed(m, *([first] if first else []))
    (row,) = m.close(reason)
    assert (row.completeness, row.tokens.output) == (Completeness.PARTIAL, 1000)
