"""AWS Bedrock: invoke and converse, whole and as event streams.

Invoke carries Anthropic bodies, its last chunk adds ``amazon-bedrock-invocationMetrics``;
converse has its own disjoint usage shape in one ``metadata`` event at the end.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from tests.world.dialects import anthropic, eventstream
from tests.world.dialects.common import bill, error_words, text_of, text_pieces
from tests.world.usage import Usage
from tests.world.wire import Call, Frame, Headers, Reply, compact, json_reply

EVENT_STREAM = ("content-type", "application/vnd.amazon.eventstream")


def error(status: int, message: str) -> Any:
    """An error body."""
    return {"message": message}


def invoke(call: Call) -> Reply:
    """``POST /model/{id}/invoke``."""
    ident = f"msg_bdrk_{call.serial}"
    figures = call.usage
    headers: Headers = [
        ("x-amzn-bedrock-input-token-count", str(figures.input_uncached)),
        ("x-amzn-bedrock-output-token-count", str(figures.output)),
        ("x-amzn-bedrock-cache-read-input-token-count", str(figures.cache_read)),
        ("x-amzn-bedrock-cache-write-input-token-count", str(figures.cache_write)),
    ]
    body = anthropic.message(call, ident)
    return json_reply(body, headers=headers, bills=[bill(call, ident)], usage=figures)


def invoke_stream(call: Call) -> Reply:
    """``POST /model/{id}/invoke-with-response-stream``."""
    ident = f"msg_bdrk_{call.serial}"
    return _stream(call, ident, _invoke_frames(call, ident))


def _stream(call: Call, ident: str, frames: Iterator[Frame]) -> Reply:
    kind, words = error_words(call, "modelStreamErrorException", "The model failed")
    failed = eventstream.exception(kind, compact({"message": words}).encode())
    return Reply(
        200,
        [EVENT_STREAM],
        frames,
        True,
        bills=[bill(call, ident)],
        error_frame=Frame(failed, "exception"),
    )


def _invoke_frames(call: Call, ident: str) -> Iterator[Frame]:
    for value, known, text in anthropic.values(call, ident):
        name = value["type"]
        if name == "message_delta" and "usage" in value:
            value["usage"] = {"output_tokens": value["usage"]["output_tokens"]}
        if name == "message_stop" and not call.script.omit_usage:
            value["amazon-bedrock-invocationMetrics"] = _metrics(call.usage)
        inner = base64.b64encode(compact(value).encode()).decode()
        payload = compact({"bytes": inner, "p": "abcdefghijk"[: call.rng.randint(1, 11)]})
        data = eventstream.event("chunk", payload.encode())
        yield Frame(data, name, known, name == "message_stop", text)


def _metrics(usage: Usage) -> dict[str, int]:
    return {
        "inputTokenCount": usage.input_uncached,
        "outputTokenCount": usage.output,
        "invocationLatency": 1234,
        "firstByteLatency": 123,
        "cacheReadInputTokenCount": usage.cache_read,
        "cacheWriteInputTokenCount": usage.cache_write,
    }


def converse(call: Call) -> Reply:
    """``POST /model/{id}/converse``; the response has no id of its own."""
    content = [{"text": text_of(call)}]
    body: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": call.script.finish or "end_turn",
        "usage": usage_json(call.usage),
        "metrics": {"latencyMs": 1234},
    }
    known: Usage | None = call.usage
    if call.script.omit_usage:
        del body["usage"]
        known = None
    return json_reply(body, bills=[bill(call, f"converse_{call.serial}")], usage=known)


def usage_json(usage: Usage) -> dict[str, Any]:
    """The ``usage`` object of converse."""
    data: dict[str, Any] = {
        "inputTokens": usage.input_uncached,
        "outputTokens": usage.output,
        "totalTokens": usage.total,
        "cacheReadInputTokens": usage.cache_read,
        "cacheWriteInputTokens": usage.cache_write,
    }
    lifetimes = (("5m", usage.cache_write_5m), ("1h", usage.cache_write_1h))
    if usage.cache_write:
        data["cacheDetails"] = [{"ttl": t, "inputTokens": n} for t, n in lifetimes if n]
    return data


def converse_stream(call: Call) -> Reply:
    """``POST /model/{id}/converse-stream``."""
    return _stream(call, f"converse_{call.serial}", _converse_frames(call))


def _converse_frames(call: Call) -> Iterator[Frame]:
    yield _event("messageStart", {"role": "assistant"})
    for part in text_pieces(call):
        yield _event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": part}}, part)
    yield _event("contentBlockStop", {"contentBlockIndex": 0})
    yield _event("messageStop", {"stopReason": call.script.finish or "end_turn"})
    if not call.script.omit_usage:
        metadata = {"usage": usage_json(call.usage), "metrics": {"latencyMs": 1234}}
        data = eventstream.event("metadata", compact(metadata).encode())
        yield Frame(data, "metadata", call.usage, terminal=True)


def _event(name: str, value: dict[str, Any], text: str = "") -> Frame:
    return Frame(eventstream.event(name, compact(value).encode()), name, text=text)


def count_tokens(call: Call) -> Reply:
    """``POST /model/{id}/count-tokens``: never spend."""
    return json_reply({"inputTokens": call.usage.total_input})


def inference_profiles(call: Call) -> Reply:
    """``GET /inference-profiles``: Claude Code asks before its first call."""
    return json_reply({"inferenceProfileSummaries": []})
