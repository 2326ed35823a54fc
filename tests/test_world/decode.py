"""Decoders written against the specifications, sharing nothing with the world's encoders."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from typing import Any


def sse(body: str) -> list[tuple[str, str]]:
    """(event, data) pairs, after the WHATWG rules: any line ending, comments, joined data lines."""
    found = []
    for block in re.split(r"(?:\r\n|\n|\r){2}", body.removeprefix("\ufeff")):
        fields: dict[str, list[str]] = {}
        for line in re.split(r"\r\n|\n|\r", block):
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
        if "data" in fields:
            found.append((fields.get("event", ["message"])[-1], "\n".join(fields["data"])))
    return found


def sse_json(body: str) -> list[dict[str, Any]]:
    """The data of all events but ``[DONE]``, as JSON."""
    return [json.loads(data) for _, data in sse(body) if data != "[DONE]"]


def event_stream(body: bytes) -> list[tuple[dict[str, str], Any]]:
    """(headers, JSON payload) of AWS event-stream messages; checks both CRCs."""
    found = []
    while body:
        size, head_size, crc = struct.unpack(">III", body[:12])
        assert crc == zlib.crc32(body[:8])
        message, body = body[:size], body[size:]
        assert struct.unpack(">I", message[-4:])[0] == zlib.crc32(message[:-4])
        head, payload = message[12 : 12 + head_size], message[12 + head_size : -4]
        found.append((_headers(head), json.loads(payload)))
    return found


def _headers(raw: bytes) -> dict[str, str]:
    found = {}
    while raw:
        size = raw[0]
        name, kind = raw[1 : 1 + size].decode(), raw[1 + size]
        assert kind == 7
        (length,) = struct.unpack(">H", raw[2 + size : 4 + size])
        found[name] = raw[4 + size : 4 + size + length].decode()
        raw = raw[4 + size + length :]
    return found


def invoke_chunks(body: bytes) -> list[dict[str, Any]]:
    """The Anthropic events inside a Bedrock invoke stream."""
    return [
        json.loads(base64.b64decode(payload["bytes"]))
        for headers, payload in event_stream(body)
        if headers[":event-type"] == "chunk"
    ]


def tokens(**classes: int) -> dict[str, int]:
    """All classes, those not named being 0."""
    names = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h")
    return dict.fromkeys((*names, "output", "reasoning"), 0) | classes


FULL = tokens(
    input_uncached=100, cache_read=30, cache_write_5m=7, cache_write_1h=5, output=240, reasoning=40
)


def messages_usage(events: list[dict[str, Any]]) -> dict[str, int]:
    """What the Messages documents say a reader must conclude from a stream's events."""
    start = next(e for e in events if e["type"] == "message_start")["message"]["usage"]
    merged = dict(start)
    for event in events:
        if event["type"] == "message_delta":
            merged |= {k: v for k, v in event["usage"].items() if v is not None}
    return from_messages(merged)


def from_messages(usage: dict[str, Any]) -> dict[str, int]:
    """A Messages ``usage`` object in disjoint classes."""
    split = usage.get("cache_creation") or {}
    written = usage.get("cache_creation_input_tokens", 0)
    long = split.get("ephemeral_1h_input_tokens", 0)
    extra = [i for i in usage.get("iterations") or [] if i["type"] == "compaction"]
    return tokens(
        input_uncached=usage["input_tokens"] + sum(i["input_tokens"] for i in extra),
        cache_read=usage.get("cache_read_input_tokens", 0),
        cache_write_5m=written - long,
        cache_write_1h=long,
        output=usage["output_tokens"] + sum(i["output_tokens"] for i in extra),
        reasoning=(usage.get("output_tokens_details") or {}).get("thinking_tokens", 0),
    )


def from_chat(usage: dict[str, Any]) -> dict[str, int]:
    """A Chat ``usage`` object in disjoint classes; lifetimes are unknown, so short."""
    details = usage.get("prompt_tokens_details") or {}
    read, written = details.get("cached_tokens", 0), details.get("cache_write_tokens", 0)
    done = usage.get("completion_tokens_details") or {}
    return tokens(
        input_uncached=usage["prompt_tokens"] - read - written,
        cache_read=read,
        cache_write_5m=written,
        output=usage["completion_tokens"],
        reasoning=done.get("reasoning_tokens", 0),
    )


def from_responses(usage: dict[str, Any]) -> dict[str, int]:
    """A Responses ``usage`` object in disjoint classes."""
    details = usage.get("input_tokens_details") or {}
    read, written = details.get("cached_tokens", 0), details.get("cache_write_tokens", 0)
    long = sum((details.get("cache_write_tokens_details") or {}).values())
    done = usage.get("output_tokens_details") or {}
    return tokens(
        input_uncached=usage["input_tokens"] - read - written,
        cache_read=read,
        cache_write_5m=written - long,
        cache_write_1h=long,
        output=usage["output_tokens"],
        reasoning=done.get("reasoning_tokens", 0),
    )


def from_gemini(usage: dict[str, Any]) -> dict[str, int]:
    """A ``usageMetadata`` in disjoint classes."""
    read = usage.get("cachedContentTokenCount", 0)
    thoughts = usage.get("thoughtsTokenCount", 0)
    prompt = usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
    return tokens(
        input_uncached=prompt - read,
        cache_read=read,
        output=usage.get("candidatesTokenCount", 0) + thoughts,
        reasoning=thoughts,
    )


def from_interactions(usage: dict[str, Any]) -> dict[str, int]:
    """A Gemini Interactions ``usage`` in disjoint classes."""
    read, thoughts = usage["total_cached_tokens"], usage["total_thought_tokens"]
    return tokens(
        input_uncached=usage["total_input_tokens"] - read + usage["total_tool_use_tokens"],
        cache_read=read,
        output=usage["total_output_tokens"] + thoughts,
        reasoning=thoughts,
    )


def from_converse(usage: dict[str, Any]) -> dict[str, int]:
    """A Bedrock Converse ``usage`` in disjoint classes."""
    ttl = {item["ttl"]: item["inputTokens"] for item in usage.get("cacheDetails") or []}
    return tokens(
        input_uncached=usage["inputTokens"],
        cache_read=usage.get("cacheReadInputTokens", 0),
        cache_write_5m=ttl.get("5m", 0),
        cache_write_1h=ttl.get("1h", 0),
        output=usage["outputTokens"],
    )
