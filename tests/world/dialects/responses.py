"""OpenAI Responses: JSON, SSE, background with polling, compaction, input counting.

The event values are shared with the WebSocket mode, which sends the same JSON in text frames.
Usage stands on the terminal event alone, under ``response.usage``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.world.dialects import items
from tests.world.dialects.chat import CREATED, error
from tests.world.dialects.common import (
    bill,
    error_words,
    sse,
    sse_reply,
)
from tests.world.usage import Usage
from tests.world.wire import Bill, Call, Frame, Reply, json_reply, remember

TERMINAL = {"completed": "completed", "incomplete": "incomplete", "failed": "failed"}


def usage_json(call: Call, usage: Usage) -> dict[str, Any]:
    """The ``usage`` object.

    Lifetimes here are 30 minutes and 12 hours: both stand for the long-lived class, and what
    is written without either for the short-lived one.
    """
    data: dict[str, Any] = {
        "input_tokens": usage.total_input,
        "output_tokens": usage.output,
        "total_tokens": usage.total,
    }
    if call.script.has("no_details"):
        return data
    details: dict[str, Any] = {"cached_tokens": usage.cache_read}
    if usage.cache_write:
        details["cache_write_tokens"] = usage.cache_write
        details["cache_write_tokens_details"] = {
            "ttl_30m_tokens": usage.cache_write_1h // 3,
            "ttl_12h_tokens": usage.cache_write_1h - usage.cache_write_1h // 3,
        }
    data["input_tokens_details"] = details
    data["output_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return data


def create(call: Call) -> Reply:
    """``POST /v1/responses``."""
    ident = response_id(call)
    owed = [bill(call, ident)]
    remember(call.memory.responses, ident, whole(call, ident))
    if call.streaming:
        return sse_reply(call, sse_frames(call, ident), owed, error_event(call))
    if call.data.get("background"):
        remember(call.memory.polls, ident, call.script.background_polls)
        return json_reply(shell(call, ident, "queued"), bills=owed)
    known = None if call.script.omit_usage else call.usage
    return json_reply(whole(call, ident), bills=owed, usage=known)


def response_id(call: Call) -> str:
    """The id of the response that this call makes."""
    return f"resp_{call.serial}"


def shell(call: Call, ident: str, status: str) -> dict[str, Any]:
    """A response object without output and usage."""
    body: dict[str, Any] = {
        "id": ident,
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "background": bool(call.data.get("background")),
        "error": None,
        "incomplete_details": None,
        "model": call.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": call.data.get("previous_response_id"),
        "service_tier": "default",
        "usage": None,
    }
    if call.script.has("no_model"):
        del body["model"]
    return body


def whole(call: Call, ident: str, status: str = "") -> dict[str, Any]:
    """A finished response object."""
    status = status or TERMINAL.get(call.script.terminal, "completed")
    body = shell(call, ident, status)
    body["output"] = items.output(call)
    if status == "incomplete":
        body["incomplete_details"] = {"reason": call.script.finish or "max_output_tokens"}
    if status == "failed":
        kind, words = error_words(call, "server_error", "The server had an error")
        body["error"] = {"code": kind, "message": words}
    if not call.script.omit_usage:
        body["usage"] = usage_json(call, call.usage)
    if call.script.has("tool_usage"):
        body["tool_usage"] = {"web_search": {"num_requests": 2}}
    return body


def error_event(call: Call) -> Frame:
    """The top-level ``error`` event."""
    kind, words = error_words(call, "server_error", "The server had an error")
    value = {"type": "error", "code": kind, "message": words, "param": None}
    return Frame(sse(value, "error"), "error")


def sse_frames(call: Call, ident: str) -> Iterator[Frame]:
    """The events of a stream, as frames."""
    for value, known, text in values(call, ident):
        name = value["type"]
        yield Frame(sse(value, name), name, known, terminal=is_terminal(name), text=text)


def is_terminal(name: str) -> bool:
    """Whether an event ends a response."""
    return name in {f"response.{word}" for word in TERMINAL}


def values(
    call: Call, ident: str, status: str = ""
) -> Iterator[tuple[dict[str, Any], Usage | None, str]]:
    """The events as (JSON, usage known after it, generated text), numbered in order."""
    for number, (value, known, text) in enumerate(_values(call, ident, status)):
        if call.script.has("obfuscation") and value["type"].endswith(".delta"):
            value["obfuscation"] = "x" * call.rng.randint(1, 40)
        yield value | {"sequence_number": number}, known, text


def _values(
    call: Call, ident: str, status: str
) -> Iterator[tuple[dict[str, Any], Usage | None, str]]:
    for word in ("created", "in_progress"):
        body = shell(call, ident, "in_progress")
        yield {"type": f"response.{word}", "response": body}, None, ""
    last = _remembered(call, ident, status)
    for index, item in enumerate(last["output"]):
        yield from items.events(call, item, index)
    known = None if call.script.omit_usage else call.usage
    yield {"type": f"response.{last['status']}", "response": last}, known, ""


def _remembered(call: Call, ident: str, status: str) -> dict[str, Any]:
    """The finished response; kept, so that a later GET gives the same text."""
    if status or ident not in call.memory.responses:
        remember(call.memory.responses, ident, whole(call, ident, status))
    return call.memory.responses[ident]


def retrieve(call: Call) -> Reply:
    """``GET /v1/responses/{id}``: what a background response became; polls do not bill again."""
    ident = call.request.path.rsplit("/", 1)[-1]
    stored = call.memory.responses.get(ident)
    if stored is None:
        return json_reply(error(404, f"no response {ident}"), status=404)
    if call.memory.polls.get(ident, 0) > 0:
        call.memory.polls[ident] -= 1
        return json_reply(stored | {"status": "in_progress", "output": [], "usage": None})
    owed, known = _stored_bill(stored)
    if call.request.arg("stream") == "true":
        name = f"response.{stored['status']}"
        value = {"type": name, "response": stored, "sequence_number": 0}
        frame = Frame(sse(value, name), name, known, terminal=True)
        return sse_reply(call, [frame], owed, error_event(call))
    return json_reply(stored, bills=owed, usage=known)


def _stored_bill(stored: Mapping[str, Any]) -> tuple[list[Bill], Usage | None]:
    figures = stored.get("usage")
    if figures is None:
        return [], None
    inner = figures.get("input_tokens_details") or {}
    ttl = inner.get("cache_write_tokens_details") or {}
    long = sum(ttl.values())
    usage = Usage(
        cache_read=inner.get("cached_tokens", 0),
        cache_write_5m=inner.get("cache_write_tokens", 0) - long,
        cache_write_1h=long,
        output=figures["output_tokens"],
        reasoning=(figures.get("output_tokens_details") or {}).get("reasoning_tokens", 0),
    )
    usage = usage.override({"input_uncached": figures["input_tokens"] - usage.total_input})
    return [Bill(str(stored["id"]), str(stored.get("model", "")), usage)], usage


def cancel(call: Call) -> Reply:
    """``POST /v1/responses/{id}/cancel``: billed, yet without usage."""
    ident = call.request.path.split("/")[-2]
    stored = call.memory.responses.get(ident)
    if stored is None:
        return json_reply(error(404, f"no response {ident}"), status=404)
    stored |= {"status": "cancelled", "output": [], "usage": None}
    call.memory.polls.pop(ident, None)
    return json_reply(stored)


def compaction(call: Call) -> Reply:
    """``POST /v1/responses/compact``: metered like any other response."""
    ident = response_id(call)
    item = {"type": "compaction", "id": f"cmp_{call.serial}", "encrypted_content": "Y29tcGFjdA=="}
    body = {
        "id": ident,
        "object": "response.compaction",
        "created_at": CREATED,
        "output": [item],
        "usage": usage_json(call, call.usage),
    }
    return json_reply(body, bills=[bill(call, ident)], usage=call.usage)


def input_tokens(call: Call) -> Reply:
    """``POST /v1/responses/input_tokens``: never spend."""
    count = call.usage.total_input
    return json_reply({"object": "response.input_tokens", "input_tokens": count})
