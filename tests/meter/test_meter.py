"""The meter as a whole: fails closed, stays bounded, never raises, never counts twice."""

from __future__ import annotations

import json
import random

import pytest

from botbottle.meter import Reason, unanswered
from botbottle.model.usage import Completeness, Tokens

from .events import completed, message_start, sse, text_delta
from .helpers import call, clock, feed, meter, only, request, whole
from .places import CLAUDE, CONVERSE, GEMINI, RESPONSES


@pytest.mark.parametrize("status", [301, 400, 401, 402, 429, 500, 529])
def test_an_error_answer_spends_nothing(status: int) -> None:
    m = meter(CLAUDE, "application/json", status=status)
    assert whole(m, b'{"type":"error","error":{"type":"overloaded_error"}}') == []


def test_a_stream_that_opens_with_a_refusal_spends_nothing() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error"}}
    assert whole(meter(CLAUDE), sse(error)) == []
    quota = {"type": "response.failed", "response": {"id": "resp_1", "status": "failed",
             "error": {"code": "insufficient_quota"}, "usage": None}}  # fmt: skip
    assert whole(meter(RESPONSES), sse(quota)) == []


def test_an_unknown_dialect_is_recorded_with_what_usage_it_shows_and_alarms() -> None:
    place = ("api.openai.com", "/v1/brand/new")
    body = json.dumps({"id": "x1", "usage": {"input_tokens": 70, "output_tokens": 7}}).encode()
    row = only(whole(meter(place, "application/json"), body))
    assert (row.completeness, row.note) == (Completeness.ESTIMATED, "unknown dialect")
    assert row.tokens.input_uncached == 70
    assert row.tokens.output >= 7
    assert row.response_id == "x1#flow-1"  # nobody knows whether such an id is unique


def test_an_unknown_dialect_without_any_usage_is_never_zero() -> None:
    place = ("api.openai.com", "/v1/audio/speech")
    row = only(whole(meter(place, "audio/mpeg", body={"input": "say this"}), b"\xff\xf3" * 4000))
    assert row.completeness is Completeness.ESTIMATED
    assert row.tokens.total_input > 0
    assert row.tokens.output > 0


def test_requests_that_are_not_metered_give_nothing() -> None:
    counted = {"input_tokens": 1000}
    m = meter(("api.anthropic.com", "/v1/messages/count_tokens"), "application/json")
    assert whole(m, json.dumps(counted).encode()) == []
    assert unanswered(call(("api.anthropic.com", "/v1/models"), "GET"),
                      request(call(CLAUDE)), clock, Reason.CUT) == []  # fmt: skip


def test_running_grows_with_the_stream_and_is_exact_about_a_known_input() -> None:
    m, rng, seen = meter(CLAUDE), random.Random(4), []
    feed(m, sse(message_start(cache_read_input_tokens=900)))
    for _ in range(30):
        feed(m, sse(text_delta("word " * rng.randint(1, 9))))
        seen.append(m.running)
    assert all(t.total_input == 1000 for t in seen)
    assert [t.output for t in seen] == sorted(t.output for t in seen)
    assert seen[-1].output > 100


def test_control_characters_and_length_of_provider_texts_do_not_reach_the_ledger() -> None:
    doc = completed("resp_\x1b[31m" + "x" * 900, input_tokens=1, output_tokens=1)
    doc["response"]["model"] = "m\n" * 500
    row = only(feed(meter(RESPONSES), sse(doc)))
    assert row.response_id.isprintable()
    assert row.model.isprintable()
    assert len(row.response_id) <= 256
    assert len(row.model) <= 256


def test_a_plain_answer_of_another_vendor_on_bedrock_is_counted_by_its_headers() -> None:
    place = ("bedrock-runtime.us-east-1.amazonaws.com", "/model/meta.llama/invoke")
    m = meter(place, "application/json", x_amzn_bedrock_input_token_count="31",
              x_amzn_bedrock_output_token_count="7", x_amzn_requestid="req-9")  # fmt: skip
    row = only(whole(m, b'{"generation":"hello","prompt_token_count":31}'))
    assert (row.completeness, row.tokens) == (Completeness.FINAL, Tokens(31, output=7))
    assert (row.response_id, row.model) == ("req-9", "meta.llama")


def test_an_exception_frame_mid_stream_leaves_a_row_and_at_the_start_none() -> None:
    from .truth.wire import aws_message

    place, kind = (CONVERSE[0], "/model/m/converse-stream"), "application/vnd.amazon.eventstream"
    said = aws_message("event:contentBlockDelta", b'{"delta":{"text":"some words"}}')
    broke = aws_message("exception:modelStreamErrorException", b'{"message":"x"}')
    row = only(whole(meter(place, kind), said, broke))
    assert (row.completeness, row.note.split(";")[0]) == (
        Completeness.PARTIAL, "modelStreamErrorException")  # fmt: skip
    assert whole(meter(place, kind), aws_message("exception:throttlingException", b"{}")) == []


def test_an_embedding_of_ollama_and_an_old_answer_without_prompt_count() -> None:
    embed = {"model": "e", "embeddings": [[0.1]], "prompt_eval_count": 12}
    place = ("ollama.com", "/api/embed")
    row = only(whole(meter(place, "application/json"), json.dumps(embed).encode()))
    assert (row.completeness, row.tokens) == (Completeness.FINAL, Tokens(12))
    old = {"model": "e", "done": True, "eval_count": 5, "message": {"content": "x"}}
    m = meter(("ollama.com", "/api/chat"), body={"messages": "x" * 300})
    row = only(whole(m, json.dumps(old).encode() + b"\n"))
    assert row.completeness is Completeness.ESTIMATED
    assert row.tokens.output == 5
    assert row.tokens.input_uncached > 30


def test_several_gemini_candidates_are_final_only_when_all_have_finished() -> None:
    place = (GEMINI[0], "/v1beta/models/g:streamGenerateContent?alt=sse")
    m = meter(place, body={"generationConfig": {"candidateCount": 2}})

    def chunk(index: int, out: int) -> bytes:
        usage = {"promptTokenCount": 5, "candidatesTokenCount": out}
        done = [{"index": index, "finishReason": "STOP"}]
        return sse({"responseId": "g1", "candidates": done, "usageMetadata": usage})

    assert feed(m, chunk(0, 10), chunk(1, 25)) == []
    assert only(m.close(Reason.CLIENT_GONE)).tokens == Tokens(5, output=25)
