"""A metered host, an unknown path: take any usage that can be recognised, and say it is a guess."""

from __future__ import annotations

from typing import Any

from botbottle.meter.dialects import anthropic, bedrock, gemini, interactions, openai_usage
from botbottle.meter.tally import Tally, as_dict, as_str, n
from botbottle.meter.weights import weigh
from botbottle.model.usage import Tokens

_HOLDERS = ("usage", "usageMetadata")
_NESTS = ("response", "message", "interaction", "metadata")


def recognise(usage: dict[str, Any]) -> Tokens | None:
    """Tokens of a usage object of any known shape, or None."""
    if "promptTokenCount" in usage or "candidatesTokenCount" in usage:
        return gemini.to_tokens(usage)
    if "totalTokenCount" in usage:  # the making of a cache: all of it is input
        return Tokens(input_uncached=n(usage["totalTokenCount"]))
    if "inputTokens" in usage:
        return bedrock.converse_tokens(usage)
    if "total_input_tokens" in usage:
        return interactions.to_tokens(usage)
    if "cache_read_input_tokens" in usage or "cache_creation_input_tokens" in usage:
        return anthropic.to_tokens(usage)
    return openai_usage.to_tokens(usage) if openai_usage.is_usage(usage) else None


def _usages(doc: dict[str, Any]) -> list[dict[str, Any]]:
    nests = [doc, *(as_dict(doc.get(name)) for name in _NESTS)]
    return [as_dict(nest.get(name)) for nest in nests for name in _HOLDERS]


class UnknownReader:
    """Keeps the largest usage seen; never terminal, so the row is written at the end."""

    def __init__(self) -> None:
        self.tally = Tally()

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Fold in one document."""
        tally = self.tally
        tally.response_id = as_str(doc.get("id")) or tally.response_id
        tally.model = as_str(doc.get("model")) or tally.model
        tally.deltas += 1
        text = as_str(doc.get("delta")) or as_str(doc.get("text"))
        tally.weight += weigh(text, tally.table)
        largest(tally, doc)
        return False


def largest(tally: Tally, doc: dict[str, Any]) -> None:
    """Keep the largest usage that a document shows."""
    for usage in _usages(doc):
        tokens = recognise(usage) if usage else None
        if tokens is not None and tokens.total >= tally.tokens.total:
            tally.tokens, tally.input_known = tokens, tokens.total_input > 0
