"""Anthropic Messages: JSON, SSE, token counting and batches.

Shapes as in the official SDK's types (``Message``, ``RawMessageStreamEvent``, ``BetaUsage``).
Cache classes are disjoint from ``input_tokens``; ``message_delta.usage`` is cumulative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.world.dialects.common import (
    Tool,
    bill,
    dicts,
    error_words,
    pieces,
    sse,
    sse_reply,
    text_of,
    text_pieces,
    thinking_of,
    tool_of,
)
from tests.world.usage import Usage
from tests.world.wire import Call, Frame, Reply, compact, json_reply

PLACEHOLDER = 3  # output tokens that message_start claims
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def error(status: int, message: str) -> Any:
    """An error body."""
    kind = ERROR_TYPES.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def usage_json(call: Call, usage: Usage) -> dict[str, Any]:
    """The ``usage`` object of a whole message."""
    data: dict[str, Any] = {
        "input_tokens": usage.input_uncached,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output,
        "service_tier": "standard",
    }
    if not call.script.has("no_ttl_split"):
        data["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    if usage.reasoning and not call.script.has("no_details"):
        data["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if call.script.has("iterations"):
        data |= _iterations(usage)
    return data


def compacted(usage: Usage) -> Usage:
    """The part of a usage that compaction took when the quirk ``iterations`` is on."""
    return Usage(input_uncached=usage.input_uncached // 2, output=usage.output // 4)


def _iterations(usage: Usage) -> dict[str, Any]:
    """Compaction tokens are not in the top-level figures, only in ``iterations``."""
    inner = compacted(usage)
    own = {
        "input_tokens": usage.input_uncached - inner.input_uncached,
        "output_tokens": usage.output - inner.output,
    }
    compaction = {"input_tokens": inner.input_uncached, "output_tokens": inner.output}
    steps = [{"type": "compaction", **compaction}, {"type": "message", **own}]
    return own | {"iterations": steps}


def messages(call: Call) -> Reply:
    """``POST /v1/messages``."""
    ident = "" if call.script.has("no_response_id") else f"msg_{call.serial}"
    owed = [bill(call, ident or f"anonymous_{call.serial}")]
    if call.streaming:
        return sse_reply(call, events(call, ident), owed, error_event(call))
    return json_reply(message(call, ident), bills=owed, usage=call.usage)


def message(call: Call, ident: str) -> dict[str, Any]:
    """A whole message."""
    body = _shell(call, ident)
    body["content"] = _content(call)
    body["stop_reason"] = _stop_reason(call)
    if call.script.omit_usage:
        del body["usage"]
    return body


def _shell(call: Call, ident: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": ident,
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage_json(call, call.usage),
    }
    for quirk, key in (("no_response_id", "id"), ("no_model", "model")):
        if call.script.has(quirk):
            del body[key]
    return body


def _content(call: Call) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if thinking := thinking_of(call):
        blocks.append({"type": "thinking", "thinking": thinking, "signature": "c2ln"})
    blocks.append({"type": "text", "text": text_of(call)})
    if tool := _tool(call):
        blocks.append(_tool_block(call, tool.name, tool.given))
    return blocks


def _tool_block(call: Call, name: str, given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{call.serial}", "name": name, "input": given}


def _tool(call: Call) -> Tool | None:
    if _answered(call.data):
        return None
    return tool_of(call, (str(tool.get("name")) for tool in dicts(call.data.get("tools"))))


def _answered(data: Mapping[str, Any]) -> bool:
    """Whether the conversation already carries a tool's result."""
    turns = dicts(data.get("messages"))
    blocks = [block for turn in turns for block in dicts(turn.get("content"))]
    return any(block.get("type") == "tool_result" for block in blocks)


def _stop_reason(call: Call) -> str:
    return call.script.finish or ("tool_use" if _tool(call) else "end_turn")


def error_event(call: Call) -> Frame:
    """``event: error`` in the middle of a stream."""
    kind, words = error_words(call, "overloaded_error", "Overloaded")
    value = {"type": "error", "error": {"type": kind, "message": words}}
    return Frame(sse(value, "error"), "error")


def events(call: Call, ident: str) -> Iterator[Frame]:
    """The events of a stream, as frames."""
    for value, known, text in values(call, ident):
        name = value["type"]
        yield Frame(sse(value, name), name, known, terminal=name == "message_stop", text=text)


