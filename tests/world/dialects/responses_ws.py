"""Responses over WebSocket: the same events as JSON text frames, many responses per socket.

``generate: false`` (a prewarm) completes with zero usage. ``response.steer`` ends the running
response as incomplete with reason ``steered``; its successor follows by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tests.world.dialects import responses
from tests.world.dialects.common import bill, error_words
from tests.world.usage import ZERO, Usage
from tests.world.wire import Bill, Call, Frame, Reply, Request, compact


def lane(request: Request, data: Mapping[str, Any]) -> str:
    """The key of a multiplexed stream on its connection."""
    return f"{request.connection}/{data.get('stream_id', '')}"


def create(call: Call) -> Reply:
    """Answer a ``response.create`` frame."""
    ident = responses.response_id(call)
    if call.data.get("generate") is False:
        frames = (_frame(call, *value) for value in _prewarm(call, ident))
        return Reply(frames=frames, stream=True, bills=[Bill(ident, call.model, ZERO)])
    frames = (_frame(call, *value) for value in _values(call, ident))
    kind, words = error_words(call, "server_error", "The server had an error")
    failed = {"code": kind, "type": kind, "message": words}
    return Reply(
        frames=frames,
        stream=True,
        bills=[bill(call, ident)],
        error_frame=Frame(error_frame(500, failed).encode(), "error"),
    )


def error_frame(status: int, error: Any) -> str:
    """How a socket says no: one JSON frame."""
    return compact({"type": "error", "status": status, "error": error, "headers": {}})


def _frame(call: Call, value: dict[str, Any], known: Usage | None, text: str) -> Frame:
    if "stream_id" in call.data:
        value = value | {"stream_id": call.data["stream_id"]}
    name = value["type"]
    terminal = responses.is_terminal(name)
    return Frame(compact(value).encode(), name, known, terminal=terminal, text=text)


def _prewarm(call: Call, ident: str) -> Iterator[tuple[dict[str, Any], Usage | None, str]]:
    created = responses.shell(call, ident, "in_progress")
    yield {"type": "response.created", "response": created, "sequence_number": 0}, None, ""
    done = responses.shell(call, ident, "completed")
    done["usage"] = responses.usage_json(replace(call, usage=ZERO), ZERO)
    yield {"type": "response.completed", "response": done, "sequence_number": 1}, ZERO, ""


def _values(call: Call, ident: str) -> Iterator[tuple[dict[str, Any], Usage | None, str]]:
    key = lane(call.request, call.data)
    for number, (value, known, text) in enumerate(responses.values(call, ident)):
        if key in call.memory.steered:
            body = responses.shell(call, ident, "incomplete")
            body |= {"incomplete_details": {"reason": "steered"}}
            body["usage"] = responses.usage_json(call, call.usage)
            event = {"type": "response.incomplete", "response": body, "sequence_number": number}
            yield event, call.usage, ""
            return
        yield value, known, text
