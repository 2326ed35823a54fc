"""Field bugs that give wrong numbers (14 to 23). The index is in test_field_bugs.py."""

from __future__ import annotations

import json
from typing import Any

from botbottle.meter import Reason, identify
from botbottle.meter.limits import ALLOWANCE
from botbottle.model.usage import Completeness, Tokens

from .events import MESSAGE_STOP, message_delta, message_start, sse
from .helpers import feed, meter, only, whole
from .places import CHAT, CLAUDE, CONVERSE, GEMINI, RESPONSES

VERTEX = ("us-east5-aiplatform.googleapis.com",
          "/v1/projects/p/locations/l/publishers/anthropic/models/claude-z:rawPredict")  # fmt: skip


def _plain(place: tuple[str, str], doc: dict[str, Any]) -> Tokens:
    return only(whole(meter(place, "application/json"), json.dumps(doc).encode())).tokens


def _claude_stream(*docs: dict[str, Any]) -> Tokens:
    return only(feed(meter(CLAUDE), sse(*docs, MESSAGE_STOP))).tokens


def _message(**usage: Any) -> dict[str, Any]:
    return {"id": "msg_1", "type": "message", "model": "claude-z", "usage": usage}


def test_bug_14_cumulative_message_deltas_are_not_summed() -> None:
    tokens = _claude_stream(
        message_start(),
        message_delta(None, output_tokens=10),
        message_delta(None, output_tokens=20, input_tokens=100),
        message_delta(output_tokens=30, input_tokens=150),
    )
    assert tokens == Tokens(input_uncached=150, output=30)


def test_bug_15_input_told_only_in_the_delta_is_kept() -> None:
    start = message_start(input_tokens=0, output_tokens=0)
    last = message_delta(input_tokens=900, cache_read_input_tokens=50, output_tokens=8)
    assert _claude_stream(start, last) == Tokens(input_uncached=900, cache_read=50, output=8)


def test_bug_15_zeros_in_the_delta_do_not_erase_what_the_start_told() -> None:
    start = message_start(cache_read_input_tokens=50)
    last = message_delta(input_tokens=0, cache_read_input_tokens=0, output_tokens=8)
    assert _claude_stream(start, last) == Tokens(input_uncached=100, cache_read=50, output=8)


def test_bug_16_anthropic_cache_tokens_are_beside_the_input_not_inside() -> None:
    tokens = _plain(CLAUDE, _message(input_tokens=10, output_tokens=5,
                    cache_read_input_tokens=1000, cache_creation_input_tokens=200))  # fmt: skip
    assert tokens == Tokens(input_uncached=10, cache_read=1000, cache_write_5m=200, output=5)
    assert tokens.total == 1215


