"""Field bugs of enforcement (24 to 32), as far as the meter can cause or prevent them."""

from __future__ import annotations

import json

import pytest

from botbottle.meter import (
    Dialect,
    Kind,
    Reason,
    WebSocketMeter,
    count_request,
    identify,
    parse_count,
    read_request,
    refusal,
    refusal_frame,
)
from botbottle.meter.limits import ALLOWANCE

from .events import completed, message_start, sse, text_delta
from .helpers import ask, call, clock, feed, meter, request
from .places import CHAT, CLAUDE, GEMINI, RESPONSES

METHODS = ("batchGenerateContent", "embedContent", "batchEmbedContents", "predict",
           "predictLongRunning", "generateAnswer", "generateContent")  # fmt: skip
SPENDING = (
    CLAUDE, CHAT, RESPONSES, GEMINI,
    ("api.anthropic.com", "/v1/messages/batches"),
    ("api.anthropic.com", "/v1//messages/"),
    ("api.anthropic.com", "/v1/%6dessages"),
    ("api.anthropic.com", "/v1/messages/count_tokens/../../messages"),
    ("api.anthropic.com", "/v1/complete"),
    ("api.anthropic.com", "/v1/files/%252e%252e/complete"),
    ("api.anthropic.com", "/v1/files/..;/complete"),
    ("api.anthropic.com", "/v1/files/../complete"),
    ("api.openai.com", "/v1/responses/compact"),
    ("api.openai.com", "/v1/embeddings"),
    ("api.openai.com", "/v1/images/generations"),
    ("api.openai.com", "/v1/audio/speech"),
    ("api.openai.com", "/v1/anything/new"),
    ("api.openai.com", "/v1/batches"),
    ("API.OPENAI.COM.", "/v1/responses?x=/v1/files"),
    ("api.openai.com:443", "/v1/responses#/v1/files"),
    ("eu.api.openai.com", "/v1/responses"),
    ("chatgpt.com", "/backend-api/codex/responses"),
    ("chatgpt.com", "/backend-api/f/conversation"),
    ("chatgpt.com", "/backend-api/x/..;/codex/Responses"),
    ("chatgpt.com", "/backend-api/wham/tasks"),
    ("chatgpt.com", "/backend-api/wham/tasks/t/turns"),
    ("chatgpt.com", "/backend-api/codex/memories/trace_summarize"),
    ("chatgpt.com", "/backend-api/codex/new"),
    ("api.anthropic.com", "/v1/x/../messages/count_tokens"),
    ("api.anthropic.com", "/v1/messages/./batches/b/cancel"),
    ("api.openai.com", "/v1/x/../files"),
    ("api.anthropic.com", "/api/organizations/o/chat_conversations/c/completion"),
    ("api.anthropic.com", "/api/%2e%2e/v1/complete"),
    ("api.anthropic.com", "/api/..;/v1/complete"),
    ("api.openai.com", "/api/event_logging"),
    ("api.openai.com", "/v1/evals/e/runs"),
    ("aiplatform.eu.rep.googleapis.com", "/v1/projects/p/publishers/google/models/m:rawPredict"),
    ("generativelanguage.googleapis.com", "/v1beta/openai/chat/completions"),
    ("generativelanguage.googleapis.com", "/batch"),
    *(("generativelanguage.googleapis.com", f"/{version}/models/g:{method}")
      for version in ("v1", "v1beta") for method in METHODS),
    ("generativelanguage.googleapis.com", "/v1beta/cachedContents"),
    ("generativelanguage.googleapis.com", "/v1beta/cachedContents/c:generateContent"),
    ("us-central1-aiplatform.googleapis.com", "/v1/models/m:predict"),
    ("claude.googleapis.com", "/v1/models/claude-z:rawPredict"),
    ("bedrock-mantle.us-east-1.api.aws", "/v1/models/m:invoke"),
    ("bedrock-runtime.eu-west-1.amazonaws.com", "/model/m/invoke"),
    ("bedrock-runtime.eu-west-1.amazonaws.com", "/async-invoke"),
    ("bedrock-mantle.us-east-1.api.aws", "/anthropic/v1/messages"),
    ("openrouter.ai", "/api/v1/responses"),
    ("ollama.com", "/api/generate"),
)  # fmt: skip


