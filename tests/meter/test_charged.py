"""Errors that are billed: they leave a row, and no other error does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botbottle.meter import Reason
from botbottle.model.usage import Completeness, Exchange, Tokens

from .helpers import feed, meter, only, whole
from .places import CHAT, CLAUDE, CONVERSE, Place

AZURE = ("r.openai.azure.com", "/openai/deployments/d/chat/completions")
ASKED = {"messages": [{"role": "user", "content": "x" * 4000}], "max_tokens": 500}
FILTERED = {"error": {"code": "content_filter", "status": 400,
                      "innererror": {"code": "ResponsibleAIPolicyViolation"}}}  # fmt: skip
INNER = {"error": {"code": None, "innererror": {"code": "ResponsibleAIPolicyViolation"}}}
SLOW = {"error": {"code": "Timeout"}}
COUNTED = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}


def failed(
    place: Place, status: int, body: Any, *, size: bool = False, reason: Reason = Reason.COMPLETE
) -> list[Exchange]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content_length": str(len(data))} if size else {}
    m = meter(place, "application/json", status=status, body=ASKED, **headers)
    for at in range(len(data)):
        assert feed(m, data[at : at + 1]) == [] and m.running == Tokens()
    owed = m.owed(Reason.KILLED, unread=False)
    rows = m.close(reason)
    assert owed in (rows, []) and (rows == owed or not size), "a kill adds nothing; nor loses"
    assert m.close(reason) == []
    return rows


@pytest.mark.parametrize("size", [True, False])
@pytest.mark.parametrize("body", [FILTERED, INNER])
def test_a_prompt_that_azure_filters_is_billed(body: Any, size: bool) -> None:
    row = only(failed(AZURE, 400, body, size=size))
    assert (row.completeness, row.note) == (Completeness.PARTIAL, "error 400; input estimated")
    assert row.tokens.input_uncached > 500 and row.tokens.output == 0
    assert row.provider == "azure"


@pytest.mark.parametrize("body", [SLOW, b"", b"gateway timeout"])
def test_a_request_that_azure_gives_up_is_billed_with_what_it_may_have_written(body: Any) -> None:
    row = only(failed(AZURE, 408, body))
    assert row.tokens.input_uncached > 500 and row.tokens.output == 500


@pytest.mark.parametrize("place", [CHAT, AZURE, CLAUDE, CONVERSE])
@pytest.mark.parametrize("status", [400, 429, 500, 529])
@pytest.mark.parametrize("body", [{"usage": COUNTED}, {"error": {"usage": COUNTED}}])
def test_an_error_that_says_what_it_cost_is_booked(place: Place, status: int, body: Any) -> None:
    row = only(failed(place, status, {"id": "resp_1", **body}))
    assert row.tokens == Tokens(input_uncached=1000, output=50)
    assert (row.completeness, row.note) == (Completeness.PARTIAL, f"error {status}")


@pytest.mark.parametrize(
    ("place", "status", "body"),
    [
        (AZURE, 400, {"error": {"code": "invalid_prompt", "message": "content_filter"}}),
        (AZURE, 401, SLOW),
        (AZURE, 404, SLOW),
        (AZURE, 429, SLOW),
        (CHAT, 400, FILTERED),
        (CHAT, 408, SLOW),
        (CLAUDE, 529, {"type": "error", "usage": {"input_tokens": 0, "output_tokens": 0}}),
        (CLAUDE, 500, b"<html>" * 900),
        (CHAT, 500, {"usage": None, "error": {"usage": "much"}}),
        (CONVERSE, 400, b""),
    ],
)
def test_other_errors_spend_nothing(place: Place, status: int, body: Any) -> None:
    for reason in Reason:
        assert failed(place, status, body, reason=reason) == []


def test_a_redirection_and_what_is_not_generated_are_not_even_read() -> None:
    body = json.dumps({"usage": COUNTED}).encode()
    assert whole(meter(CHAT, "application/json", status=302), body) == []
    polled = ("api.openai.com", "/v1/responses/resp_1")
    assert whole(meter(polled, "application/json", status=404, method="GET"), body) == []