def test_bug_17_openai_cached_tokens_are_inside_the_input_not_beside() -> None:
    chat = {"object": "chat.completion", "usage": {"prompt_tokens": 1000, "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 900, "cache_write_tokens": 60}}}  # fmt: skip
    tokens = _plain(CHAT, chat)
    assert tokens == Tokens(input_uncached=40, cache_read=900, cache_write_5m=60, output=5)
    assert tokens.total_input == 1000


def test_bug_17_impossible_cache_numbers_never_exceed_the_input() -> None:
    chat = {"object": "chat.completion", "usage": {"prompt_tokens": 100, "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 90, "cache_write_tokens": 60}}}  # fmt: skip
    assert _plain(CHAT, chat) == Tokens(cache_read=90, cache_write_5m=10, output=5)


def test_bug_17_reasoning_is_inside_the_output() -> None:
    body = {"object": "response", "status": "completed", "usage": {"input_tokens": 1,
            "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 40}}}  # fmt: skip
    tokens = _plain(RESPONSES, body)
    assert (tokens.output, tokens.reasoning, tokens.total) == (50, 40, 51)


def test_bug_18_cache_writes_are_split_by_ttl() -> None:
    split = {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 70}
    tokens = _plain(CLAUDE, _message(input_tokens=1, output_tokens=1,
                    cache_creation_input_tokens=100, cache_creation=split))  # fmt: skip
    assert (tokens.cache_write_5m, tokens.cache_write_1h, tokens.total) == (30, 70, 102)


def test_bug_18_compaction_iterations_are_added() -> None:
    entries = [{"type": "compaction", "input_tokens": 180_000, "output_tokens": 3500},
               {"type": "message", "input_tokens": 23_000, "output_tokens": 1000}]  # fmt: skip
    tokens = _plain(CLAUDE, _message(input_tokens=23_000, output_tokens=1000, iterations=entries))
    assert tokens == Tokens(input_uncached=203_000, output=4500)


def test_bug_18_an_advisor_is_a_row_of_its_own_model() -> None:
    entries = [{"type": "message", "input_tokens": 2, "output_tokens": 45},
               {"type": "advisor_message", "model": "claude-opus-z", "input_tokens": 159_419,
                "output_tokens": 7805}]  # fmt: skip
    doc = _message(input_tokens=2, output_tokens=491, iterations=entries)
    rows = whole(meter(CLAUDE, "application/json"), json.dumps(doc).encode())
    assert [(r.response_id, r.model, r.tokens.total) for r in rows] == [
        ("msg_1", "claude-z", 493),
        ("msg_1:iter:1", "claude-opus-z", 167_224),
    ]


def test_bug_18_iterations_in_a_stream_are_taken_from_the_last_delta_once() -> None:
    entry = {"type": "compaction", "input_tokens": 500, "output_tokens": 50}
    tokens = _claude_stream(
        message_start(),
        message_delta(None, output_tokens=10, iterations=[entry]),
        message_delta(output_tokens=20, iterations=[entry]),
    )
    assert tokens == Tokens(input_uncached=600, output=70)


def _gemini(**usage: int) -> dict[str, Any]:
    return {"responseId": "g1", "modelVersion": "gemini-z", "usageMetadata": usage,
            "candidates": [{"finishReason": "STOP"}]}  # fmt: skip


def test_bug_19_gemini_thoughts_and_tool_use_are_counted() -> None:
    said = {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 460}
    more = {"thoughtsTokenCount": 300, "toolUsePromptTokenCount": 40}
    tokens = _plain(GEMINI, _gemini(**said, **more))
    assert tokens == Tokens(input_uncached=140, output=320, reasoning=300)


def test_bug_19_gemini_cached_is_inside_the_prompt() -> None:
    tokens = _plain(GEMINI, _gemini(promptTokenCount=100, cachedContentTokenCount=80,
                    candidatesTokenCount=20, totalTokenCount=120))  # fmt: skip
    assert tokens == Tokens(input_uncached=20, cache_read=80, output=20)


def test_bug_19_gemini_usage_in_every_chunk_is_not_summed() -> None:
    place = (GEMINI[0], "/v1beta/models/gemini-z:streamGenerateContent?alt=sse")
    chunks = [_gemini(promptTokenCount=100, candidatesTokenCount=out) for out in (5, 10, 15)]
    for chunk in chunks[:-1]:
        chunk["candidates"] = [{"content": {"parts": [{"text": "a"}]}}]
    row = only(whole(meter(place), sse(*chunks)))
    assert row.tokens == Tokens(input_uncached=100, output=15)


def test_bug_20_an_explicit_zero_is_not_replaced_by_an_estimate() -> None:
    doc = _message(input_tokens=0, output_tokens=0)
    row = only(whole(meter(CLAUDE, "application/json", body={"messages": "x" * 900}),
                     json.dumps(doc).encode()))  # fmt: skip
    assert (row.completeness, row.tokens) == (Completeness.FINAL, Tokens())


def test_bug_20_provider_numbers_win_over_the_running_estimate() -> None:
    deltas = [{"type": "content_block_delta",
               "delta": {"type": "text_delta", "text": "many words " * 50}}] * 9  # fmt: skip
    tokens = _claude_stream(message_start(), *deltas, message_delta(output_tokens=11))
    assert tokens.output == 11


def _poll(status: str, usage: dict[str, int] | None) -> list[Any]:
    doc = {"id": "resp_1", "object": "response", "status": status, "usage": usage}
    place = ("api.openai.com", "/v1/responses/resp_1")
    return whole(meter(place, "application/json", method="GET"), json.dumps(doc).encode())


def test_bug_21_polling_gives_nothing_until_done_and_then_the_same_id_each_time() -> None:
    used = {"input_tokens": 10, "output_tokens": 1}
    assert _poll("queued", None) == _poll("in_progress", None) == []
    first, again = only(_poll("completed", used)), only(_poll("completed", used))
    assert first.response_id == again.response_id == "resp_1"
    assert first.tokens.total == 11


def test_bug_21_creating_a_background_response_gives_a_row_under_its_final_id() -> None:
    doc = {"id": "resp_1", "object": "response", "status": "queued", "usage": None}
    m = meter(RESPONSES, "application/json", body={"background": True, "input": "x" * 400})
    row = only(whole(m, json.dumps(doc).encode()))
    assert (row.response_id, row.completeness) == ("resp_1", Completeness.PARTIAL)
    assert row.tokens.input_uncached > 30
    assert row.tokens.output == ALLOWANCE  # nobody may ever ask for the result


def test_bug_21_a_poll_that_asks_for_an_upgrade_is_still_read() -> None:
    found = identify("api.openai.com", "GET", "/v1/responses/r1", {"Upgrade": "websocket"}, {})
    assert found is not None
    assert found.metered


def test_bug_21_batch_results_downloaded_twice_have_the_same_ids() -> None:
    place = ("api.anthropic.com", "/v1/messages/batches/msgbatch_1/results")
    message = _message(input_tokens=5, output_tokens=1)
    line = {"custom_id": "a", "result": {"type": "succeeded", "message": message}}
    ids = [
        only(feed(meter(place, method="GET"), json.dumps(line).encode() + b"\n")).response_id
        for _ in range(2)
    ]
    assert ids == ["msgbatch_1/a"] * 2


def test_bug_22_one_response_is_one_row_with_its_last_numbers() -> None:
    docs = (message_start(), message_delta(None, output_tokens=5), message_delta(output_tokens=90))
    m = meter(CLAUDE)
    rows = whole(m, sse(*docs, MESSAGE_STOP, MESSAGE_STOP, *docs, MESSAGE_STOP))
    assert only(rows).tokens.output == 90


def test_bug_22_a_retry_is_a_new_provider_call_and_keeps_its_own_row() -> None:
    rows = []
    for at in range(2):
        doc = {**_message(input_tokens=5, output_tokens=1), "id": f"msg_{at}"}
        rows += whole(meter(CLAUDE, "application/json"), json.dumps(doc).encode())
    assert len({row.response_id for row in rows}) == 2


def test_bug_22_an_echoed_request_id_does_not_make_rows_look_like_replays() -> None:
    created = {"type": "response.created", "response": {}}
    echo = {"x_request_id": "mine", "request_id": "mine", "apim_request_id": "mine"}
    row = only(whole(meter(RESPONSES, **echo), sse(created), reason=Reason.CLIENT_GONE))
    assert row.response_id == "flow-1"


def test_bug_22_servers_that_reuse_short_ids_do_not_lose_rows() -> None:
    place, hosts = ("llm.corp.example", "/v1/chat/completions"), {"llm.corp.example": "corp"}
    doc = {"id": "chatcmpl-417", "usage": {"prompt_tokens": 5, "completion_tokens": 1}}
    m = meter(place, "application/json", hosts=hosts)
    assert only(whole(m, json.dumps(doc).encode())).response_id == "chatcmpl-417#flow-1"


def test_bug_23_converse_cache_tokens_are_beside_the_input() -> None:
    tokens = _plain(CONVERSE, {"usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 1215,
                    "cacheReadInputTokens": 1000, "cacheWriteInputTokens": 200}})  # fmt: skip
    assert tokens == Tokens(input_uncached=10, cache_read=1000, cache_write_5m=200, output=5)


def test_bug_23_claude_on_vertex_is_read_in_its_own_dialect() -> None:
    body = json.dumps(_message(input_tokens=10, output_tokens=500)).encode()
    row = only(whole(meter(VERTEX, "application/json"), body))
    assert (row.provider, row.tokens) == ("claude", Tokens(input_uncached=10, output=500))


def test_bug_23_invocation_metrics_complete_a_bedrock_delta_with_output_only() -> None:
    place = ("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/invoke-with-response-stream")
    metrics = {"inputTokenCount": 100, "outputTokenCount": 9, "cacheReadInputTokenCount": 77}
    stop = {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}
    m = meter(place)
    row = only(whole(m, sse(message_start(), message_delta(output_tokens=9), stop),
                     reason=Reason.COMPLETE))  # fmt: skip
    assert row.tokens == Tokens(input_uncached=100, cache_read=77, output=9)