def values(call: Call, ident: str) -> Iterator[tuple[dict[str, Any], Usage | None, str]]:
    """The events as (JSON, usage known after it, generated text); Bedrock frames the same ones."""
    yield _start(call, ident)
    yield {"type": "ping"}, None, ""
    index = 0
    if thinking := thinking_of(call):
        yield from _thinking(thinking, index)
        index += 1
    yield from _text(call, index)
    if tool := _tool(call):
        yield from _tool_events(call, tool, index + 1)
    yield from _deltas(call)
    yield {"type": "message_stop"}, None if call.script.omit_usage else call.usage, ""


def _start(call: Call, ident: str) -> tuple[dict[str, Any], Usage | None, str]:
    shell = _shell(call, ident)
    shell["usage"].pop("iterations", None)
    shell["usage"].pop("output_tokens_details", None)
    shell["usage"]["output_tokens"] = PLACEHOLDER
    known: Usage | None = _known_at_start(call)
    if call.script.has("zero_message_start"):
        shell["usage"] = {"input_tokens": 0, "output_tokens": 0}
        known = None
    if call.script.omit_usage:
        del shell["usage"]
        known = None
    return {"type": "message_start", "message": shell}, known, ""


def _known_at_start(call: Call) -> Usage:
    usage = call.usage.input_only(PLACEHOLDER)
    if not call.script.has("iterations"):
        return usage
    own = usage.input_uncached - compacted(usage).input_uncached
    return usage.override({"input_uncached": own})


def _thinking(text: str, index: int) -> Iterator[tuple[dict[str, Any], None, str]]:
    block = {"type": "thinking", "thinking": "", "signature": ""}
    yield {"type": "content_block_start", "index": index, "content_block": block}, None, ""
    for part in pieces(text, 3):
        delta = {"type": "thinking_delta", "thinking": part, "estimated_tokens": len(part) // 4}
        yield {"type": "content_block_delta", "index": index, "delta": delta}, None, part
    signed = {"type": "signature_delta", "signature": "c2ln"}
    yield {"type": "content_block_delta", "index": index, "delta": signed}, None, ""
    yield {"type": "content_block_stop", "index": index}, None, ""


def _text(call: Call, index: int) -> Iterator[tuple[dict[str, Any], None, str]]:
    block = {"type": "text", "text": ""}
    yield {"type": "content_block_start", "index": index, "content_block": block}, None, ""
    for part in text_pieces(call):
        delta = {"type": "text_delta", "text": part}
        yield {"type": "content_block_delta", "index": index, "delta": delta}, None, part
    yield {"type": "content_block_stop", "index": index}, None, ""


def _tool_events(call: Call, tool: Tool, index: int) -> Iterator[tuple[dict[str, Any], None, str]]:
    block = _tool_block(call, tool.name, {})
    yield {"type": "content_block_start", "index": index, "content_block": block}, None, ""
    for part in pieces(compact(tool.given), 3):
        delta = {"type": "input_json_delta", "partial_json": part}
        yield {"type": "content_block_delta", "index": index, "delta": delta}, None, ""
    yield {"type": "content_block_stop", "index": index}, None, ""


def _deltas(call: Call) -> Iterator[tuple[dict[str, Any], Usage | None, str]]:
    if call.script.has("many_deltas"):
        for part in (4, 2):
            early = call.usage.input_only(max(PLACEHOLDER, call.usage.output // part))
            yield _delta(call, early, None), early, ""
    known = None if call.script.omit_usage else call.usage
    yield _delta(call, call.usage, _stop_reason(call)), known, ""


def _delta(call: Call, usage: Usage, stop: str | None) -> dict[str, Any]:
    figures = usage_json(call, usage)
    figures.pop("service_tier")
    figures.pop("cache_creation", None)
    if _delta_is_bare(call):
        figures = {k: v for k, v in figures.items() if k in ("output_tokens", "iterations")}
    event: dict[str, Any] = {
        "type": "message_delta",
        "delta": {"stop_reason": stop, "stop_sequence": None},
        "usage": figures,
    }
    if call.script.omit_usage:
        del event["usage"]
    return event


def _delta_is_bare(call: Call) -> bool:
    """Somewhere the input must be told: not in message_start means in message_delta."""
    return call.script.has("delta_only_output") and not call.script.has("zero_message_start")


def count_tokens(call: Call) -> Reply:
    """``POST /v1/messages/count_tokens``: never spend."""
    return json_reply({"input_tokens": call.usage.total_input})
