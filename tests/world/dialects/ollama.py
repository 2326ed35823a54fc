"""Ollama's native API: NDJSON, figures on the line with ``done: true``; the prompt count includes
what came from the cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.world.dialects.common import bill, text_of, text_pieces
from tests.world.usage import Usage
from tests.world.wire import Call, Frame, Reply, compact, json_reply

CREATED = "2026-11-22T12:00:00Z"


def error(status: int, message: str) -> Any:
    """An error body."""
    return {"error": message}


def chat(call: Call) -> Reply:
    """``POST /api/chat`` and ``/api/generate``; they stream unless told not to."""
    owed = [bill(call, f"ollama_{call.serial}")]
    if call.data.get("stream") is False:
        known = None if call.script.omit_usage else call.usage
        return json_reply(_last(call, text_of(call)), bills=owed, usage=known)
    failed = Frame(b'{"error":"model runner has unexpectedly stopped"}\n', "error")
    headers = [("content-type", "application/x-ndjson")]
    return Reply(200, headers, _lines(call), True, bills=owed, error_frame=failed)


def _lines(call: Call) -> Iterator[Frame]:
    for text in text_pieces(call):
        yield Frame(_line(_part(call, text) | {"done": False}), "line", text=text)
    known = None if call.script.omit_usage else call.usage
    yield Frame(_line(_last(call, "")), "done", known, terminal=True)


def _line(value: dict[str, Any]) -> bytes:
    text = compact(value)
    for char in "<>&\u2028\u2029":  # as Go's encoder escapes them
        text = text.replace(char, f"\\u{ord(char):04x}")
    return (text + "\n").encode()


def _part(call: Call, text: str) -> dict[str, Any]:
    head: dict[str, Any] = {"model": call.model, "created_at": CREATED}
    if call.request.path.endswith("/generate"):
        return head | {"response": text}
    return head | {"message": {"role": "assistant", "content": text}}


def _last(call: Call, text: str) -> dict[str, Any]:
    body = _part(call, text) | {"done": True, "done_reason": call.script.finish or "stop"}
    return body if call.script.omit_usage else body | _figures(call, call.usage)


def _figures(call: Call, usage: Usage) -> dict[str, int]:
    figures = {"total_duration": 5_000_000, "eval_count": usage.output, "eval_duration": 4_000_000}
    if not call.script.has("no_prompt_count"):
        figures |= {"prompt_eval_count": usage.total_input, "prompt_eval_duration": 1_000_000}
        if usage.cache_read:
            figures["prompt_eval_cached_count"] = usage.cache_read
    return figures
