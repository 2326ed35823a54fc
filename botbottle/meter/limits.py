"""How much a request lets its provider generate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botbottle.meter.call import Dialect
from botbottle.meter.tally import as_dict, as_list, n

ALLOWANCE = 8_192  # output tokens reserved when the request asks for more or does not say

TOP = ""  # the document itself
_SNAKE, _CAMEL = "max_output_tokens", "maxOutputTokens"
_CONFIG = ("generationConfig", "generation_config")  # Gemini takes both spellings of every name
# Each family of models behind Bedrock's InvokeModel has a name of its own for its limit.
_FAMILIES = (
    "max_tokens", "maxTokens", "max_tokens_to_sample", "max_completion_tokens", "max_new_tokens",
    "max_gen_len", "maxTokenCount",
)  # fmt: skip
# Where a dialect's provider reads how much it may generate, reasoning included: (objects, names).
# It heeds no other spelling, so a small number in one would say nothing about the response.
LIMITS: Mapping[Dialect, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Dialect.ANTHROPIC: ((TOP,), ("max_tokens",)),
    Dialect.OPENAI_CHAT: ((TOP,), ("max_completion_tokens", "max_tokens")),
    Dialect.OPENAI_RESPONSES: ((TOP,), (_SNAKE,)),
    Dialect.GEMINI: (_CONFIG, (_CAMEL, _SNAKE)),
    Dialect.GEMINI_INTERACTIONS: (("generation_config",), (_SNAKE,)),
    Dialect.BEDROCK_INVOKE: ((TOP, "inferenceConfig", "textGenerationConfig"), _FAMILIES),
    Dialect.BEDROCK_CONVERSE: (("inferenceConfig",), ("maxTokens",)),
    Dialect.OLLAMA: (("options",), ("num_predict",)),
}
_MOST_RESERVED = 128  # answers of one request; the gate reserves for no more
_MAX_CHOICES = 4096
_CHOICES = ("n", "best_of", "candidateCount", "candidate_count")


def _largest(doc: dict[str, Any], places: Iterable[str], names: tuple[str, ...]) -> int:
    found = (doc if place == TOP else as_dict(doc.get(place)) for place in places)
    return max((n(holder.get(name)) for holder in found for name in names), default=0)


def max_output(doc: dict[str, Any], dialect: Dialect) -> int:
    """Output tokens that a request allows for each choice; 0: not said."""
    return _largest(doc, *LIMITS.get(dialect, ((), ())))


def choices(doc: dict[str, Any]) -> int:
    """How many answers it asks for: of the older completions, that many to each of its prompts."""
    asked = max(_largest(doc, (TOP, *_CONFIG), _CHOICES), 1)
    prompts = [p for p in as_list(doc.get("prompt")) if isinstance(p, str | list)]
    return min(asked * max(len(prompts), 1), _MAX_CHOICES)


def allowance(most: int, number: int) -> int:
    """Output tokens to reserve for ``number`` answers of at most ``most`` each (0: not said).
    Never ``most`` itself: clients ask for 128,000."""
    return min(most or ALLOWANCE, ALLOWANCE) * min(number, _MOST_RESERVED)
