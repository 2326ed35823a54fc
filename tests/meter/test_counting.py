"""Counting endpoints: right path, only the fields they take, none where there is none."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import zstandard

from botbottle.meter import Kind, count_request, identify, parse_count

from .helpers import call
from .places import CHAT, CLAUDE, GEMINI, RESPONSES

VERTEX = "/v1/projects/p/locations/l/publishers"
AWS = "bedrock-runtime.eu-west-1.amazonaws.com"


def _count(place: tuple[str, str], body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    found = count_request(call(place), json.dumps(body).encode())
    assert found is not None
    method, path, out = found
    assert method == "POST"
    return path, json.loads(out)


def test_messages_are_counted_without_what_the_endpoint_refuses() -> None:
    taken = {"model": "m", "messages": [], "tools": [], "system": "s", "thinking": {}}
    refused = {"max_tokens": 5, "stream": True, "metadata": {}, "temperature": 1}
    path, sent = _count(CLAUDE, taken | refused)
    assert path == "/v1/messages/count_tokens"
    assert sent == taken


def test_claude_on_vertex_is_counted_by_its_own_method_with_the_model_of_the_path() -> None:
    place = ("aiplatform.googleapis.com", f"{VERTEX}/anthropic/models/c@1:streamRawPredict")
    path, sent = _count(place, {"messages": [], "anthropic_version": "vertex-2023-10-16"})
    assert path == f"{VERTEX}/anthropic/models/count-tokens:rawPredict"
    assert sent == {"model": "c@1", "messages": []}


def test_responses_are_counted_with_the_conversation_they_continue() -> None:
    body = {"model": "m", "input": "x", "previous_response_id": "resp_1", "stream": True,
            "store": False, "include": [], "max_output_tokens": 5}  # fmt: skip
    path, sent = _count(RESPONSES, body)
    assert path == "/v1/responses/input_tokens"
    assert sent == {"model": "m", "input": "x", "previous_response_id": "resp_1"}


@pytest.mark.parametrize(
    ("place", "body"),
    [
        (RESPONSES, {"model": "m", "prompt": {"id": "pmpt_1"}}),
        (("aiplatform.googleapis.com", f"{VERTEX}/google/models/g:generateContent"),
         {"contents": [], "cachedContent": "projects/p/cachedContents/c"}),
    ],
)  # fmt: skip
def test_what_the_endpoint_is_not_asked_about_is_not_counted(
    place: tuple[str, str], body: dict[str, Any]
) -> None:
    """Its number would take the place of an estimate that knows of it."""
    assert count_request(call(place), json.dumps(body).encode()) is None
    plain = {name: value for name, value in body.items() if name in ("model", "contents")}
    assert count_request(call(place), json.dumps(plain).encode()) is not None


def test_gemini_is_counted_as_a_whole_request() -> None:
    path, sent = _count(GEMINI, {"contents": [], "systemInstruction": {}})
    assert path == "/v1beta/models/gemini-z:countTokens"
    request = {"model": "models/gemini-z", "contents": [], "systemInstruction": {}}
    assert sent == {"generateContentRequest": request}


def test_gemini_on_vertex_is_counted_plainly() -> None:
    place = ("aiplatform.googleapis.com", f"{VERTEX}/google/models/g:generateContent")
    path, sent = _count(place, {"contents": [], "safetySettings": []})
    assert path == f"{VERTEX}/google/models/g:countTokens"
    assert sent == {"contents": []}


def test_bedrock_is_counted_in_either_dialect() -> None:
    path, sent = _count((AWS, "/model/m/converse-stream"), {"messages": [], "inferenceConfig": {}})
    assert (path, sent) == ("/model/m/count-tokens", {"input": {"converse": {"messages": []}}})
    path, sent = _count((AWS, "/model/m/invoke"), {"messages": []})
    assert path == "/model/m/count-tokens"
    assert json.loads(base64.b64decode(sent["input"]["invokeModel"]["body"])) == {"messages": []}


def test_a_compressed_body_is_counted_too() -> None:
    body = zstandard.compress(b'{"model":"m","input":"x"}')
    assert count_request(call(RESPONSES), body, "zstd") is not None


def test_a_websocket_frame_that_starts_a_response_is_counted_and_no_other() -> None:
    socket = identify("api.openai.com", "GET", "/v1/responses", {"upgrade": "websocket"}, {})
    assert socket is not None and socket.kind is Kind.WEBSOCKET
    frame = {"type": "response.create", "model": "m", "input": "x", "stream_id": "s"}
    found = count_request(socket, json.dumps(frame).encode())
    assert found is not None and found[1] == "/v1/responses/input_tokens"
    assert json.loads(found[2]) == {"model": "m", "input": "x"}
    for other in ("response.steer", "response.cancel", "", None):
        assert count_request(socket, json.dumps({**frame, "type": other}).encode()) is None


@pytest.mark.parametrize("place", [
    CHAT, ("chatgpt.com", "/backend-api/codex/responses"), ("ollama.com", "/api/chat"),
    ("openrouter.ai", "/api/v1/messages"), ("api.openai.com", "/v1/responses/compact"),
    ("api.openai.com", "/v1/new"), ("cloudcode-pa.googleapis.com", "/v1internal:generateContent"),
    ("api.anthropic.com", "/v1/messages/count_tokens"),
])  # fmt: skip
def test_where_there_is_no_counting_endpoint_none_is_invented(place: tuple[str, str]) -> None:
    assert count_request(call(place), b'{"model":"m"}') is None


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (b'{"input_tokens":12}', 12),
        (b'{"object":"response.input_tokens","input_tokens":12}', 12),
        (b'{"totalTokens":12,"promptTokensDetails":[]}', 12),
        (b'{"inputTokens":12}', 12),
    ],
)
def test_answers_are_read(body: bytes, tokens: int) -> None:
    assert parse_count(body) == tokens
