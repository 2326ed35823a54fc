"""What a body only names has a price; ids and addresses that cost nothing have none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botbottle.meter import read_request
from botbottle.meter.references import IMAGE_TOKENS, UNKNOWN_CONTEXT

from .helpers import call
from .places import CHAT, CLAUDE, CONVERSE, GEMINI, RESPONSES, Place

INTERACTIONS = ("generativelanguage.googleapis.com", "/v1beta/interactions")
BATCHES = ("api.anthropic.com", "/v1/messages/batches")
HTTP = "https://files.example/one"


def _said(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


def _put(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": list(parts)}]}


def _parts(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": list(parts)}]}


def _anthropic(kind: str, **source: str) -> dict[str, Any]:
    return {"type": kind, "source": source}


def _converse(kind: str) -> dict[str, Any]:
    return {kind: {"format": "x", "source": {"s3Location": {"uri": "s3://bucket/key"}}}}


FILES = [
    (CLAUDE, _said(_anthropic("document", type="file", file_id="file_1"))),
    (CLAUDE, _said(_anthropic("document", type="url", url=HTTP))),
    (CHAT, _said({"type": "file", "file": {"file_id": "file-1"}})),
    (RESPONSES, _put({"type": "input_file", "file_id": "file-1"})),
    (RESPONSES, _put({"type": "input_file", "file_url": HTTP})),
    (RESPONSES, {"prompt": {"id": "pmpt_1"}}),
    (GEMINI, _parts({"fileData": {"mimeType": "video/mp4", "fileUri": HTTP}})),
    (GEMINI, _parts({"file_data": {"file_uri": HTTP}})),
    (GEMINI, {"cachedContent": "cachedContents/abc"}),
    (GEMINI, {"request": {"cachedContent": "cachedContents/abc"}}),
    (INTERACTIONS, _put({"type": "video", "uri": HTTP})),
    (CONVERSE, _said(_converse("document"))),
    (CONVERSE, _said(_converse("video"))),
]
IMAGES = [
    (CLAUDE, _said(_anthropic("image", type="url", url=HTTP))),
    (CLAUDE, _said(_anthropic("image", type="file", file_id="file_1"))),
    (CHAT, _said({"type": "image_url", "image_url": {"url": HTTP}})),
    (RESPONSES, _put({"type": "input_image", "image_url": HTTP})),
    (RESPONSES, _put({"type": "input_image", "file_id": "file-1"})),
    (GEMINI, _parts({"fileData": {"mimeType": "image/png", "fileUri": HTTP}})),
    (CONVERSE, _said(_converse("image"))),
]
FREE = [
    (CLAUDE, _said({"type": "container_upload", "file_id": "file_1"})),
    (CLAUDE, {"mcp_servers": [{"type": "url", "url": HTTP, "name": "n"}]}),
    (CLAUDE, _said({"type": "web_search_result", "url": HTTP, "title": "t"})),
    (CLAUDE, _said({"type": "document", "source": {"type": "text", "data": HTTP}})),
    (CLAUDE, _said({"type": "tool_use", "input": {"url": HTTP, "file_id": "x"}})),
    (RESPONSES, _put({"type": "output_text", "text": "x", "annotations": [
        {"type": "file_citation", "file_id": "file-1"}, {"type": "url_citation", "url": HTTP}]})),
    (RESPONSES, _put({"type": "input_image", "image_url": "data:image/png;base64,AAAA"})),
    (GEMINI, _parts({"text": HTTP})),
    (CHAT, {"prompt": "a plain prompt"}),
]  # fmt: skip


def _estimate(place: Place, body: dict[str, Any]) -> int:
    return read_request(call(place), json.dumps(body).encode(), "", "f").input_estimate


@pytest.mark.parametrize(("place", "body"), FILES)
def test_a_file_that_is_only_named_has_the_price_of_an_unknown_conversation(
    place: Place, body: dict[str, Any]
) -> None:
    assert UNKNOWN_CONTEXT <= _estimate(place, body) < UNKNOWN_CONTEXT + 300


@pytest.mark.parametrize(("place", "body"), IMAGES)
def test_a_picture_that_is_only_named_has_the_price_of_a_picture(
    place: Place, body: dict[str, Any]
) -> None:
    assert IMAGE_TOKENS <= _estimate(place, body) < IMAGE_TOKENS + 300


@pytest.mark.parametrize(("place", "body"), FREE)
def test_what_names_nothing_that_goes_in_has_no_price(place: Place, body: dict[str, Any]) -> None:
    assert _estimate(place, body) < 300


def test_each_of_many_has_its_price_in_a_batch_too() -> None:
    params = _said(*[_anthropic("image", type="url", url=HTTP)] * 20)
    assert 20 * IMAGE_TOKENS <= _estimate(CLAUDE, params) < 20 * IMAGE_TOKENS + 2000
    batch = {"requests": [{"custom_id": at, "params": params} for at in ("a", "b")]}
    assert _estimate(BATCHES, batch) >= 40 * IMAGE_TOKENS
