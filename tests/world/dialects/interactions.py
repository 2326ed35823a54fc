"""Gemini's Interactions API: JSON and SSE; usage on the completed interaction.

Thoughts and tool use stand beside the output figure; cached tokens are inside the input figure.
Event names as in the official SDK's ``InteractionSSEEvent``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.world.dialects.common import bill, error_words, sse, sse_reply, text_of, text_pieces
from tests.world.usage import Usage
from tests.world.wire import Call, Frame, Reply, json_reply


def usage_json(usage: Usage) -> dict[str, Any]:
    """The ``usage`` object."""
    return {
        "total_input_tokens": usage.total_input,
        "total_cached_tokens": usage.cache_read,
        "total_output_tokens": usage.output - usage.reasoning,
        "total_thought_tokens": usage.reasoning,
        "total_tool_use_tokens": 0,
        "total_tokens": usage.total,
    }


def create(call: Call) -> Reply:
    """``POST …/interactions``."""
    ident = f"int_{call.serial}"
    owed = [bill(call, ident)]
    if call.streaming:
        kind, words = error_words(call, "internal", "Internal error")
        failed = {"event_type": "error", "error": {"code": kind, "message": words}}
        return sse_reply(call, _frames(call, ident), owed, Frame(sse(failed, "error"), "error"))
    known = None if call.script.omit_usage else call.usage
    return json_reply(_whole(call, ident, "completed"), bills=owed, usage=known)


def _whole(call: Call, ident: str, status: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": ident,
        "object": "interaction",
        "model": call.model,
        "status": status,
    }
    if status != "completed":
        return body
    content = [{"type": "text", "text": text_of(call)}]
    body["steps"] = [{"type": "model_output", "content": content}]
    return body if call.script.omit_usage else body | {"usage": usage_json(call.usage)}


def _frames(call: Call, ident: str) -> Iterator[Frame]:
    created = {"event_type": "interaction.created"}
    yield _frame(created | {"interaction": _whole(call, ident, "in_progress")})
    yield _frame({"event_type": "step.start", "index": 0, "step": {"type": "model_output"}})
    for part in text_pieces(call):
        delta = {"type": "text", "text": part}
        yield _frame({"event_type": "step.delta", "index": 0, "delta": delta}, text=part)
    yield _frame({"event_type": "step.stop", "index": 0})
    known = None if call.script.omit_usage else call.usage
    done = {"event_type": "interaction.completed"}
    yield _frame(done | {"interaction": _whole(call, ident, "completed")}, known, last=True)


def _frame(
    value: dict[str, Any], known: Usage | None = None, *, last: bool = False, text: str = ""
) -> Frame:
    name = value["event_type"]
    return Frame(sse(value, name), name, known, terminal=last, text=text)
