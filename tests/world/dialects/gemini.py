"""Google Gemini: JSON, ``alt=sse`` and the stream that is one JSON array.

Cached tokens are part of the prompt; thoughts are not part of the candidates. Every chunk
carries cumulative figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.world.dialects.common import (
    Tool,
    bill,
    dicts,
    error_words,
    sse,
    sse_reply,
    text_of,
    text_pieces,
    tool_of,
)
from tests.world.usage import Usage
from tests.world.wire import Call, Frame, Reply, compact, json_reply


def error(status: int, message: str) -> Any:
    """An error body."""
    words = {429: "RESOURCE_EXHAUSTED", 403: "PERMISSION_DENIED"}
    return {"error": {"code": status, "message": message, "status": words.get(status, "UNKNOWN")}}


def usage_json(call: Call, usage: Usage) -> dict[str, Any]:
    """``usageMetadata``; zero fields are left out, as the service does."""
    tool = usage.input_uncached // 4 if call.script.has("tool_prompt") else 0
    data = {
        "promptTokenCount": usage.total_input - tool,
        "candidatesTokenCount": usage.output - usage.reasoning,
        "thoughtsTokenCount": usage.reasoning,
        "cachedContentTokenCount": usage.cache_read,
        "toolUsePromptTokenCount": tool,
        "totalTokenCount": usage.total,
    }
    kept = ("promptTokenCount", "totalTokenCount")
    return {key: value for key, value in data.items() if value or key in kept}


def generate(call: Call) -> Reply:
    """``POST …:generateContent``."""
    ident = f"gem-{call.serial}"
    body = _chunk(call, ident, text_of(call), last=True)
    known = None if call.script.omit_usage else call.usage
    if known is not None:
        body["usageMetadata"] = usage_json(call, known)
    return json_reply(_wrap(call, body), bills=[bill(call, ident)], usage=known)


def stream(call: Call) -> Reply:
    """``POST …:streamGenerateContent``."""
    ident = f"gem-{call.serial}"
    owed = [bill(call, ident)]
    chunks = _chunks(call, ident)
    if call.request.arg("alt") == "sse":
        frames = (Frame(sse(v), n, u, n == "last", t) for v, n, u, t in chunks)
        return sse_reply(call, frames, owed, Frame(sse(_error_value(call)), "error"))
    headers = [("content-type", "application/json; charset=UTF-8")]
    tail = Frame(f",\r\n{compact(_error_value(call))}\n]".encode(), "error")
    return Reply(200, headers, _array(chunks), True, bills=owed, error_frame=tail)


def _error_value(call: Call) -> Any:
    kind, words = error_words(call, "INTERNAL", "Internal error")
    return {"error": {"code": 500, "message": words, "status": kind}}


type Chunk = tuple[dict[str, Any], str, Usage | None, str]


def _chunks(call: Call, ident: str) -> Iterator[Chunk]:
    texts = text_pieces(call)
    for index, text in enumerate(texts):
        last = index == len(texts) - 1
        body = _chunk(call, ident, text, last=last)
        known: Usage | None = None
        if not call.script.omit_usage:
            known = call.usage if last else _grown(call, index + 1, len(texts))
            body["usageMetadata"] = usage_json(call, known)
        yield _wrap(call, body), "last" if last else "chunk", known, text


def _grown(call: Call, done: int, count: int) -> Usage:
    thoughts = call.usage.reasoning
    output = thoughts + (call.usage.output - thoughts) * done // count
    return call.usage.override({"output": output, "reasoning": thoughts})


def _chunk(call: Call, ident: str, text: str, *, last: bool) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": text}]
    if last and (tool := _tool(call)):
        parts.append({"functionCall": {"name": tool.name, "args": tool.given}})
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if last:
        candidate["finishReason"] = call.script.finish or "STOP"
    body = {"candidates": [candidate], "modelVersion": call.model, "responseId": ident}
    for quirk, key in (("no_response_id", "responseId"), ("no_model", "modelVersion")):
        if call.script.has(quirk):
            del body[key]
    return body


def _tool(call: Call) -> Tool | None:
    contents = dicts(call.data.get("contents"))
    parts = [part for turn in contents for part in dicts(turn.get("parts"))]
    if any("functionResponse" in part for part in parts):
        return None
    groups = [tool.get("functionDeclarations") for tool in dicts(call.data.get("tools"))]
    offered = [str(tool.get("name")) for group in groups for tool in dicts(group)]
    return tool_of(call, offered)


def _wrap(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    return {"response": body} if "v1internal" in call.request.path else body


def _array(chunks: Iterator[Chunk]) -> Iterator[Frame]:
    lead = "["
    for value, name, known, text in chunks:
        last = name == "last"
        data = f"{lead}{compact(value)}{chr(10) + ']' if last else ''}"
        yield Frame(data.encode(), name, known, last, text)
        lead = "\n,\r\n"


def count_tokens(call: Call) -> Reply:
    """``POST …:countTokens``: never spend."""
    return json_reply({"totalTokens": call.usage.total_input})
