"""Output in shapes that providers add is neither free nor counted twice while it streams."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from botbottle.meter import Meter, Reason
from botbottle.meter.leftover import strings

from .events import message_start, sse
from .helpers import feed, meter, only
from .places import CHAT, CLAUDE, GEMINI, RESPONSES, Place
from .truth.wire import aws_message

AWS = "bedrock-runtime.us-east-1.amazonaws.com"
INVOKE = (AWS, "/model/some.model-v1/invoke-with-response-stream")
CONVERSE = (AWS, "/model/m/converse-stream")
INTERACTIONS = ("generativelanguage.googleapis.com", "/v1beta/interactions")
TEXT = "a few words of a long answer "
PIECES = 50
WEIGHT = PIECES * len(TEXT) / 3.5  # tokens: docs/metering.md, "Running estimate"


def _choice(**delta: Any) -> dict[str, Any]:
    return {"id": "c", "service_tier": "default", "choices": [{"index": 0, "delta": delta}]}


def _part(**part: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": [part]}}]}


def _block(**delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": delta}


KNOWN = [
    (CHAT, _choice(content=TEXT)),
    (CLAUDE, _block(type="text_delta", text=TEXT)),
    (INVOKE, {"generation": TEXT, "stop_reason": None}),
    (CONVERSE, {"delta": {"text": TEXT}, "contentBlockIndex": 0}),
]
ADDED = [
    (CHAT, _choice(function_call={"arguments": TEXT})),
    (CHAT, _choice(tool_calls=[{"index": 0, "type": "custom", "custom": {"input": TEXT}}])),
    (CHAT, _choice(audio={"id": "a" * 99, "transcript": TEXT, "data": "A" * 99})),
    (CHAT, _choice(content="", reasoning_details=[{"type": "reasoning.text", "text": TEXT}])),
    (CHAT, _choice(reasoning=TEXT, reasoning_details=[{"type": "reasoning.text", "text": TEXT}])),
    (CHAT, _choice(content=[{"type": "text", "text": TEXT}])),
    (CLAUDE, _block(type="compaction_delta", content=TEXT)),
    (INVOKE, {"contentBlockDelta": {"delta": {"text": TEXT}, "contentBlockIndex": 0}}),
    (INVOKE, {"outputs": [{"text": TEXT, "stop_reason": None}]}),
    (INVOKE, {**_choice(content=TEXT), "object": "chat.completion.chunk", "model": "m" * 40}),
    (INVOKE, {"choices": [{"text": TEXT, "stop_reason": None}]}),
    (INVOKE, {"event_type": "text-generation", "text": TEXT, "is_finished": False}),
    (INVOKE, {"type": "completion", "completion": TEXT, "stop_reason": None}),
    (INVOKE, {"generation": TEXT, "amazon-bedrock-guardrailAction": "NONE"}),
    (CONVERSE, {"delta": {"something": {"new": TEXT}}, "contentBlockIndex": 0}),
    (GEMINI, _part(executableCode={"language": "PYTHON", "code": TEXT})),
    (GEMINI, _part(text=TEXT, thoughtSignature="A" * 400)),
    (INTERACTIONS, {"event_type": "step.delta", "delta": {"type": "thought_summary",
                    "content": {"type": "text", "text": TEXT}}}),
    (RESPONSES, {"type": "response.mcp_call_arguments.delta", "delta": {"args": TEXT},
                 "obfuscation": "x" * 99}),
]  # fmt: skip
SILENT = [
    (CHAT, _choice(role="assistant", content="")),
    (CHAT, _choice(annotations=[{"type": "url_citation", "url_citation": {"title": TEXT}}])),
    (CHAT, _choice(reasoning_details=[{"type": "reasoning.encrypted", "data": "A" * 999}])),
    (CLAUDE, _block(type="signature_delta", signature="A" * 999)),
    (CLAUDE, _block(type="citations_delta", citation={"cited_text": TEXT})),
    (INVOKE, {"messageStart": {"role": "assistant"}}),
    (INVOKE, {"is_finished": True, "event_type": "stream-end", "response": {"text": TEXT}}),
    (GEMINI, _part(codeExecutionResult={"outcome": "OUTCOME_OK", "output": TEXT})),
    (INTERACTIONS, {"event_type": "step.delta", "delta": {"type": "google_search_result",
                    "result": [{"title": TEXT}]}}),
]  # fmt: skip


def _streaming(place: Place) -> tuple[Meter, Callable[[Any], bytes]]:
    if place == INVOKE:
        return meter(place, "application/vnd.amazon.eventstream"), _chunk
    if place == CONVERSE:
        m = meter(place, "application/vnd.amazon.eventstream")
        return m, lambda doc: aws_message("event:contentBlockDelta", json.dumps(doc).encode())
    m = meter(place)
    if place == CLAUDE:
        feed(m, sse(message_start(output_tokens=0)))
    return m, sse


def _chunk(doc: Any) -> bytes:
    inner = base64.b64encode(json.dumps(doc).encode()).decode()
    return aws_message("event:chunk", json.dumps({"bytes": inner, "p": "abcdefgh"}).encode())


def _left_after(place: Place, doc: Any) -> tuple[int, int]:
    """Output while it runs, and booked when it is lost (who leaves AWS is billed in full)."""
    m, encode = _streaming(place)
    assert feed(m, *(encode(doc) for _ in range(PIECES))) == []
    running = m.running.output
    return running, only(m.close(Reason.UPSTREAM_FAILED)).tokens.output


@pytest.mark.parametrize(("place", "doc"), [*KNOWN, *ADDED])
def test_output_is_weighed_once_wherever_it_stands(place: Place, doc: Any) -> None:
    running, booked = _left_after(place, doc)
    assert WEIGHT * 0.99 <= running <= WEIGHT * 1.02
    assert booked == running


@pytest.mark.parametrize(("place", "doc"), SILENT)
def test_what_is_no_text_of_the_models_is_not_weighed(place: Place, doc: Any) -> None:
    assert _left_after(place, doc)[0] == 0


def test_deep_documents_are_looked_through_without_recursion() -> None:
    deep: Any = TEXT
    for _ in range(5000):
        deep = [{"x": deep}]
    assert strings(deep) == [TEXT]
