"""What is generated whoever is left to read it: field bug 5, for the client that vanished."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botbottle.meter import Reason, unanswered
from botbottle.model.usage import Completeness

from .events import message_start, sse, text_delta
from .helpers import call, clock, feed, meter, only, request
from .places import CHAT, CLAUDE, CONVERSE, RESPONSES, Place
from .truth.wire import aws_message

WORDS = "twenty-eight characters here"  # 8 tokens
GEMINI_STREAM = ("generativelanguage.googleapis.com", "/v1beta/models/z:streamGenerateContent")
LEFT = [Reason.CLIENT_GONE, Reason.CUT, Reason.SHUTDOWN, Reason.KILLED]
STREAMED = ("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/converse-stream")


@pytest.mark.parametrize("place", [CLAUDE, CHAT, RESPONSES, CONVERSE, STREAMED])
@pytest.mark.parametrize("reason", LEFT)
@pytest.mark.parametrize("limit", [0, 100_000])
def test_what_is_generated_whoever_listens_is_booked_at_what_was_allowed(
    place: Place, reason: Reason, limit: int
) -> None:
    """Of a plain call nothing passes before all is there; AWS bills any response in full."""
    names = {RESPONSES: "max_output_tokens"}
    body = {"inferenceConfig": {"maxTokens": limit}, names.get(place, "max_tokens"): limit}
    m = meter(place, "application/json", body=body if limit else None)
    rows = [only(m.owed(reason, unread=False)), only(m.close(reason))]
    asked = request(call(place), **(body if limit else {}))
    rows += unanswered(call(place), asked, clock, reason)
    assert {(r.tokens.output, r.completeness) for r in rows} == {
        (limit or 8192, Completeness.PARTIAL)
    }


def test_a_bedrock_stream_that_is_left_is_billed_in_full() -> None:
    m = meter(STREAMED, "application/vnd.amazon.eventstream", body={"messages": []})
    delta = {"contentBlockIndex": 0, "delta": {"text": WORDS}}
    feed(m, aws_message("event:contentBlockDelta", json.dumps(delta).encode()))
    assert m.running.output == 8, "while it runs it is what it wrote"
    assert m.blind, "what is kept for a kill is more than that"
    assert only(m.owed(Reason.KILLED, unread=False)).tokens.output == 8192
    assert only(m.close(Reason.CLIENT_GONE)).tokens.output == 8192


@pytest.mark.parametrize(
    ("place", "body"),
    [
        (CLAUDE, {"stream": True}),
        (GEMINI_STREAM, {}),
        (("ollama.local", "/api/chat"), {}),
        (("api.openai.com", "/v1/embeddings"), {"input": "x"}),
        (("api.openai.com", "/v1/brand/new"), {}),
    ],
    ids=["claude", "gemini", "ollama", "embeddings", "unknown"],
)
def test_of_a_stream_and_where_nothing_is_written_only_what_passed_counts(
    place: Place, body: dict[str, Any]
) -> None:
    where = call(place, hosts={"ollama.local": "ollama"})
    row = only(unanswered(where, request(where, **body), clock, Reason.CLIENT_GONE))
    assert row.tokens.output == 0
    m = meter(CLAUDE, body={"stream": True})
    feed(m, sse(message_start(), text_delta(WORDS)))
    assert not m.blind and only(m.close(Reason.CLIENT_GONE)).tokens.output == 8


def test_a_plain_call_that_the_provider_dropped_is_not_booked_in_full() -> None:
    m = meter(CLAUDE, "application/json", body={"max_tokens": 100_000})
    assert only(m.close(Reason.UPSTREAM_FAILED)).tokens.output == 0
