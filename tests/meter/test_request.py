"""What is read from a request, and how its input is guessed."""

from __future__ import annotations

import base64
import gzip
import json
import random
import time

import brotli
import pytest
import zstandard

from botbottle.budget.admission import PoolState, admit
from botbottle.meter import Call, Conversations, Dialect, Kind, read_request
from botbottle.meter.references import IMAGE_TOKENS, UNKNOWN_CONTEXT
from botbottle.meter.tally import count, n

from .helpers import call
from .places import CHAT, CLAUDE, GEMINI, RESPONSES

INVOKE = ("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/invoke")

CLAUDE_BODY = {
    "model": "claude-z", "max_tokens": 64_000, "stream": True,
    "system": [{"type": "text", "text": "You are a careful engineer. " * 40}],
    "tools": [{"name": "Bash", "input_schema": {"type": "object"}}],
    "messages": [{"role": "user", "content": "Please read the file and fix the bug. " * 100}],
}  # fmt: skip


def estimate_input(body: bytes, encoding: str, dialect: Dialect) -> int:
    where = Call("p", dialect, Kind.GENERATE, "h", "POST", "/x")
    return read_request(where, body, encoding, "f").input_estimate


def _estimate(doc: object, dialect: Dialect = Dialect.ANTHROPIC) -> int:
    return estimate_input(json.dumps(doc).encode(), "", dialect)


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("", bytes), ("gzip", gzip.compress), ("br", brotli.compress), ("zstd", zstandard.compress)],
)
def test_compressed_bodies_are_estimated_like_plain_ones(encoding: str, encode) -> None:  # type: ignore[no-untyped-def]
    body = encode(json.dumps(CLAUDE_BODY).encode())
    assert estimate_input(body, encoding, Dialect.ANTHROPIC) == _estimate(CLAUDE_BODY)
    assert read_request(call(CLAUDE), body, encoding, "f").model == "claude-z"


def test_dense_text_is_not_underrated_as_bytes_over_four_would() -> None:
    rng = random.Random(3)
    dense = base64.b64encode(rng.randbytes(9000)).decode()
    assert _estimate({"messages": [{"content": dense}]}) > len(dense) * 0.9
    assert _estimate({"input": rng.randbytes(6000).hex()}, Dialect.OPENAI_CHAT) > 12_000 * 0.5


def test_escaped_and_plain_json_of_the_same_text_cost_the_same() -> None:
    doc = {"messages": [{"role": "user", "content": "日本語のテキスト" * 100}]}
    plain = json.dumps(doc, ensure_ascii=False).encode()
    assert estimate_input(plain, "", Dialect.ANTHROPIC) == _estimate(doc)


IMAGE = base64.b64encode(bytes(range(256)) * 4000).decode()


@pytest.mark.parametrize("block", [
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64," + IMAGE}},
    {"type": "input_image", "image_url": "data:image/png;base64," + IMAGE},
    {"inlineData": {"mimeType": "image/png", "data": IMAGE}},
    {"image": {"format": "png", "source": {"bytes": IMAGE}}},
])  # fmt: skip
def test_an_image_costs_a_fixed_price_not_its_base64(block: dict[str, object]) -> None:
    tokens = _estimate({"messages": [{"role": "user", "content": [block]}]})
    assert IMAGE_TOKENS <= tokens < IMAGE_TOKENS + 300


def test_a_document_costs_by_its_size() -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": IMAGE}
    block = {"type": "document", "source": source}
    assert _estimate({"messages": [{"content": [block]}]}) > len(IMAGE) / 20


def test_text_that_is_named_like_media_is_still_counted() -> None:
    text = "an ordinary sentence " * 200
    assert _estimate({"data": text}) > len(text) / 6


def test_a_continued_conversation_adds_what_it_builds_on() -> None:
    known = Conversations()
    known.remember("resp_1", 42_000)
    where, plain = call(RESPONSES), json.dumps({"input": "go on"}).encode()
    base = read_request(where, plain, "", "f", known).input_estimate

    def estimate(**more: str) -> int:
        body = json.dumps({"input": "go on", **more}).encode()
        return read_request(where, body, "", "f", known).input_estimate

    assert 42_000 <= estimate(previous_response_id="resp_1") - base < 42_100
    assert estimate(previous_response_id="resp_2") - base >= UNKNOWN_CONTEXT
    assert estimate(conversation="conv_1") - base >= UNKNOWN_CONTEXT


