"""Messages as the official types have it, and the truth equal to what a careful reader sees."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.test_world.decode import FULL, from_messages, messages_usage, sse, sse_json
from tests.world import World

PATH = "/v1/messages?beta=true"
BODY: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}


def only(world: World) -> dict[str, Any]:
    """The single request of the test."""
    (found,) = world.requests()
    return found


def test_a_message_carries_the_scripted_usage_in_disjoint_classes(
    world: World, client: httpx.Client
) -> None:
    world.script(text="hi there", usage=FULL)
    body = client.post(PATH, json=BODY).json()
    assert from_messages(body["usage"]) == FULL
    assert [block["type"] for block in body["content"]] == ["thinking", "text"]
    assert body["content"][1]["text"] == "hi there"
    assert body["stop_reason"] == "end_turn"
    assert body["model"] == "claude-opus-5-5"
    truth = only(world)
    assert truth["billed"] == truth["reported"] == FULL
    assert truth["responses"][0]["id"] == body["id"]
    assert (truth["provider"], truth["dialect"]) == ("claude", "anthropic.messages")


def test_a_stream_has_the_documented_order_of_events(world: World, client: httpx.Client) -> None:
    world.script(text="one two three", events=3, thinking="", usage=FULL)
    body = client.post(PATH, json=BODY | {"stream": True}).text
    names = [name for name, _ in sse(body)]
    assert names == [
        "message_start",
        "ping",
        "content_block_start",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert all(json.loads(data)["type"] == name for name, data in sse(body))
    texts = [e["delta"]["text"] for e in sse_json(body) if e["type"] == "content_block_delta"]
    assert "".join(texts) == "one two three"


@pytest.mark.parametrize(
    "quirks",
    [
        [],
        ["many_deltas"],
        ["crlf"],
        ["cr"],
        ["comments", "bom"],
        ["iterations"],
        ["zero_message_start"],
        ["delta_only_output"],
        ["no_ttl_split"],
        ["many_deltas", "zero_message_start", "crlf", "comments"],
    ],
    ids="+".join,
)
def test_whatever_the_quirk_the_truth_is_what_a_careful_reader_concludes(
    world: World, plain: httpx.Client, quirks: list[str]
) -> None:
    world.script(quirks=quirks, usage=FULL)
    events = sse_json(plain.post(PATH, json=BODY | {"stream": True}).text)
    truth = only(world)
    assert messages_usage(events) == truth["billed"] == truth["reported"]
    assert truth["billed"]["output"] == FULL["output"]
    assert sum(truth["billed"].values()) > sum(FULL.values()) - FULL["reasoning"] - 1


def test_message_start_claims_only_a_placeholder_of_output(
    world: World, plain: httpx.Client
) -> None:
    world.script(usage=FULL)
    first = sse_json(plain.post(PATH, json=BODY | {"stream": True}).text)[0]
    assert first["message"]["usage"]["output_tokens"] == 3
    assert first["message"]["usage"]["input_tokens"] == 100


def test_compaction_tokens_are_in_iterations_alone(world: World, plain: httpx.Client) -> None:
    world.script(quirks=["iterations"], input_uncached=1000, output=400)
    usage = plain.post(PATH, json=BODY).json()["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (500, 300)
    assert usage["iterations"][0] == {
        "type": "compaction",
        "input_tokens": 500,
        "output_tokens": 100,
    }


def test_usage_can_be_left_out(world: World, plain: httpx.Client) -> None:
    world.script(omit_usage=True)
    body = plain.post(PATH, json=BODY | {"stream": True}).text
    assert '"usage"' not in body
    truth = only(world)
    assert truth["reported"] is None
    assert truth["billed"]["output"] > 0


def test_a_tool_is_called_once_and_then_the_result_is_answered(
    world: World, plain: httpx.Client
) -> None:
    world.script(tool="shell")
    asking = BODY | {"tools": [{"name": "Bash"}, {"name": "Read"}]}
    first = plain.post(PATH, json=asking).json()
    call = first["content"][-1]
    assert (call["type"], call["name"], first["stop_reason"]) == ("tool_use", "Bash", "tool_use")
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "ok"}
    turns = [*BODY["messages"], {"role": "user", "content": [result]}]
    second = plain.post(PATH, json=asking | {"messages": turns}).json()
    assert second["stop_reason"] == "end_turn"


def test_a_streamed_tool_call_arrives_as_pieces_of_json(world: World, plain: httpx.Client) -> None:
    world.script(tool={"name": "Edit", "input": {"path": "a", "deep": [1, {"x": "ü"}]}})
    events = sse_json(plain.post(PATH, json=BODY | {"stream": True}).text)
    parts = [e["delta"].get("partial_json", "") for e in events if "delta" in e]
    assert json.loads("".join(parts)) == {"path": "a", "deep": [1, {"x": "ü"}]}


def test_counting_tokens_is_never_spend(world: World, plain: httpx.Client) -> None:
    world.script(input_uncached=321, cache_read=0, cache_write_5m=0, cache_write_1h=0)
    body = plain.post("/v1/messages/count_tokens?beta=true", json=BODY).json()
    assert body == {"input_tokens": 321}
    assert only(world)["metered"] is False
    assert only(world)["responses"] == []


def test_batch_results_bill_each_line_once_however_often_they_are_read(
    world: World, plain: httpx.Client
) -> None:
    items = [{"custom_id": f"c{n}", "params": BODY} for n in range(3)]
    batch = plain.post("/v1/messages/batches", json={"requests": items}).json()
    assert plain.get(f"/v1/messages/batches/{batch['id']}").json()["processing_status"] == "ended"
    texts = [plain.get(f"/v1/messages/batches/{batch['id']}/results").text for _ in range(2)]
    assert texts[0] == texts[1]
    lines = [json.loads(line) for line in texts[0].split("\n") if line]
    assert [line["custom_id"] for line in lines] == ["c0", "c1", "c2"]
    summed = sum(from_messages(line["result"]["message"]["usage"])["output"] for line in lines)
    totals = world.totals()["providers"]["claude"]
    assert totals["responses"] == 3
    assert totals["reported"]["output"] == totals["billed"]["output"] == summed


def test_an_error_status_has_the_shape_that_the_sdk_reads(
    world: World, plain: httpx.Client
) -> None:
    world.script(status=402, error={"message": "out of budget"}, headers={"x-should-retry": "no"})
    answer = plain.post(PATH, json=BODY)
    assert answer.status_code == 402
    assert answer.json()["error"] == {"type": "billing_error", "message": "out of budget"}
    assert answer.headers["x-should-retry"] == "no"
    assert only(world)["responses"] == []


def test_vertex_speaks_messages_on_its_own_paths(world: World, plain: httpx.Client) -> None:
    base = "/v1/projects/p/locations/l/publishers/anthropic/models"
    world.script(usage=FULL)
    plain.headers["host"] = "us-east5-aiplatform.googleapis.com"
    body = plain.post(f"{base}/claude-opus-5-5:rawPredict", json=BODY).json()
    assert from_messages(body["usage"]) == FULL
    streamed = plain.post(f"{base}/claude-opus-5-5:streamRawPredict", json=BODY)
    assert messages_usage(sse_json(streamed.text)) == FULL
    counted = plain.post(f"{base}/count-tokens:rawPredict", json=BODY).json()
    assert counted["input_tokens"] == 142
    found = world.requests()
    assert [r["provider"] for r in found] == ["claude"] * 3
    assert [r["model"] for r in found][:2] == ["claude-opus-5-5"] * 2
