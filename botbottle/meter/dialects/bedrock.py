"""Bedrock Runtime: Converse and Invoke, plain and streamed.

Converse: ``inputTokens`` excludes cache reads and writes; ``cacheDetails`` splits the writes by
TTL; a stream tells usage in its one ``metadata`` message. Invoke carries the model's own
documents, base64 in ``chunk`` messages; for Claude that is the Messages dialect, whose last
document also has ``amazon-bedrock-invocationMetrics``. A plain Invoke answer of any model has the
counts in ``x-amzn-bedrock-*-token-count`` headers.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from botbottle.meter.dialects.anthropic import AnthropicReader
from botbottle.meter.dialects.anthropic import to_tokens as anthropic_tokens
from botbottle.meter.documents import told
from botbottle.meter.lines import WHOLE
from botbottle.meter.tally import Tally, as_dict, as_list, as_str, count, n
from botbottle.model.usage import Tokens

METRICS = "amazon-bedrock-invocationMetrics"
# Name in the metrics object -> the same thing in the Messages dialect.
_METRIC_NAMES = {
    "inputTokenCount": "input_tokens",
    "outputTokenCount": "output_tokens",
    "cacheReadInputTokenCount": "cache_read_input_tokens",
    "cacheWriteInputTokenCount": "cache_creation_input_tokens",
}
_HEADER = "x-amzn-bedrock-{}-token-count"
_HEADER_NAMES = {
    _HEADER.format("input"): "input_tokens",
    _HEADER.format("output"): "output_tokens",
    _HEADER.format("cache-read-input"): "cache_read_input_tokens",
    _HEADER.format("cache-write-input"): "cache_creation_input_tokens",
}
# Exceptions that a stream may open with, before any token is spent.
_UNBILLED = ("throttlingException", "validationException", "serviceUnavailableException")


def converse_tokens(usage: dict[str, Any]) -> Tokens:
    """Disjoint classes of one Converse usage object."""
    written = n(usage.get("cacheWriteInputTokens"))
    details = map(as_dict, as_list(usage.get("cacheDetails")))
    long = sum(n(d.get("inputTokens")) for d in details if d.get("ttl") not in (None, "5m"))
    return Tokens(
        input_uncached=n(usage.get("inputTokens")),
        cache_read=n(usage.get("cacheReadInputTokens")),
        cache_write_5m=max(0, written - long),
        cache_write_1h=long,
        output=n(usage.get("outputTokens")),
    )


def exception_in(tally: Tally, event: str) -> bool:
    """Record an exception message of the stream; True when this was one."""
    kind, _, name = event.partition(":")
    if kind not in ("exception", "error"):
        return False
    tally.failed = name[:64] or "exception"
    untouched = not tally.deltas and not tally.tokens.total
    tally.unbilled = untouched and name in _UNBILLED
    return True


class ConverseReader:
    """Folds Converse documents into a tally."""

    def __init__(self) -> None:
        self.tally = Tally()

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Fold in one document; the one with usage is terminal, and so is an exception."""
        if exception_in(self.tally, event):
            return True
        delta = as_dict(doc.get("delta"))
        known = (
            as_str(delta.get("text")),
            as_str(as_dict(delta.get("reasoningContent")).get("text")),
            as_str(as_dict(delta.get("toolUse")).get("input")),
        )
        self.tally.wrote_any(known, delta)
        usage = as_dict(doc.get("usage"))
        if count(usage.get("inputTokens")) is None:
            return False
        self.tally.tokens, self.tally.input_known = converse_tokens(usage), True
        self.tally.complete = self.tally.told(usage.get("outputTokens"))
        return True


def _at_least(tokens: Tokens, floor: Tokens) -> Tokens:
    """Tokens raised to a second account of the same response, which knows no lifetimes."""
    written = tokens.cache_write_5m + tokens.cache_write_1h
    return replace(
        tokens,
        input_uncached=max(tokens.input_uncached, floor.input_uncached),
        cache_read=max(tokens.cache_read, floor.cache_read),
        cache_write_5m=tokens.cache_write_5m + max(0, floor.cache_write_5m - written),
        output=max(tokens.output, floor.output),
    )


def _models_own(doc: dict[str, Any]) -> dict[str, Any]:
    """A document without what Bedrock puts beside the model's fields (metrics, guardrails)."""
    return {k: v for k, v in doc.items() if not k.startswith("amazon-bedrock-")}


class InvokeReader:
    """Folds Invoke documents, unwrapped from their envelope, into a tally.

    Bedrock's own counts (headers, metrics) and the model's are two accounts of one response:
    the larger one holds, class by class, because the model's document may leave classes out.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._inner = AnthropicReader()
        known = {k: headers[k] for k in _HEADER_NAMES if k in headers}
        counts = {_HEADER_NAMES[k]: int(v) for k, v in known.items() if v.isdecimal()}
        self._floor = anthropic_tokens(counts) if counts else None

    @property
    def tally(self) -> Tally:
        """The inner reader's tally."""
        return self._inner.tally

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Fold in one document; ends with the metrics, ``message_stop``, or a whole answer."""
        if exception_in(self.tally, event):
            return True
        inner = self._unwrap(doc) if "bytes" in doc else doc
        usage = as_dict(inner.get("usage")) or as_dict(as_dict(inner.get("metadata")).get("usage"))
        if count(usage.get("inputTokens")) is not None:  # Nova answers in the Converse dialect
            return self._final(converse_tokens(usage))
        if not (inner.get("type") or event == WHOLE or inner.get("is_finished") is True):
            known = as_str(inner.get("generation")), as_str(inner.get("outputText"))
            self.tally.wrote_any(known, _models_own(inner))
        terminal = self._inner.read(event, inner)
        metrics = as_dict(inner.get(METRICS))
        if metrics:
            counts = {_METRIC_NAMES[k]: v for k, v in metrics.items() if k in _METRIC_NAMES}
            self._floor = anthropic_tokens(counts)
        if self._floor is not None and (terminal or metrics or event == WHOLE):
            return self._final(_at_least(self.tally.tokens, self._floor))
        return terminal

    def _unwrap(self, doc: dict[str, Any]) -> dict[str, Any]:
        try:
            return as_dict(told(base64.b64decode(as_str(doc["bytes"]))))
        except (ValueError, binascii.Error, RecursionError):
            return {}

    def _final(self, tokens: Tokens) -> bool:
        self.tally.tokens, self.tally.input_known, self.tally.complete = tokens, True, True
        return True
