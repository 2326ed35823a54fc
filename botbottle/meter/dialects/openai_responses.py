"""OpenAI Responses (and Realtime): JSON, SSE, polled retrieval, compaction, WebSocket frames.

Streamed usage is under ``.response.usage`` of the terminal event and nowhere else:
``response.completed``, ``.incomplete``, ``.failed`` (``response.done`` in Realtime), or a
top-level ``error``. A queued or running response has ``usage: null`` and is not terminal.
``tool_usage`` counts tools that ran on other models and is not in ``usage``. ``obfuscation``
padding in deltas is never counted.
"""

from __future__ import annotations

from typing import Any

from botbottle.meter import media
from botbottle.meter.dialects.openai_usage import is_usage, output_of, to_tokens, tool_sides
from botbottle.meter.tally import Tally, as_dict, as_str

TERMINAL = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.done"}
)
RUNNING = frozenset({"queued", "in_progress"})
# Errors with which a request is turned away before any token is spent.
UNBILLED = frozenset(
    {
        "insufficient_quota",
        "rate_limit_exceeded",
        "usage_limit_reached",
        "usage_not_included",
        "invalid_prompt",
        "invalid_request_error",
        "context_length_exceeded",
        "server_is_overloaded",
        "slow_down",
    }
)


class ResponsesReader:
    """Folds Responses documents into a tally."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._drawn = False

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Fold in one document; True at a terminal event or a finished whole response."""
        kind = as_str(doc.get("type"))
        if kind.endswith(".delta"):
            self._delta(kind, doc)
            return False
        if weight := media.drawn(kind, self._drawn):
            self._drawn = True
            self.tally.showed(weight)
        if kind == "error":
            return self._error(as_dict(doc.get("error")) or doc)
        if "response" in doc:
            self._response(as_dict(doc["response"]))
            return kind in TERMINAL
        if "usage" in doc or as_str(doc.get("object")).startswith("response"):
            self._response(doc)
            return as_str(doc.get("status")) not in RUNNING
        return False

    def _response(self, response: dict[str, Any]) -> None:
        tally = self.tally
        tally.response_id = as_str(response.get("id")) or tally.response_id
        tally.model = as_str(response.get("model")) or tally.model
        usage = as_dict(response.get("usage"))
        if is_usage(usage):
            tally.tokens, tally.input_known = to_tokens(usage), True
            over = as_str(response.get("status")) not in RUNNING
            tally.complete = over and tally.told(output_of(usage))
        tally.sides = tool_sides(as_dict(response.get("tool_usage")))
        if as_str(response.get("status")) in ("failed", "cancelled"):
            self._fail(as_dict(response.get("error")), as_str(response.get("status")))

    def _delta(self, kind: str, doc: dict[str, Any]) -> None:
        text = as_str(doc.get("delta"))
        if kind.endswith("audio.delta"):
            self.tally.showed(media.sound(text))
        else:
            self.tally.wrote_any((text,), doc.get("delta"))

    def _error(self, error: dict[str, Any]) -> bool:
        self._fail(error, "error")
        return True

    def _fail(self, error: dict[str, Any], otherwise: str) -> None:
        code = as_str(error.get("code")) or as_str(error.get("type")) or otherwise
        self.tally.failed = code[:64]
        nothing = not self.tally.deltas and not self.tally.complete
        turned_away = code in UNBILLED or (otherwise == "error" and not self.tally.response_id)
        self.tally.unbilled = nothing and turned_away
