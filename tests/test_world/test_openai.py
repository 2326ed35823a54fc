"""Chat Completions and Responses over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import zstandard

from tests.test_world.decode import (
    FULL,
    from_chat,
    from_responses,
    sse,
    sse_json,
    tokens,
)
from tests.world import World

CHAT: dict[str, Any] = {"model": "gpt-6.1-sol", "messages": [{"role": "user", "content": "x"}]}
RESPONSES: dict[str, Any] = {"model": "gpt-6.1-sol", "input": "hello"}
SHORT = FULL | {"cache_write_5m": 12, "cache_write_1h": 0}  # Chat does not tell lifetimes


def only(world: World) -> dict[str, Any]:
    """The single request of the test."""
    (found,) = world.requests()
    return found


def test_a_chat_answer_counts_the_cache_inside_the_prompt(
    world: World, client: httpx.Client
) -> None:
    world.script(usage=FULL, text="hi")
    body = client.post("/v1/chat/completions", json=CHAT).json()
    assert body["usage"]["prompt_tokens"] == 142
    assert body["usage"]["total_tokens"] == 382
    assert from_chat(body["usage"]) == SHORT == only(world)["reported"]
    assert body["choices"][0]["message"]["content"] == "hi"


def test_a_chat_stream_says_its_usage_after_the_finish_and_only_when_asked(
    world: World, plain: httpx.Client
) -> None:
    world.script(usage=FULL, events=4)
    asked = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    body = plain.post("/v1/chat/completions", json=asked).text
    events = sse_json(body)
    assert events[-2]["choices"][0]["finish_reason"] == "stop"
    assert events[-1]["choices"] == []
    assert from_chat(events[-1]["usage"]) == SHORT
    assert all(event["usage"] is None for event in events[:-1])
    assert sse(body)[-1][1] == "[DONE]"
    silent = plain.post("/v1/chat/completions", json=CHAT | {"stream": True}).text
    assert "usage" not in silent
    assert world.requests()[0]["reported"] == SHORT
    assert world.requests()[1]["reported"] is None
    assert world.requests()[1]["billed"] == SHORT


@pytest.mark.parametrize(
    ("quirk", "seen"),
    [
        ("usage_every_chunk", SHORT),
        ("no_done", SHORT),
        ("prompt_filter", SHORT),
        ("obfuscation", SHORT),
        ("no_details", tokens(input_uncached=142, output=240)),
    ],
)
def test_compatible_servers_differ_and_the_truth_follows(
    world: World, plain: httpx.Client, quirk: str, seen: dict[str, int]
) -> None:
    world.script(quirks=[quirk], usage=FULL)
    asked = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    body = plain.post("/v1/chat/completions", json=asked).text
    last = [event["usage"] for event in sse_json(body) if event.get("usage")][-1]
    assert from_chat(last) == seen == only(world)["reported"] == only(world)["billed"]
    assert ("[DONE]" in body) is (quirk != "no_done")
    assert ("prompt_filter_results" in body) is (quirk == "prompt_filter")
    assert ("obfuscation" in body) is (quirk == "obfuscation")


def test_openrouter_always_reports_and_adds_what_it_cost(world: World, plain: httpx.Client) -> None:
    world.script(usage=FULL)
    body = plain.post(
        "/api/v1/chat/completions",
        json=CHAT | {"stream": True},
        headers={"host": "openrouter.ai"},
    ).text
    assert body.startswith(": OPENROUTER PROCESSING")
    usage = sse_json(body)[-1]["usage"]
    assert from_chat(usage) == SHORT
    assert usage["cost"] > 0
    assert only(world)["provider"] == "openrouter"


def test_azure_names_the_model_in_the_path(world: World, plain: httpx.Client) -> None:
    path = "/openai/deployments/my-gpt/chat/completions?api-version=1"
    plain.post(path, json=CHAT, headers={"host": "res.openai.azure.com", "api-key": "k"})
    truth = only(world)
    assert (truth["provider"], truth["model"]) == ("azure", "my-gpt")
    assert truth["auth"] == {"api-key": "k"}


def test_a_chat_tool_call_is_streamed_in_pieces(world: World, plain: httpx.Client) -> None:
    world.script(tool={"name": "run", "input": {"a": 1}})
    events = sse_json(plain.post("/v1/chat/completions", json=CHAT | {"stream": True}).text)
    calls = [
        call
        for event in events
        for choice in event["choices"]
        for call in choice["delta"].get("tool_calls", [])
    ]
    assert calls[0]["function"]["name"] == "run"
    assert "".join(call["function"]["arguments"] for call in calls) == '{"a":1}'
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_embeddings_bill_input_alone(world: World, plain: httpx.Client) -> None:
    world.script(input_uncached=50, cache_read=0, cache_write_5m=0, cache_write_1h=0)
    body = plain.post("/v1/embeddings", json={"model": "e", "input": "x"}).json()
    assert body["usage"] == {"prompt_tokens": 50, "total_tokens": 50}
    assert only(world)["billed"] == tokens(input_uncached=50)


def test_responses_report_usage_on_the_terminal_event_alone(
    world: World, client: httpx.Client
) -> None:
    world.script(usage=FULL, text="hello world", events=4)
    body = client.post("/v1/responses", json=RESPONSES | {"stream": True}).text
    events = sse_json(body)
    assert [name for name, _ in sse(body)] == [event["type"] for event in events]
    assert events[0]["type"] == "response.created"
    assert events[-1]["type"] == "response.completed"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[0]["response"]["usage"] is None
    assert from_responses(events[-1]["response"]["usage"]) == FULL == only(world)["reported"]
    deltas = [e["delta"] for e in events if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == "hello world"
    assert len(deltas) == 4
    assert events[-1]["response"]["id"] == only(world)["responses"][0]["id"]


@pytest.mark.parametrize("ending", ["incomplete", "failed"])
def test_a_response_may_end_badly_and_still_be_billed(
    world: World, plain: httpx.Client, ending: str
) -> None:
    world.script(terminal=ending, usage=FULL, quirks=["tool_usage"])
    events = sse_json(plain.post("/v1/responses", json=RESPONSES | {"stream": True}).text)
    assert events[-1]["type"] == f"response.{ending}"
    assert events[-1]["response"]["status"] == ending
    assert events[-1]["response"]["tool_usage"] == {"web_search": {"num_requests": 2}}
    assert only(world)["reported"] == FULL


def test_a_background_response_is_billed_once_however_often_it_is_polled(
    world: World, plain: httpx.Client
) -> None:
    world.script(usage=FULL, background_polls=2)
    made = plain.post("/v1/responses", json=RESPONSES | {"background": True}).json()
    assert (made["status"], made["usage"]) == ("queued", None)
    polls = [plain.get(f"/v1/responses/{made['id']}").json() for _ in range(4)]
    assert [poll["status"] for poll in polls] == ["in_progress"] * 2 + ["completed"] * 2
    again = plain.get(f"/v1/responses/{made['id']}?stream=true").text
    assert from_responses(sse_json(again)[-1]["response"]["usage"]) == FULL
    totals = world.totals()["providers"]["codex"]
    assert totals["billed"] == totals["reported"] == FULL
    assert totals["responses"] == 1


def test_a_cancelled_response_is_billed_without_saying_so(
    world: World, plain: httpx.Client
) -> None:
    world.script(usage=FULL)
    made = plain.post("/v1/responses", json=RESPONSES | {"background": True}).json()
    gone = plain.post(f"/v1/responses/{made['id']}/cancel").json()
    assert (gone["status"], gone["usage"]) == ("cancelled", None)
    totals = world.totals()
    assert totals["billed"] == FULL
    assert totals["reported"] == tokens()


def test_compaction_is_metered_and_counting_is_not(world: World, plain: httpx.Client) -> None:
    world.script(usage=FULL)
    compacted = plain.post("/v1/responses/compact", json=RESPONSES).json()
    assert from_responses(compacted["usage"]) == FULL
    counted = plain.post("/v1/responses/input_tokens", json=RESPONSES).json()
    assert counted == {"object": "response.input_tokens", "input_tokens": 142}
    assert [request["metered"] for request in world.requests()] == [True, False]


def test_codex_backend_takes_zstd_bodies_and_answers_routing_discovery(
    world: World, client: httpx.Client
) -> None:
    body = b'{"model":"gpt-6.1-sol","input":"hello","stream":true}'
    answer = client.post(
        "/backend-api/codex/responses",
        content=zstandard.compress(body),
        headers={"content-encoding": "zstd", "chatgpt-account-id": "acc-1"},
    )
    assert sse_json(answer.text)[-1]["type"] == "response.completed"
    truth = only(world)
    assert truth["json"]["input"] == "hello"
    assert truth["auth"] == {"chatgpt-account-id": "acc-1"}
    found = client.get("/backend-api/wham/accounts/check", headers={"chatgpt-account-id": "a"})
    (account,) = found.json()["accounts"]
    assert account == {
        "id": "a",
        "workspace_backend_origin": "https://chatgpt.com",
        "account_routing_override": "NO_CONSTRAINT",
    }


def test_a_codex_tool_is_found_inside_namespaces_of_the_input(
    world: World, plain: httpx.Client
) -> None:
    space = {"type": "namespace", "name": "functions", "tools": [{"name": "exec"}]}
    turns: list[dict[str, Any]] = [{"type": "additional_tools", "tools": [space]}]
    world.script(tool="shell")
    body = plain.post("/v1/responses", json=RESPONSES | {"input": turns}).json()
    item = body["output"][-1]
    assert (item["type"], item["name"]) == ("custom_tool_call", "exec")
    assert (item["namespace"], "echo" in item["input"]) == ("functions", True)
    turns.append({"type": "custom_tool_call_output", "call_id": item["call_id"], "output": "x"})
    body = plain.post("/v1/responses", json=RESPONSES | {"input": turns}).json()
    assert body["output"][-1]["type"] == "message"


def test_a_refusal_has_the_type_that_stops_codex(world: World, plain: httpx.Client) -> None:
    world.script(status=429, error={"message": "budget"})
    for path, body in (("/v1/responses", RESPONSES), ("/v1/chat/completions", CHAT)):
        answer = plain.post(path, json=body)
        assert answer.status_code == 429
        assert answer.json()["error"]["type"] == "insufficient_quota"
