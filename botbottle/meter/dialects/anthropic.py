"""Anthropic Messages: JSON, SSE, and the same documents inside Bedrock and Vertex.

``input_tokens`` excludes cache reads and writes; ``output_tokens`` includes thinking. A stream
opens with ``message_start`` (exact input, placeholder output); each ``message_delta`` carries
cumulative numbers and may repeat any subset of them; ``message_stop`` ends it. Compatible servers
send zeros first and the real input in ``message_delta``, so input classes are merged by maximum
and output by last value.

``usage.iterations``: ``compaction`` entries are not in the top-level numbers and are added;
``advisor_message`` entries are not either and ran on another model, so they become rows of their
own; ``message`` and ``fallback_message`` entries are what the top level sums up (a fallback
names the model that served). Source: types of the official SDK and the advisor tool's page.
"""

from __future__ import annotations

from typing import Any

from botbottle.meter.tally import Side, Tally, as_dict, as_list, as_str, count, n
from botbottle.model.usage import Tokens

_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_TTL = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")


def to_tokens(usage: dict[str, Any]) -> Tokens:
    """Disjoint classes of one usage object (or of one iteration)."""
    created = as_dict(usage.get("cache_creation"))
    written = n(usage.get("cache_creation_input_tokens"))
    short, long = (n(created.get(name)) for name in _TTL)
    output = n(usage.get("output_tokens"))
    details = as_dict(usage.get("output_tokens_details"))
    return Tokens(
        input_uncached=n(usage.get("input_tokens")),
        cache_read=n(usage.get("cache_read_input_tokens")),
        cache_write_5m=max(short, written - long),  # without a breakdown: the default TTL
        cache_write_1h=long,
        output=output,
        reasoning=min(output, n(details.get("thinking_tokens"))),
    )


def _merge_max(into: dict[str, Any], new: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        value = count(new.get(name))
        if value is not None:
            into[name] = max(n(into.get(name)), value)


class AnthropicReader:
    """Folds Messages documents into a tally."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._usage: dict[str, Any] = {}
        self._counted = 0  # pieces of output when the provider last told how much there is

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Fold in one document; ``message_stop``, ``error`` and a whole message are terminal."""
        match doc.get("type"):
            case "content_block_delta":
                self._delta(as_dict(doc.get("delta")))
            case "completion":  # the older text completions
                self.tally.wrote(as_str(doc.get("completion")))
            case "message_start":
                self._message(as_dict(doc.get("message")))
            case "message_delta":
                usage = as_dict(doc.get("usage"))
                self.merge(usage)
                if count(usage.get("output_tokens")) is not None:
                    self._counted = self.tally.deltas
                stopped = as_dict(doc.get("delta")).get("stop_reason") is not None
                self.tally.complete = stopped and self._all_counted
            case "message_stop":
                self.tally.complete = bool(self._usage) and self._all_counted
                return bool(self._usage)
            case "message":
                self._message(doc)
                self.tally.complete = bool(self._usage)
                return self.tally.complete
            case "error":
                self._error(as_dict(doc.get("error")))
                return True
        return False

    @property
    def _all_counted(self) -> bool:
        """Whether no output has come since: the number that a stream opens with stands for none."""
        return self._counted == self.tally.deltas

    def merge(self, usage: dict[str, Any]) -> None:
        """Fold one usage object in: input by maximum, output by last value."""
        if not usage:
            return
        _merge_max(self._usage, usage, _INPUT)
        created = as_dict(usage.get("cache_creation"))
        _merge_max(self._usage.setdefault("cache_creation", {}), created, _TTL)
        if (output := count(usage.get("output_tokens"))) is not None:
            self._usage["output_tokens"] = output
        for name in ("output_tokens_details", "iterations"):
            if usage.get(name) is not None:
                self._usage[name] = usage[name]
        self._settle()

    def _message(self, message: dict[str, Any]) -> None:
        self.tally.response_id = as_str(message.get("id"))
        self.tally.model = as_str(message.get("model"))
        self.merge(as_dict(message.get("usage")))

    def _settle(self) -> None:
        tokens, self.tally.sides = to_tokens(self._usage), []
        for at, iteration in enumerate(map(as_dict, as_list(self._usage.get("iterations")))):
            model = as_str(iteration.get("model"))
            match iteration.get("type"):
                case "compaction":
                    tokens += to_tokens(iteration)
                case "advisor_message":
                    self.tally.sides.append(Side(f"iter:{at}", model, to_tokens(iteration)))
                case "fallback_message" if model:
                    self.tally.model = model
        self.tally.tokens = tokens
        self.tally.input_known = tokens.total_input > 0

    def _delta(self, delta: dict[str, Any]) -> None:
        match delta.get("type"):
            case "text_delta":
                self.tally.wrote(as_str(delta.get("text")))
            case "input_json_delta":
                self.tally.wrote(as_str(delta.get("partial_json")))
            case "thinking_delta":
                text = as_str(delta.get("thinking"))
                self.tally.wrote(text)
                if not text:  # display: omitted; only the increment tells that tokens flow
                    self.tally.thought(n(delta.get("estimated_tokens")))
            case "signature_delta" | "citations_delta":
                pass
            case _:
                self.tally.wrote_any((), delta)

    def _error(self, error: dict[str, Any]) -> None:
        self.tally.failed = as_str(error.get("type")) or "error"
        self.tally.unbilled = not self._usage
