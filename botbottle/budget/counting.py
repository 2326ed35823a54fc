"""Which token classes a budget counts. Output always counts; reasoning is inside output."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from botbottle.model.bottle import Settings
from botbottle.model.usage import Tokens

CLASSES = ("cache_read", "cache_write_1h", "cache_write_5m", "input_uncached", "output")


def counted_classes(settings: Settings) -> tuple[str, ...]:
    """The classes that ``settings.yml`` asks to count, sorted."""
    wanted = {
        "cache_read": settings.count_cache_read,
        "cache_write_1h": settings.count_cache_write,
        "cache_write_5m": settings.count_cache_write,
        "input_uncached": settings.count_input,
        "output": True,
    }
    return tuple(name for name, counts in wanted.items() if counts)


def counted(tokens: Tokens, classes: Sequence[str]) -> int:
    """Tokens of ``classes`` (empty: all). Raises ValueError for an unknown class."""
    if not classes:
        return tokens.total
    return sum([getattr(tokens, name) for name in _summed(tuple(classes))])


@lru_cache(maxsize=64)
def _summed(classes: tuple[str, ...]) -> tuple[str, ...]:
    """The fields that are added up."""
    unknown = set(classes) - set(CLASSES)
    if unknown:
        raise ValueError(f"unknown token classes {sorted(unknown)}")
    return tuple(sorted({*classes, "output"}))
