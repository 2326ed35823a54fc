"""Gemini, Bedrock and Ollama, decoded after their own documents."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.test_world.decode import (
    FULL,
    event_stream,
    from_converse,
    from_gemini,
    invoke_chunks,
    messages_usage,
    sse_json,
    tokens,
)
from tests.world import World

GEMINI = "/v1beta/models/gemini-2.5-flash"
NO_WRITES = FULL | {"input_uncached": 112, "cache_write_5m": 0, "cache_write_1h": 0}
ASK: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
BEDROCK = "/model/us.anthropic.claude-opus-5-5"
CONVERSE: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}


def only(world: World) -> dict[str, Any]:
    """The single request of the test."""
    (found,) = world.requests()
    return found


@pytest.mark.parametrize("quirks", [[], ["tool_prompt"]], ids=["plain", "tool_prompt"])
def test_gemini_keeps_thoughts_apart_from_candidates(
    world: World, client: httpx.Client, quirks: list[str]
) -> None:
    world.script(usage=FULL, quirks=quirks)
    body = client.post(f"{GEMINI}:generateContent", json=ASK).json()
    usage = body["usageMetadata"]
    assert from_gemini(usage) == NO_WRITES == only(world)["reported"]
    assert (usage["candidatesTokenCount"], usage["thoughtsTokenCount"]) == (200, 40)
    assert usage["totalTokenCount"] == 142 + 240
    assert ("toolUsePromptTokenCount" in usage) is bool(quirks)
    assert only(world)["model"] == "gemini-2.5-flash"


def test_gemini_sse_repeats_cumulative_figures_in_every_chunk(
    world: World, client: httpx.Client
) -> None:
    world.script(usage=FULL, events=5)
    text = client.post(f"{GEMINI}:streamGenerateContent?alt=sse", json=ASK).text
    figures = [from_gemini(chunk["usageMetadata"]) for chunk in sse_json(text)]
    assert len(figures) == 5
    assert [f["output"] for f in figures] == sorted(f["output"] for f in figures)
    assert figures[0]["output"] < figures[-1]["output"]
    assert figures[-1] == NO_WRITES == only(world)["reported"]


def test_gemini_without_sse_is_one_json_array(world: World, plain: httpx.Client) -> None:
    world.script(usage=FULL, events=5)
    chunks = plain.post(f"{GEMINI}:streamGenerateContent", json=ASK).json()
    assert len(chunks) == 5
    assert from_gemini(chunks[-1]["usageMetadata"]) == NO_WRITES
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


def test_gemini_array_stays_json_when_it_ends_in_an_error(
    world: World, plain: httpx.Client
) -> None:
    world.script(events=5, error_after=2, error={"message": "boom"})
    chunks = plain.post(f"{GEMINI}:streamGenerateContent", json=ASK).json()
    assert len(chunks) == 3
    assert chunks[-1]["error"]["message"] == "boom"


def test_the_code_assist_path_wraps_its_chunks(world: World, plain: httpx.Client) -> None:
    world.script(usage=FULL)
    text = plain.post("/v1internal:streamGenerateContent?alt=sse", json=ASK).text
    last = sse_json(text)[-1]["response"]
    assert from_gemini(last["usageMetadata"]) == NO_WRITES


def test_gemini_counting_is_never_spend(world: World, plain: httpx.Client) -> None:
    world.script(usage=FULL)
    assert plain.post(f"{GEMINI}:countTokens", json=ASK).json() == {"totalTokens": 142}
    assert only(world)["metered"] is False


def test_converse_streams_framed_events_with_one_metadata_at_the_end(
    world: World, client: httpx.Client
) -> None:
    world.script(usage=FULL, text="hello there", events=3)
    raw = client.post(f"{BEDROCK}/converse-stream", json=CONVERSE).content
    events = event_stream(raw)
    names = [headers[":event-type"] for headers, _ in events]
    assert names == [
        "messageStart",
        *["contentBlockDelta"] * 3,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    wanted = FULL | {"reasoning": 0}
    assert from_converse(events[-1][1]["usage"]) == wanted == only(world)["reported"]
    assert "".join(p["delta"]["text"] for h, p in events if "delta" in p) == "hello there"


def test_converse_whole_has_the_same_usage(world: World, plain: httpx.Client) -> None:
    world.script(usage=FULL)
    body = plain.post(f"{BEDROCK}/converse", json=CONVERSE).json()
    assert from_converse(body["usage"]) == FULL | {"reasoning": 0} == only(world)["billed"]
    assert body["usage"]["totalTokens"] == 382


def test_invoke_streams_messages_events_and_ends_with_metrics(
    world: World, client: httpx.Client
) -> None:
    world.script(usage=FULL)
    raw = client.post(f"{BEDROCK}/invoke-with-response-stream", json={"messages": []}).content
    events = invoke_chunks(raw)
    assert messages_usage(events) == FULL | {"reasoning": 0} == only(world)["reported"]
    delta = next(event for event in events if event["type"] == "message_delta")
    assert delta["usage"] == {"output_tokens": 240}
    metrics = events[-1]["amazon-bedrock-invocationMetrics"]
    assert (metrics["inputTokenCount"], metrics["outputTokenCount"]) == (100, 240)
    assert (metrics["cacheReadInputTokenCount"], metrics["cacheWriteInputTokenCount"]) == (30, 12)


def test_invoke_whole_repeats_the_counts_in_headers(world: World, plain: httpx.Client) -> None:
    world.script(usage=FULL)
    answer = plain.post(f"{BEDROCK}/invoke", json={"messages": []})
    assert answer.headers["x-amzn-bedrock-output-token-count"] == "240"
    assert answer.json()["usage"]["output_tokens"] == 240
    assert only(world)["model"] == "us.anthropic.claude-opus-5-5"


def test_bedrock_fails_mid_stream_with_an_exception_frame_on_200(
    world: World, plain: httpx.Client
) -> None:
    world.script(error_after=2, error={"type": "throttlingException", "message": "slow down"})
    answer = plain.post(f"{BEDROCK}/converse-stream", json=CONVERSE)
    headers, payload = event_stream(answer.content)[-1]
    assert answer.status_code == 200
    assert headers[":message-type"] == "exception"
    assert headers[":exception-type"] == "throttlingException"
    assert payload == {"message": "slow down"}
    assert only(world)["outcome"] == "error_event"


def test_bedrock_side_paths_answer(world: World, plain: httpx.Client) -> None:
    world.script(usage=FULL)
    assert plain.post(f"{BEDROCK}/count-tokens", json={}).json() == {"inputTokens": 142}
    assert plain.get("/inference-profiles").json() == {"inferenceProfileSummaries": []}


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_ollama_streams_lines_with_figures_on_the_last(
    world: World, client: httpx.Client, path: str
) -> None:
    world.script(usage=FULL, events=3, text="abc")
    raw = client.post(path, json={"model": "llama", "messages": []}).text
    lines = [json.loads(line) for line in raw.split("\n") if line]
    assert [line["done"] for line in lines] == [False] * 3 + [True]
    last = lines[-1]
    read = last["prompt_eval_cached_count"]
    seen = tokens(
        input_uncached=last["prompt_eval_count"] - read,
        cache_read=read,
        output=last["eval_count"],
    )
    assert seen == NO_WRITES | {"reasoning": 0} == only(world)["reported"]


def test_older_ollama_forgets_the_prompt_count(world: World, plain: httpx.Client) -> None:
    world.script(usage=FULL, quirks=["no_prompt_count"])
    body = plain.post("/api/chat", json={"model": "llama", "stream": False}).json()
    assert "prompt_eval_count" not in body
    assert only(world)["billed"] == tokens(output=240)