@pytest.mark.parametrize(("host", "path"), SPENDING)
def test_bug_25_no_surface_of_a_provider_leads_around_the_gate(host: str, path: str) -> None:
    found = identify(host, "POST", path, {}, {})
    assert found is not None
    assert found.gated
    assert found.metered


def test_bug_25_slashes_too_many_hide_no_dialect() -> None:
    for path in ("/v1//messages/", "//v1/messages", "/v1/x/../messages"):
        assert call((CLAUDE[0], path)).dialect is Dialect.ANTHROPIC


def test_bug_25_a_get_that_asks_to_be_taken_for_a_post_is_gated() -> None:
    headers = {"X-HTTP-Method-Override": "POST"}
    found = identify(GEMINI[0], "GET", GEMINI[1], headers, {})
    assert found is not None
    assert found.gated


def test_bug_25_a_post_that_asks_to_be_taken_for_a_get_is_still_gated() -> None:
    found = identify(*("api.openai.com", "POST", "/v1/responses"), {"x-http-method": "GET"}, {})
    assert found is not None
    assert found.gated


@pytest.mark.parametrize("frame", [
    {"type": "response.create"}, {"type": "response.create", "stream_id": "s2"},
    {"type": "response.steer"}, {"type": "response.inject"}, {"type": "something.new"}, [], None,
])  # fmt: skip
def test_bug_25_every_frame_that_may_start_a_response_asks_for_admission(frame: object) -> None:
    m = WebSocketMeter(call(RESPONSES), "ws", clock=clock)
    for _ in range(2):  # the second as well as the first
        assert m.client_frame(json.dumps(frame).encode()) is not None
    assert m.client_frame(b"\xff not json") is not None
    assert m.client_frame(b'{"type":"response.processed"}') is None


def test_bug_25_counting_and_reading_are_not_gated() -> None:
    for place, method in (
        (("api.anthropic.com", "/v1/messages/count_tokens"), "POST"),
        (("api.openai.com", "/v1/responses/input_tokens"), "POST"),
        (("api.anthropic.com", "/v1/models"), "GET"),
        (("api.anthropic.com", "/api/event_logging/v2/batch"), "POST"),
        (("api.anthropic.com", "/api/eval/sdk-x"), "POST"),
        (("api.anthropic.com", "/api/claude_code/metrics"), "POST"),
        (("chatgpt.com", "/backend-api/plugins"), "POST"),
        (("chatgpt.com", "/backend-api/wham/apps"), "POST"),
        (("chatgpt.com", "/backend-api/codex/analytics-events/events"), "POST"),
        (("chatgpt.com", "/otlp/v1/metrics"), "POST"),
    ):
        found = call(place, method)
        assert not found.gated
        assert not found.metered


def test_bug_26_spend_is_told_in_the_call_that_saw_it_and_runs_along_before() -> None:
    m = meter(CLAUDE)
    feed(m, sse(message_start()))
    assert m.running.total_input == 100
    before = m.running.total
    feed(m, sse(text_delta("some more words here")))
    assert m.running.total > before
    done = {"type": "message_delta", "delta": {"stop_reason": "x"}, "usage": {"output_tokens": 7}}
    rows = feed(m, sse(done, {"type": "message_stop"}))
    assert [row.tokens.total for row in rows] == [107]
    assert m.running.total == 0  # not counted a second time beside the row


def test_bug_27_the_allowance_is_bounded_and_never_max_tokens() -> None:
    assert request(call(CLAUDE), max_tokens=128_000).allowance == ALLOWANCE
    assert request(call(CLAUDE), max_tokens=10).allowance == 10
    assert request(call(CLAUDE)).allowance == ALLOWANCE


