"""Streams of pictures and sound that are left before their last event are not free."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botbottle.meter import Reason, identify, provider_of, unmetered_llm_host
from botbottle.model.usage import Completeness

from .events import sse
from .helpers import feed, meter, only, whole
from .places import CHAT, RESPONSES, Place

GEMINI = ("generativelanguage.googleapis.com", "/v1beta/models/z:streamGenerateContent")
IMAGES = ("api.openai.com", "/v1/images/generations")
EMBED = ("generativelanguage.googleapis.com", "/v1beta/models/z:embedContent")
EMBEDS = ("generativelanguage.googleapis.com", "/v1beta/models/z:batchEmbedContents")
SECOND = "A" * 64_000  # of sound: 48,000 bytes


def part(kind: str, data: str) -> dict[str, Any]:
    content = {"parts": [{"inlineData": {"mimeType": kind, "data": data}}]}
    return {"candidates": [{"content": content}]}


def delta(data: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"audio": {"id": "a", "data": data}}}]}


DRAWN = {"type": "image_generation.partial_image", "b64_json": "A" * 1000}
CALLED = {"type": "response.image_generation_call.partial_image", "partial_image_b64": "A" * 1000}
LEFT = [
    (IMAGES, DRAWN, 3, 6_440),
    (RESPONSES, CALLED, 3, 6_440),
    (GEMINI, part("image/png", "A" * 400_000), 2, 4_000),
    (GEMINI, part("audio/L16;rate=24000", SECOND), 4, 102),
    (GEMINI, part("audio/mp3", "A" * 4_000), 4, 40),
    (CHAT, delta(SECOND), 4, 102),
]
NAMES = ["images", "responses", "picture", "sound", "compressed sound", "chat's sound"]


@pytest.mark.parametrize(("place", "event", "times", "output"), LEFT, ids=NAMES)
def test_what_was_shown_before_a_stream_was_left_is_booked(
    place: Place, event: dict[str, Any], times: int, output: int
) -> None:
    m = meter(place, body={"stream": True})
    feed(m, *[sse(event)] * times)
    assert m.running.output == output, "so that it can be cut"
    row = only(m.close(Reason.CLIENT_GONE))
    assert (row.tokens.output, row.completeness) == (output, Completeness.PARTIAL)


def test_the_provider_s_numbers_take_its_place() -> None:
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 1_290, "totalTokenCount": 1_295}
    last = {**part("image/png", "A" * 1000), "usageMetadata": usage}
    last["candidates"][0]["finishReason"] = "STOP"
    row = only(whole(meter(GEMINI), sse(last)))
    assert (row.tokens.output, row.completeness) == (1_290, Completeness.FINAL)
    drawn = {"type": "image_generation.completed", "usage": {"input_tokens": 9, "output_tokens": 4}}
    row = only(whole(meter(IMAGES), sse(DRAWN), sse(drawn)))
    assert (row.tokens.output, row.completeness) == (4, Completeness.FINAL)


@pytest.mark.parametrize("place", [EMBED, EMBEDS])
def test_the_numbers_of_a_vector_are_no_output(place: Place) -> None:
    vector = {"values": [0.0123456789] * 3072}
    answer = {"embedding": vector} if place is EMBED else {"embeddings": [vector] * 10}
    m = meter(place, "application/json", body={"content": {"parts": [{"text": "hello there"}]}})
    row = only(whole(m, json.dumps(answer).encode()))
    assert (row.tokens.output, row.completeness) == (0, Completeness.ESTIMATED)
    assert row.tokens.input_uncached > 0
    told = {**answer, "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}}
    row = only(whole(meter(place, "application/json"), json.dumps(told).encode()))
    assert (row.tokens.total, row.completeness) == (3, Completeness.FINAL)


def test_usage_inside_a_choice_is_read() -> None:
    """As Moonshot tells it to whoever did not ask for it."""
    usage = {"prompt_tokens": 100_000, "completion_tokens": 2_000, "total_tokens": 102_000}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": usage}]}
    row = only(whole(meter(CHAT), sse(end), b"data: [DONE]\n\n"))
    assert (row.tokens.total, row.completeness) == (102_000, Completeness.FINAL)


METERED = [
    ("generativelanguage.mtls.googleapis.com", "gemini"),
    ("us-central1-aiplatform.mtls.googleapis.com", "gemini"),
    ("firebasevertexai.googleapis.com", "gemini"),
    ("daily-cloudcode-pa.googleapis.com", "gemini"),
    ("vpce-1-2.bedrock-runtime.us-east-1.vpce.amazonaws.com", "bedrock"),
    ("bedrock.us-east-1.amazonaws.com", "bedrock"),
    ("x.openai.azure.cn", "azure"),
    ("eu.openrouter.ai", "openrouter"),
]


@pytest.mark.parametrize(("host", "budget"), METERED)
def test_other_front_doors_of_a_provider_spend_its_budget(host: str, budget: str) -> None:
    assert provider_of(host, {}) == budget
    call = identify(host, "POST", "/anything", {}, {})
    assert call is not None and call.gated


@pytest.mark.parametrize("host", ["api.kimi.com", "q.us-east-1.amazonaws.com", "api.poe.com"])
def test_models_that_nobody_meters_are_told(host: str) -> None:
    assert provider_of(host, {}) is None and unmetered_llm_host(host, {})
