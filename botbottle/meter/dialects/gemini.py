"""Gemini API and Gemini on Vertex: JSON, ``alt=sse``, and the JSON-array stream.

``usageMetadata`` is cumulative in every chunk (the last one counts, never the sum). Some models
give a reason to stop in every chunk: a stream is over at the end of its body alone.
``cachedContentTokenCount`` is inside ``promptTokenCount``; ``thoughtsTokenCount`` and
``toolUsePromptTokenCount`` are beside the others: total = prompt + candidates + tool use +
thoughts. Code Assist wraps each chunk in ``{"response": ...}``.
"""

from __future__ import annotations

from typing import Any

from botbottle.meter import media
from botbottle.meter.lines import WHOLE
from botbottle.meter.tally import Tally, as_dict, as_list, as_str, count, n
from botbottle.model.usage import Tokens

_OUTPUT = ("candidatesTokenCount", "responseTokenCount", "thoughtsTokenCount")


def to_tokens(usage: dict[str, Any]) -> Tokens:
    """Disjoint classes of one ``usageMetadata``; the total, if larger, adds to the output."""
    prompt = n(usage.get("promptTokenCount"))
    cached = min(n(usage.get("cachedContentTokenCount")), prompt)
    tools = n(usage.get("toolUsePromptTokenCount"))
    thoughts = n(usage.get("thoughtsTokenCount"))
    said = n(usage.get("candidatesTokenCount")) or n(usage.get("responseTokenCount"))
    output = max(said + thoughts, n(usage.get("totalTokenCount")) - prompt - tools)
    return Tokens(
        input_uncached=prompt - cached + tools,
        cache_read=cached,
        output=output,
        reasoning=thoughts,
    )


def _is_odd(usage: dict[str, Any]) -> bool:
    """Whether a figure for output is no count. One that is left out is zero (proto3's JSON)."""
    return any(name in usage and count(usage[name]) is None for name in _OUTPUT)


class GeminiReader:
    """Folds Gemini chunks into a tally. ``choices`` is the number of candidates asked for."""

    def __init__(self, choices: int = 1) -> None:
        self.tally = Tally()
        self._choices = max(1, choices)
        self._finished: set[int] = set()
        self._odd = False

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Fold in one chunk; a whole answer is terminal when its candidates have finished and
        usage is known."""
        chunk = as_dict(doc.get("response")) or doc
        tally = self.tally
        tally.response_id = as_str(chunk.get("responseId")) or tally.response_id
        tally.model = as_str(chunk.get("modelVersion")) or tally.model
        for candidate in map(as_dict, as_list(chunk.get("candidates"))):
            self._candidate(candidate)
        usage = as_dict(chunk.get("usageMetadata"))
        if count(usage.get("promptTokenCount")) is not None:
            tally.counted(to_tokens(usage))
            tally.input_known, self._odd = True, _is_odd(usage)
        self._failure(as_dict(chunk.get("error")))
        done = self._done(chunk)
        ended = tally.input_known and tally.all_counted and not self._odd
        tally.complete = ended and (done or bool(self._finished))
        return ended and done and event == WHOLE

    def _done(self, chunk: dict[str, Any]) -> bool:
        blocked = bool(as_dict(chunk.get("promptFeedback")).get("blockReason"))
        embedded = "embedding" in chunk or "embeddings" in chunk
        return blocked or embedded or len(self._finished) >= self._choices

    def _candidate(self, candidate: dict[str, Any]) -> None:
        for part in map(as_dict, as_list(as_dict(candidate.get("content")).get("parts"))):
            call = as_dict(part.get("functionCall"))
            known = as_str(part.get("text")), str(call) if call else ""
            self.tally.wrote_any(known, part)
            self.tally.showed(media.inline(part))
        if candidate.get("finishReason"):
            self._finished.add(n(candidate.get("index")))

    def _failure(self, error: dict[str, Any]) -> None:
        if error:
            self.tally.failed = as_str(error.get("status"))[:64] or "error"
            self.tally.unbilled = not self.tally.input_known and not self.tally.deltas