def test_bug_27_every_admission_of_a_socket_is_settled_exactly_once() -> None:
    m = WebSocketMeter(call(RESPONSES), "ws", clock=clock)
    asked = [ask(m, stream_id=lane) for lane in ("a", "b", "a", "c", "d")]
    answers = [
        {**completed("resp_a", input_tokens=1, output_tokens=1), "stream_id": "a"},
        {"type": "error", "status": 400, "stream_id": "b", "error": {"code": "bad"}},
        {"type": "response.created", "stream_id": "c", "response": {"id": "resp_c"}},
    ]
    settled = [s for doc in answers for s in m.server_frame(json.dumps(doc).encode())]
    settled += m.close(Reason.CLIENT_GONE)
    assert sorted(s.request_id for s in settled) == sorted(asked)
    assert m.close(Reason.CLIENT_GONE) == []


def test_bug_29_an_undeclared_host_is_not_metered_and_a_declared_one_is() -> None:
    assert identify("llm.corp.example", "POST", "/v1/chat/completions", {}, {}) is None
    found = identify("llm.corp.example", "POST", "/x", {}, {"llm.corp.example": "corp"})
    assert found is not None
    assert (found.provider, found.kind) == ("corp", Kind.GENERATE)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b'{"input_tokens":-4}', b'{"x":1}'])
def test_bug_30_a_counting_answer_that_says_nothing_is_none_not_zero(body: bytes) -> None:
    assert parse_count(body) is None
    assert parse_count(b'{"input_tokens":0}') == 0


def test_bug_30_a_request_that_cannot_be_read_is_estimated_not_free() -> None:
    asked = read_request(call(CLAUDE), b"\x00" * 1000, "zstd", "flow-1")
    assert not asked.readable
    assert asked.input_estimate >= 1000
    assert count_request(call(CLAUDE), b"\x00" * 10) is None


@pytest.mark.parametrize(
    ("place", "status", "path", "value"),
    [
        (CLAUDE, 402, ("error", "type"), "billing_error"),
        (CHAT, 429, ("error", "code"), "insufficient_quota"),
        (RESPONSES, 429, ("error", "type"), "insufficient_quota"),
        (GEMINI, 402, ("error", "status"), "RESOURCE_EXHAUSTED"),
        (("api.anthropic.com", "/v1/new"), 402, ("error", "type"), "billing_error"),
        (("api.openai.com", "/v1/new"), 429, ("error", "code"), "insufficient_quota"),
    ],
)
def test_bug_31_a_refusal_has_the_shape_its_client_does_not_retry(
    place: tuple[str, str], status: int, path: tuple[str, str], value: str
) -> None:
    answer = refusal(call(place), message="budget of claude is spent", retry_after=61.2)
    headers, body = dict(answer.headers), json.loads(answer.body)
    assert answer.status == status
    assert body[path[0]][path[1]] == value
    assert body["error"]["message"] == "budget of claude is spent"
    assert headers["x-should-retry"] == "false"
    assert headers["retry-after"] == "61"
    assert int(headers["content-length"]) == len(answer.body)


def test_bug_31_a_socket_refusal_is_the_frame_codex_stops_on() -> None:
    frame = json.loads(refusal_frame(message="spent", stream_id="s1"))
    assert (frame["type"], frame["status"], frame["stream_id"]) == ("error", 429, "s1")
    assert frame["error"]["type"] == "usage_limit_reached"


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/converse"), "message"),
        (("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/invoke"), "message"),
        (("ollama.com", "/api/chat"), "error"),
    ],
)
def test_bug_31_refusals_of_the_flat_dialects(place: tuple[str, str], key: str) -> None:
    answer = refusal(call(place), message="spent")
    assert (answer.status, json.loads(answer.body)) == (402, {key: "spent"})
    assert dict(answer.headers)["retry-after"] == "3600"
