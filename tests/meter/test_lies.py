"""Upstreams whose numbers are none: what they wrote is estimated, and never final."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botbottle.meter.lines import DONE, WHOLE
from botbottle.model.usage import Completeness, Exchange

from .events import MESSAGE_STOP, message_delta, message_start, sse, text_delta
from .helpers import meter, only, whole
from .places import CHAT, CLAUDE, GEMINI, RESPONSES, Place

SAID = "x" * 350
WEIGHS = 100
OLLAMA = ("ollama.com", "/api/chat")
NO_COUNTS = [-5, "12", 0.5, 2**63, 10**40, [1], {}, True]


def _chat(**usage: Any) -> bytes:
    says = {"choices": [{"index": 0, "delta": {"content": SAID}}]}
    ends = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return sse(says, ends, {"choices": [], "usage": usage}, "[DONE]")


def _responses(**usage: Any) -> bytes:
    says = {"type": "response.output_text.delta", "delta": SAID}
    done = {"id": "resp_1", "status": "completed", "usage": usage}
    return sse(says, {"type": "response.completed", "response": done})


def _gemini(**usage: Any) -> bytes:
    says = {"content": {"parts": [{"text": SAID}]}, "finishReason": "STOP"}
    return sse({"candidates": [says], "usageMetadata": usage})


def _ollama(**counts: Any) -> bytes:
    lines = ({"message": {"content": SAID}, "done": False}, {"done": True, **counts})
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _claude(**usage: Any) -> bytes:
    return sse(message_start(), text_delta(SAID), message_delta(**usage), MESSAGE_STOP)


STREAMS = [
    pytest.param(CHAT, _chat, {"prompt_tokens": 100}, "completion_tokens", id="chat"),
    pytest.param(RESPONSES, _responses, {"input_tokens": 100}, "output_tokens", id="responses"),
    pytest.param(GEMINI, _gemini, {"promptTokenCount": 100}, "candidatesTokenCount", id="gemini"),
    pytest.param(OLLAMA, _ollama, {"prompt_eval_count": 100}, "eval_count", id="ollama"),
    pytest.param(CLAUDE, _claude, {}, "output_tokens", id="claude"),
]


def _row(place: Place, body: bytes) -> Exchange:
    kind = "application/x-ndjson" if place == OLLAMA else "text/event-stream"
    return only(whole(meter(place, kind), body))


@pytest.mark.parametrize(("place", "stream", "given", "name"), STREAMS)
@pytest.mark.parametrize("value", NO_COUNTS, ids=repr)
def test_what_is_no_count_is_not_taken_for_nothing(
    place: Place, stream: Any, given: dict[str, Any], name: str, value: Any
) -> None:
    row = _row(place, stream(**given, **{name: value}))
    assert (row.tokens.total_input, row.tokens.output) == (100, WEIGHS)
    assert row.completeness is Completeness.ESTIMATED


@pytest.mark.parametrize(("place", "stream", "given", "name"), STREAMS)
@pytest.mark.parametrize("value", [0, 7, 7.0])
def test_what_is_a_count_is_final(
    place: Place, stream: Any, given: dict[str, Any], name: str, value: Any
) -> None:
    row = _row(place, stream(**given, **{name: value}))
    assert (row.tokens.total_input, row.tokens.output) == (100, int(value))
    assert row.completeness is Completeness.FINAL


def test_a_claude_stream_that_tells_its_output_only_when_it_opens_is_estimated() -> None:
    for last in ([], [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}]):
        row = _row(CLAUDE, sse(message_start(), text_delta(SAID), *last, MESSAGE_STOP))
        assert (row.tokens.output, row.completeness) == (WEIGHS, Completeness.ESTIMATED)


def test_a_claude_stream_that_goes_on_after_its_numbers_is_estimated() -> None:
    docs = (message_start(), message_delta(output_tokens=1), text_delta(SAID), MESSAGE_STOP)
    row = _row(CLAUDE, sse(*docs))
    assert (row.tokens.output, row.completeness) == (WEIGHS, Completeness.ESTIMATED)


@pytest.mark.parametrize("value", NO_COUNTS, ids=repr)
def test_a_whole_answer_with_such_a_figure_is_guessed_by_its_size(value: Any) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": value}
    choice = {"message": {"content": SAID}, "finish_reason": "stop"}
    body = json.dumps({"id": "chatcmpl-1", "choices": [choice], "usage": usage}).encode()
    row = only(whole(meter(CHAT, "application/json"), body))
    assert (row.tokens.total_input, row.completeness) == (100, Completeness.ESTIMATED)
    assert row.tokens.output >= len(body) // 4


def test_an_embedding_that_leaves_its_output_out_is_final() -> None:
    body = json.dumps({"data": [], "usage": {"prompt_tokens": 8, "total_tokens": 8}}).encode()
    row = only(whole(meter(("api.openai.com", "/v1/embeddings"), "application/json"), body))
    assert (row.tokens.total, row.completeness) == (8, Completeness.FINAL)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/v1/audio/transcriptions", "transcript.text"), ("/v1/images/edits", "image_edit")],
)
def test_streams_of_typed_events_are_read_as_they_pass(path: str, kind: str) -> None:
    end = "completed" if kind == "image_edit" else "done"
    usage = {"input_tokens": 9, "output_tokens": 40, "total_tokens": 49}
    m = meter(("api.openai.com", path))
    m.feed(sse({"type": f"{kind}.delta", "delta": SAID}))
    assert m.running.output == WEIGHS
    row = only(whole(m, sse({"type": f"{kind}.{end}", "usage": usage})))
    assert (row.tokens.total, row.completeness) == (49, Completeness.FINAL)


@pytest.mark.parametrize("name", [WHOLE, DONE])
def test_an_event_with_the_name_of_our_own_marks_ends_nothing(name: str) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 1}
    early = sse({"choices": [{"index": 0, "finish_reason": "stop"}], "usage": usage})
    body = f"event: {name}\n".encode() + early + _chat(prompt_tokens=100, completion_tokens=900)
    assert _row(CHAT, body).tokens.output == 900