def test_conversations_forget_the_least_recently_used() -> None:
    known = Conversations(limit=2)
    for at in range(2):
        known.remember(f"r{at}", at + 1)
    assert known.context("r0") == 1
    known.remember("r2", 3)
    assert (known.context("r0"), known.context("r1")) == (1, UNKNOWN_CONTEXT)


@pytest.mark.parametrize(
    ("place", "body", "allowance"),
    [
        (CLAUDE, {"max_tokens": 300}, 300),
        (CHAT, {"max_completion_tokens": 300, "n": 3}, 900),
        (RESPONSES, {"max_output_tokens": 300}, 300),
        (GEMINI, {"generationConfig": {"maxOutputTokens": 300, "candidateCount": 2}}, 600),
        (GEMINI, {"generation_config": {"max_output_tokens": 300, "candidate_count": 2}}, 600),
        (GEMINI, {"generationConfig": {"maxOutputTokens": 300, "candidate_count": 2}}, 600),
        (GEMINI, {"n": 1, "generationConfig": {"maxOutputTokens": 300, "candidateCount": 2}}, 600),
        (INVOKE, {"prompt": "x", "max_gen_len": 300}, 300),
        (INVOKE, {"prompt": "x", "max_new_tokens": 300}, 300),
        (INVOKE, {"inferenceConfig": {"max_new_tokens": 300}}, 300),
        (INVOKE, {"inputText": "x", "textGenerationConfig": {"maxTokenCount": 300}}, 300),
        (INVOKE, {"messages": [], "max_completion_tokens": 300}, 300),
        (INVOKE, {"prompt": "x", "max_tokens_to_sample": 300}, 300),
        (INVOKE, {"max_tokens": 1, "max_gen_len": 300}, 300),
        (CLAUDE, {"max_tokens": "many"}, 8192),
    ],
)
def test_the_allowance_follows_what_each_dialect_calls_its_limit(
    place: tuple[str, str], body: dict[str, object], allowance: int
) -> None:
    assert read_request(call(place), json.dumps(body).encode(), "", "f").allowance == allowance


def test_what_many_choices_ask_for_is_what_the_gate_reserves() -> None:
    for choices in (1, 3, 128, 900):
        body = json.dumps({"n": choices, "max_tokens": 128_000}).encode()
        asked = read_request(call(CHAT), body, "", "f").allowance
        assert asked == 8192 * min(choices, 128)
        pool = PoolState("s", "codex", "", 10**9, 0)
        assert admit((pool,), 1000, asked).reserve == 1000 + asked


@pytest.mark.parametrize("value", [12.5, -1, -0.5, 10**12, 1e300, float("nan"), float("inf"), True,
                                   "12", None, []])  # fmt: skip
def test_what_is_no_whole_number_of_tokens_is_no_figure(value: object) -> None:
    assert (count(value), n(value)) == (None, 0)


@pytest.mark.parametrize("value", [0, 12, 12.0, 10**12 - 1])
def test_a_whole_number_is_a_figure_however_it_is_written(value: float) -> None:
    assert (count(value), n(value)) == (int(value), int(value))


def test_a_chat_stream_that_will_not_tell_usage_is_known_beforehand() -> None:
    def tells(**body: object) -> bool:
        return read_request(call(CHAT), json.dumps(body).encode(), "", "f").tells_usage

    assert not tells(stream=True)
    assert tells(stream=True, stream_options={"include_usage": True})
    assert tells(stream=False)


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"[1,2]", b'"x"', b"{" * 100_000])
def test_a_body_that_is_no_object_is_estimated_from_its_size(body: bytes) -> None:
    asked = read_request(call(CLAUDE), body, "", "f")
    assert not asked.readable
    assert asked.input_estimate >= len(body)


def test_deep_nesting_is_walked_without_recursion() -> None:
    body = b'{"messages":' + b"[" * 900 + b'"word"' + b"]" * 900 + b"}"
    assert read_request(call(CLAUDE), body, "", "f").readable


def test_ten_times_the_text_is_no_more_than_ten_times_the_work() -> None:
    few, many = (min(_timed(words) for _ in range(5)) for words in (6000, 60_000))
    assert many < 40 * max(few, 0.0005)  # square growth would be 100 times


def _timed(words: int) -> float:
    """CPU time of this thread for one estimate."""
    text = "some words of text " * words
    body = json.dumps({**CLAUDE_BODY, "messages": [{"content": text}]}).encode()
    began = time.thread_time()
    estimate_input(body, "", Dialect.ANTHROPIC)
    return time.thread_time() - began
