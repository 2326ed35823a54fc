"""The scripted upstream and the meter were written apart and must agree on every shape.

``tests/world`` is the server that end-to-end tests run against; here its replies are fed to the
meter in process, with random usage and every quirk it knows.
"""

from __future__ import annotations

import dataclasses
import json
import random
from typing import Any

import pytest
from msgspec.structs import astuple

from botbottle.meter import Meter, Reason, WebSocketMeter, identify, read_request
from botbottle.model.usage import Completeness
from tests.world.dialects import batches, registry, responses_ws
from tests.world.script import Script
from tests.world.usage import Usage
from tests.world.wire import Call, Memory, Reply, Request

MESSAGES = {"model": "claude-z", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
CHAT = {"model": "gpt-z", "messages": [{"role": "user", "content": "hi"}]}
RESPONSES = {"model": "gpt-z", "input": "hi"}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
STREAM = {"stream": True}
ASKED = {"stream": True, "stream_options": {"include_usage": True}}
VERTEX = "/v1/projects/p/locations/l/publishers/anthropic/models/claude-z@1"
MESSAGE_QUIRKS = ("zero_message_start", "delta_only_output", "many_deltas", "iterations",
                  "no_ttl_split", "crlf", "cr", "comments")  # fmt: skip
CHAT_QUIRKS = ("usage_every_chunk", "no_done", "prompt_filter", "crlf", "comments", "no_details")
RESPONSES_QUIRKS = ("obfuscation", "no_details", "crlf", "cr", "comments")
CASES: list[tuple[str, str, dict[str, Any], tuple[str, ...]]] = [
    ("api.anthropic.com", "/v1/messages", MESSAGES, MESSAGE_QUIRKS),
    ("api.anthropic.com", "/v1/messages", MESSAGES | STREAM, MESSAGE_QUIRKS),
    ("aiplatform.googleapis.com", VERTEX + ":rawPredict", MESSAGES, MESSAGE_QUIRKS),
    ("aiplatform.googleapis.com", VERTEX + ":streamRawPredict", MESSAGES, MESSAGE_QUIRKS),
    ("bedrock-runtime.eu-west-1.amazonaws.com", "/model/m/invoke", MESSAGES, MESSAGE_QUIRKS[:5]),
    ("bedrock-runtime.eu-west-1.amazonaws.com", "/model/m/invoke-with-response-stream", MESSAGES,
     MESSAGE_QUIRKS[:3]),
    ("bedrock-runtime.eu-west-1.amazonaws.com", "/model/m/converse", CONVERSE, ()),
    ("bedrock-runtime.eu-west-1.amazonaws.com", "/model/m/converse-stream", CONVERSE, ()),
    ("api.openai.com", "/v1/chat/completions", CHAT, CHAT_QUIRKS),
    ("api.openai.com", "/v1/chat/completions", CHAT | ASKED, CHAT_QUIRKS),
    ("res.openai.azure.com", "/openai/deployments/d/chat/completions", CHAT | ASKED, CHAT_QUIRKS),
    ("openrouter.ai", "/api/v1/chat/completions", CHAT | ASKED, CHAT_QUIRKS),
    ("api.openai.com", "/v1/embeddings", {"model": "e", "input": "hi"}, ()),
    ("api.openai.com", "/v1/responses", RESPONSES, RESPONSES_QUIRKS),
    ("api.openai.com", "/v1/responses", RESPONSES | STREAM, RESPONSES_QUIRKS),
    ("api.openai.com", "/v1/responses/compact", RESPONSES, ()),
    ("chatgpt.com", "/backend-api/codex/responses", RESPONSES | STREAM, RESPONSES_QUIRKS),
    ("generativelanguage.googleapis.com", "/v1beta/models/g:generateContent", GEMINI,
     ("tool_prompt",)),
    ("generativelanguage.googleapis.com", "/v1beta/models/g:streamGenerateContent", GEMINI,
     ("tool_prompt",)),
    ("generativelanguage.googleapis.com", "/v1beta/models/g:streamGenerateContent?alt=sse", GEMINI,
     ("tool_prompt", "crlf", "comments")),
    ("ollama.com", "/api/chat", {"model": "l", "messages": []}, ()),
    ("ollama.com", "/api/chat", {"model": "l", "messages": [], "stream": False}, ()),
]  # fmt: skip


def _usage(rng: random.Random) -> Usage:
    output = rng.randint(10, 5000)
    classes = [rng.choice((0, rng.randint(1, 90_000))) for _ in range(4)]
    classes[0] += 10  # the compaction quirk divides the input
    return Usage(*classes, output, rng.randint(0, output))


def _reply(case: tuple[str, str, dict[str, Any], tuple[str, ...]], seed: int) -> Reply:
    host, target, body, quirks = case
    rng = random.Random(seed)
    chosen = frozenset(q for q in quirks if rng.random() < 0.4)
    path, _, query = target.partition("?")
    raw = json.dumps(body).encode()
    request = Request("POST", target, host, host, path, query, [], "http/1.1", True, 1, raw)
    dialect, script = registry.find(request), Script(quirks=chosen, events=rng.randint(0, 6))
    usage = dialect.fold(_usage(rng), script, bool(body.get("stream")))
    model = registry.model_of(request, body)
    return dialect.answer(Call(request, script, usage, rng, Memory(), body, model, f"{seed:024x}"))


def _meter(case: tuple[str, str, dict[str, Any], tuple[str, ...]], reply: Reply) -> Meter:
    host, target, body, _ = case
    call = identify(host, "POST", target, {}, {})
    assert call is not None
    asked = read_request(call, json.dumps(body).encode(), "", "flow-1")
    headers = dict(reply.headers)
    return Meter(call, asked, status=reply.status, headers=headers, clock=lambda: 0.0)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}{c[1]}")
