"""Random exchanges across all dialects, codings, chunkings, quirks and interruptions.

``draw(random.Random(seed))`` is the same for ever; whoever tests a meter feeds it the bytes of
``offline.exchange`` (or drives a live world) and compares with the truth.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import zstandard

from tests.world.script import CODINGS

SSE_QUIRKS = ("crlf", "cr", "comments", "bom")
MEMBERS = ("multi_member",)
ALPHABET = 'abc xyz,.{}[]\\"\n\u2028漢字éü😀'


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of exchange: where it goes, what it asks, which quirks its servers have."""

    name: str
    host: str
    target: str
    body: Mapping[str, Any] = field(default_factory=dict)
    quirks: tuple[str, ...] = ()
    framing: str = "json"  # json, sse, array, lines or aws


@dataclass(frozen=True, slots=True)
class Scenario:
    """One exchange to make."""

    shape: Shape
    headers: Mapping[str, str]
    body: bytes
    behaviour: Mapping[str, Any]


ANTHROPIC = "api.anthropic.com"
OPENAI = "api.openai.com"
GOOGLE = "generativelanguage.googleapis.com"
AWS = "bedrock-runtime.us-east-1.amazonaws.com"
VERTEX = "us-east5-aiplatform.googleapis.com"
CLAUDE_ON_VERTEX = "/v1/projects/p/locations/l/publishers/anthropic/models/claude-opus-5-5"
USAGE_ASKED = {"stream": True, "stream_options": {"include_usage": True}}
MESSAGES_QUIRKS = ("iterations", "no_ttl_split", "no_details")
STREAM_QUIRKS = (*MESSAGES_QUIRKS, "many_deltas", "delta_only_output", "zero_message_start")
CHAT_QUIRKS = ("no_details", "obfuscation", "prompt_filter", "usage_every_chunk", "no_done")
GEMINI_MODEL = "/v1beta/models/gemini-2.5-flash"
BEDROCK_MODEL = "/model/us.anthropic.claude-opus-5-5"

SHAPES = (
    Shape("messages", ANTHROPIC, "/v1/messages?beta=true", {}, MESSAGES_QUIRKS),
    Shape("messages.sse", ANTHROPIC, "/v1/messages", {"stream": True}, STREAM_QUIRKS, "sse"),
    Shape("vertex", VERTEX, f"{CLAUDE_ON_VERTEX}:rawPredict", {}, MESSAGES_QUIRKS),
    Shape("vertex.sse", VERTEX, f"{CLAUDE_ON_VERTEX}:streamRawPredict", {}, STREAM_QUIRKS, "sse"),
    Shape("chat", OPENAI, "/v1/chat/completions", {}, ("no_details",)),
    Shape("chat.sse", OPENAI, "/v1/chat/completions", USAGE_ASKED, CHAT_QUIRKS, "sse"),
    Shape(
        "azure.sse",
        "r.openai.azure.com",
        "/openai/deployments/d/chat/completions?api-version=1",
        USAGE_ASKED,
        ("prompt_filter",),
        "sse",
    ),
    Shape(
        "openrouter.sse",
        "openrouter.ai",
        "/api/v1/chat/completions",
        {"stream": True},
        ("no_details",),
        "sse",
    ),
    Shape("responses", OPENAI, "/v1/responses", {}, ("no_details", "tool_usage")),
    Shape(
        "responses.sse",
        OPENAI,
        "/v1/responses",
        {"stream": True},
        ("no_details", "obfuscation", "tool_usage"),
        "sse",
    ),
    Shape("codex.sse", "chatgpt.com", "/backend-api/codex/responses", {"stream": True}, (), "sse"),
    Shape("compact", OPENAI, "/v1/responses/compact", {}, ("no_details",)),
    Shape("gemini", GOOGLE, f"{GEMINI_MODEL}:generateContent", {}, ("tool_prompt",)),
    Shape(
        "gemini.sse",
        GOOGLE,
        f"{GEMINI_MODEL}:streamGenerateContent?alt=sse",
        {},
        ("tool_prompt",),
        "sse",
    ),
    Shape(
        "gemini.array",
        GOOGLE,
        f"{GEMINI_MODEL}:streamGenerateContent",
        {},
        ("tool_prompt",),
        "array",
    ),
    Shape("interactions", GOOGLE, "/v1beta/interactions", {}, ()),
    Shape("interactions.sse", GOOGLE, "/v1beta/interactions", {"stream": True}, (), "sse"),
    Shape("invoke", AWS, f"{BEDROCK_MODEL}/invoke", {}, ()),
    Shape("invoke.stream", AWS, f"{BEDROCK_MODEL}/invoke-with-response-stream", {}, (), "aws"),
    Shape("converse", AWS, f"{BEDROCK_MODEL}/converse", {}, ()),
    Shape("converse.stream", AWS, f"{BEDROCK_MODEL}/converse-stream", {}, (), "aws"),
    Shape("ollama", "ollama.com", "/api/chat", {"stream": False}, ()),
    Shape("ollama.lines", "ollama.com", "/api/generate", {"stream": True}, (), "lines"),
)


def draw(rng: random.Random) -> Scenario:
    """A random exchange."""
    shape = rng.choice(SHAPES)
    body = json.dumps({"model": "m-1", **_content(rng), **shape.body}).encode()
    headers = {"content-type": "application/json"}
    if rng.random() < 0.2:
        body, headers["content-encoding"] = zstandard.compress(body), "zstd"
    return Scenario(shape, headers, body, _behaviour(rng, shape))


def _content(rng: random.Random) -> dict[str, Any]:
    prompt = "x" * int(10 ** rng.uniform(0, 4.5))
    turn = {"role": "user", "content": prompt, "parts": [{"text": prompt}]}
    return {"messages": [turn], "input": prompt, "contents": [turn], "prompt": prompt}


def _behaviour(rng: random.Random, shape: Shape) -> dict[str, Any]:
    plan: dict[str, Any] = {"events": rng.randint(1, 30), "merge": rng.choice((1, 1, 1, 2, 5))}
    plan["usage"] = {"output": int(10 ** rng.uniform(0, 4)), "reasoning": rng.choice((0, 1, 50))}
    plan["quirks"] = [quirk for quirk in shape.quirks if rng.random() < 0.25]
    if shape.framing == "sse":
        plan["quirks"] += [quirk for quirk in SSE_QUIRKS if rng.random() < 0.15]
    plan["split"] = rng.choice((None, None, 1, 2, 3, 7, 64, 1000))
    plan["encoding"] = rng.choice((None, *CODINGS)) if shape.framing != "aws" else "identity"
    if rng.random() < 0.2:
        plan["quirks"] += MEMBERS
    if rng.random() < 0.3:
        plan["text"] = "".join(rng.choices(ALPHABET, k=rng.randint(1, 400)))
    return plan | _interruption(rng, shape)


def _interruption(rng: random.Random, shape: Shape) -> dict[str, Any]:
    kind = rng.choice(("cut", "error", "stall", *[""] * 6))
    if not kind or shape.framing == "json":
        return {}
    after = rng.randint(0, 20)
    if kind == "cut":
        return {"cut_after": after, "cut_bytes": rng.choice((0, 1, 5, 30))}
    return {f"{kind}_after": after}
