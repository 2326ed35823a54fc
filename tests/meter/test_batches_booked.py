"""A batch in a real ledger: estimated when it is made, exact with its results, however often."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from botbottle.ledger.api import Ledger
from botbottle.ledger.opening import open_ledger
from botbottle.meter import Reason, read_request
from botbottle.meter.meter import Meter
from botbottle.model.usage import Exchange
from tests.ledger.worlds import register

from .helpers import call, clock, meter, whole
from .places import Place

ACCOUNT = "p/web"
JSON = {"content-type": "application/json"}
TEXT = "hello " * 50
GOOGLE, ANTHROPIC = "generativelanguage.googleapis.com", "api.anthropic.com"


def _gemini(number: int) -> dict[str, Any]:
    item = {"request": {"contents": [{"parts": [{"text": TEXT}]}]}}
    return {"batch": {"inputConfig": {"requests": {"requests": [item] * number}}}}


def _claude(number: int) -> dict[str, Any]:
    params = {"model": "claude-z", "max_tokens": 9000, "messages": TEXT}
    return {"requests": [{"custom_id": f"c{at}", "params": params} for at in range(number)]}


def _gemini_results() -> bytes:
    usage = {"promptTokenCount": 50, "candidatesTokenCount": 20_000}
    items = [{"response": {"usageMetadata": usage}}, {"error": {"code": 3}}]
    held = {"inlinedResponses": {"inlinedResponses": items}}
    return json.dumps({"name": "batches/b", "done": True, "response": held}).encode()


def _claude_results() -> bytes:
    usage = {"input_tokens": 50, "output_tokens": 20_000}
    message = {"id": "m", "model": "claude-z", "usage": usage}
    lines: list[dict[str, Any]] = [
        {"custom_id": "c0", "result": {"type": "succeeded", "message": message}},
        {"custom_id": "c1", "result": {"type": "canceled"}},
    ]
    return b"\n".join(json.dumps(line).encode() for line in lines)


CASES = [
    pytest.param(
        (GOOGLE, "/v1beta/models/g:batchGenerateContent"), _gemini(2), b'{"name": "batches/b"}',
        (GOOGLE, "/v1beta/batches/b"), _gemini_results(), id="gemini",
    ),
    pytest.param(
        (ANTHROPIC, "/v1/messages/batches"), _claude(2),
        b'{"id": "msgbatch_1", "type": "message_batch"}',
        (ANTHROPIC, "/v1/messages/batches/msgbatch_1/results"), _claude_results(), id="anthropic",
    ),
]  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(str(tmp_path / "ledger.db"))
    register(opened)
    yield opened
    opened.close()


def _book(ledger: Ledger, rows: list[Exchange]) -> int:
    """What the ledger has of it all when these rows were reported."""
    ledger.settle(ACCOUNT, "", rows, now=clock())
    return sum(row.tokens.total for row in ledger.exchanges())


@pytest.mark.parametrize(("create", "body", "told", "place", "results"), CASES)
def test_results_take_the_place_of_the_estimate_and_count_once(
    ledger: Ledger, create: Place, body: dict[str, Any], told: bytes, place: Place, results: bytes
) -> None:
    where = call(create)
    asked = read_request(where, json.dumps(body).encode(), "", "flow-1")
    made = whole(Meter(where, asked, status=200, headers=JSON, clock=clock), told)
    assert _book(ledger, made) == asked.input_estimate > 2 * 8192
    for reason in (Reason.COMPLETE, Reason.CLIENT_GONE, Reason.COMPLETE):
        read = whole(meter(place, "application/json", method="GET"), results, reason=reason)
        assert _book(ledger, read) == 20_050
    assert ledger.check().problems == ()
