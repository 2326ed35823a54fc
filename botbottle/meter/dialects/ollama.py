"""Ollama's native API: NDJSON, or one document with ``stream: false``.

Only the line with ``done: true`` has counts. ``prompt_eval_count`` includes cached tokens
(``prompt_eval_cached_count`` says how many); older servers leave it out on a full cache hit.
Ollama gives no response id.
"""

from __future__ import annotations

from typing import Any

from botbottle.meter.tally import Tally, as_dict, as_list, as_str, count, n
from botbottle.model.usage import Tokens


class OllamaReader:
    """Folds Ollama lines into a tally."""

    def __init__(self) -> None:
        self.tally = Tally()

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Fold in one line; the one with ``done: true`` (or an embedding's answer) is terminal."""
        tally = self.tally
        tally.model = as_str(doc.get("model")) or tally.model
        message = as_dict(doc.get("message"))
        calls = "".join(str(call) for call in as_list(message.get("tool_calls")))
        tally.wrote(
            as_str(doc.get("response")), as_str(doc.get("thinking")),
            as_str(message.get("content")), as_str(message.get("thinking")), calls,
        )  # fmt: skip
        if "error" in doc:
            tally.failed, tally.unbilled = "error", not tally.deltas
            return True
        if doc.get("done") is not True and ("done" in doc or "prompt_eval_count" not in doc):
            return False
        self._counts(doc)
        return tally.complete

    def _counts(self, doc: dict[str, Any]) -> None:
        prompt = count(doc.get("prompt_eval_count"))
        given = prompt or 0
        cached = min(n(doc.get("prompt_eval_cached_count")), given)
        self.tally.tokens = Tokens(
            input_uncached=given - cached, cache_read=cached, output=n(doc.get("eval_count"))
        )
        # Without a prompt count the answer is over but its input is only estimated.
        self.tally.input_known = prompt is not None
        self.tally.complete = prompt is not None and self.tally.told(doc.get("eval_count"))
