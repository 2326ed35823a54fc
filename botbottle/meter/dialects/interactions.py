"""Gemini Interactions API: JSON and SSE.

``usage`` has ``total_input_tokens`` (cached inside), ``total_output_tokens``, and thought and
tool-use tokens beside them. Streamed, it is on the interaction of the completing event.
"""

from __future__ import annotations

from typing import Any

from botbottle.meter.tally import Tally, as_dict, as_str, count, n
from botbottle.model.usage import Tokens

RUNNING = frozenset({"in_progress", "queued", "created"})


def to_tokens(usage: dict[str, Any]) -> Tokens:
    """Disjoint classes of one usage object."""
    given = n(usage.get("total_input_tokens"))
    cached = min(n(usage.get("total_cached_tokens")), given)
    tools = n(usage.get("total_tool_use_tokens"))
    thoughts = n(usage.get("total_thought_tokens"))
    said = n(usage.get("total_output_tokens")) + thoughts
    output = max(said, n(usage.get("total_tokens")) - given - tools)
    return Tokens(
        input_uncached=given - cached + tools,
        cache_read=cached,
        output=output,
        reasoning=thoughts,
    )


class InteractionsReader:
    """Folds Interactions documents into a tally."""

    def __init__(self) -> None:
        self.tally = Tally()

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Fold in one document; terminal when an interaction that no longer runs has usage."""
        kind = as_str(doc.get("event_type")) or event
        delta = as_dict(doc.get("delta"))
        known = [as_str(delta.get(name)) for name in ("text", "thought", "arguments")]
        self.tally.wrote_any(known, delta)
        if kind == "error" or "error" in doc:
            return self._error(as_dict(doc.get("error")))
        whole = as_dict(doc.get("interaction")) or (doc if "usage" in doc or "id" in doc else {})
        return self._interaction(whole)

    def _interaction(self, whole: dict[str, Any]) -> bool:
        tally = self.tally
        tally.response_id = as_str(whole.get("id")) or tally.response_id
        tally.model = as_str(whole.get("model")) or as_str(whole.get("agent")) or tally.model
        usage = as_dict(whole.get("usage"))
        if count(usage.get("total_input_tokens")) is None:
            return False
        tally.tokens, tally.input_known = to_tokens(usage), True
        tally.complete = as_str(whole.get("status")) not in RUNNING
        return tally.complete

    def _error(self, error: dict[str, Any]) -> bool:
        self.tally.failed = str(error.get("code") or "error")[:64]
        self.tally.unbilled = not self.tally.deltas and not self.tally.input_known
        return True