def test_the_meter_reads_what_the_scripted_upstream_bills(
    case: tuple[str, str, dict[str, Any], tuple[str, ...]],
) -> None:
    for seed in range(40):
        reply = _reply(case, seed)
        meter = _meter(case, reply)
        rows = [row for frame in reply.frames for row in meter.feed(frame.data)]
        rows += meter.close(Reason.COMPLETE)
        got = [astuple(row.tokens) for row in rows]
        want = [dataclasses.astuple(bill.usage) for bill in reply.bills]
        assert got == want, f"seed {seed}: {rows}"
        assert all(row.completeness is Completeness.FINAL for row in rows)
        assert len(rows) == 1


def test_sockets_settle_what_the_scripted_upstream_bills() -> None:
    where = identify("api.openai.com", "GET", "/v1/responses", {"Upgrade": "websocket"}, {})
    assert where is not None
    rng, meter = random.Random(7), WebSocketMeter(where, "ws", clock=lambda: 0.0)
    for seed in range(200):
        data = {"type": "response.create", "model": "gpt-z", "input": "hi"}
        data |= rng.choice(({}, {"generate": False}, {"stream_id": "lane"}))
        admission = meter.client_frame(json.dumps(data).encode())
        assert admission is not None
        meter.sent(admission)
        request = Request("GET", "/", "h", "h", "/v1/responses", "", [], "ws", True, 1)
        call = Call(request, Script(quirks=frozenset({"obfuscation"})), _usage(rng), rng, Memory(),
                    data, "gpt-z", f"{seed:024x}")  # fmt: skip
        reply = responses_ws.create(call)
        settled = [s for frame in reply.frames for s in meter.server_frame(frame.data)]
        assert [s.request_id for s in settled] == [admission.request.request_id]
        got = [astuple(row.tokens) for s in settled for row in s.exchanges]
        assert got == [dataclasses.astuple(bill.usage) for bill in reply.bills if bill.usage.total]
    assert meter.close(Reason.CLIENT_GONE) == []


def test_batch_results_are_read_as_the_scripted_upstream_bills_them() -> None:
    items = [{"custom_id": f"c{at}", "params": MESSAGES} for at in range(9)]
    path = "/v1/messages/batches/msgbatch_1/results"
    request = Request("GET", path, "h", "h", path, "", [], "http/1.1", True, 1)
    memory = Memory(batches={"msgbatch_1": items})
    call = Call(request, Script(), Usage(), random.Random(1), memory, {}, "", "1")
    reply, where = batches.results(call), identify("api.anthropic.com", "GET", path, {}, {})
    assert where is not None
    asked = read_request(where, b"", "", "flow-1")
    meter = Meter(where, asked, status=200, headers=dict(reply.headers), clock=lambda: 0.0)
    rows = [row for frame in reply.frames for row in meter.feed(frame.data)]
    assert [astuple(row.tokens) for row in rows] == [
        dataclasses.astuple(b.usage) for b in reply.bills
    ]
    assert [row.response_id for row in rows] == [f"msgbatch_1/c{at}" for at in range(9)]
