"""Usage objects of the OpenAI family, with either naming, as disjoint classes.

Input includes cache reads and writes; output includes reasoning. Two dialects of the dialect are
allowed for without losing tokens: servers that leave reasoning out of the completion count but
inside the total (xAI), and DeepSeek's ``prompt_cache_hit_tokens``.
"""

from __future__ import annotations

from typing import Any

from botbottle.meter.tally import Side, as_dict, count, n
from botbottle.model.usage import Tokens


def _first(usage: dict[str, Any], *names: str) -> Any:
    return next((usage[name] for name in names if usage.get(name) is not None), None)


def is_usage(usage: dict[str, Any]) -> bool:
    """True when the object says how much came in or went out."""
    names = ("prompt_tokens", "input_tokens", "completion_tokens", "output_tokens")
    return any(count(usage.get(name)) is not None for name in names)


def output_of(usage: dict[str, Any]) -> Any:
    """The figure for output as it stands there."""
    return _first(usage, "completion_tokens", "output_tokens")


def _writes(details: dict[str, Any], room: int) -> tuple[int, int]:
    """Cache writes as (unspecified TTL, longer than five minutes), at most ``room`` together."""
    written = min(n(details.get("cache_write_tokens")), room)
    ttl = as_dict(details.get("cache_write_tokens_details"))
    long = min(n(ttl.get("ttl_30m_tokens")) + n(ttl.get("ttl_12h_tokens")), written)
    return written - long, long


def to_tokens(usage: dict[str, Any]) -> Tokens:
    """Disjoint classes of one usage object; ``total_input`` equals the provider's input figure."""
    given = n(_first(usage, "prompt_tokens", "input_tokens"))
    details = as_dict(
        _first(usage, "prompt_tokens_details", "input_tokens_details", "input_token_details")
    )
    cached = _first(details, "cached_tokens")
    hit = n(cached if cached is not None else usage.get("prompt_cache_hit_tokens"))
    read = min(hit, given)
    short, long = _writes(details, given - read)
    output = n(output_of(usage))
    output = max(output, n(usage.get("total_tokens")) - given)
    out_details = as_dict(
        _first(usage, "completion_tokens_details", "output_tokens_details", "output_token_details")
    )
    return Tokens(
        input_uncached=given - read - short - long,
        cache_read=read,
        cache_write_5m=short,
        cache_write_1h=long,
        output=output,
        reasoning=min(output, n(out_details.get("reasoning_tokens"))),
    )


def tool_sides(tool_usage: dict[str, Any]) -> list[Side]:
    """Rows for tools that ran on another model; their tokens are not in ``usage``."""
    sides = []
    for tool, value in tool_usage.items():
        used = as_dict(value)
        if is_usage(used) and to_tokens(used).total:
            sides.append(Side(f"tool:{tool}", tool, to_tokens(used)))
    return sides
