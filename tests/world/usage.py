"""Token counts in disjoint classes, with the field names of ``botbottle.model.usage.Tokens``.

Kept apart from the product's type on purpose: the truth must not share code with what it judges.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens; every class is disjoint from the others except ``reasoning``, part of ``output``."""

    input_uncached: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def total_input(self) -> int:
        """All input classes together."""
        return self.input_uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def cache_write(self) -> int:
        """Cache writes of all lifetimes."""
        return self.cache_write_5m + self.cache_write_1h

    @property
    def total(self) -> int:
        """All classes together."""
        return self.total_input + self.output

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Usage)))

    def as_dict(self) -> dict[str, int]:
        """Class name to tokens."""
        return asdict(self)

    def override(self, values: Mapping[str, int]) -> Usage:
        """With the named classes replaced; an unknown name is a ``ValueError``."""
        unknown = set(values) - {f.name for f in fields(Usage)}
        if unknown:
            raise ValueError(f"unknown token classes: {sorted(unknown)}")
        changed = replace(self, **values)
        return replace(changed, reasoning=min(changed.reasoning, changed.output))

    def without_cache_writes(self) -> Usage:
        """As a provider without a cache-write class bills it: written tokens are plain input."""
        plain = self.input_uncached + self.cache_write
        return replace(self, input_uncached=plain, cache_write_5m=0, cache_write_1h=0)

    def without_cache(self) -> Usage:
        """As a provider without any cache class bills it."""
        return replace(self.without_cache_writes(), cache_read=0, input_uncached=self.total_input)

    def input_only(self, output: int = 0) -> Usage:
        """The input classes with another (placeholder) output."""
        return replace(self, output=output, reasoning=0)


ZERO = Usage()


def total(parts: Iterable[Usage]) -> Usage:
    """The sum of many."""
    result = ZERO
    for part in parts:
        result = result + part
    return result


def draw(rng: random.Random, body_bytes: int) -> Usage:
    """A plausible usage for a body of that size: about four bytes a token, partly cached."""
    tokens = max(8, int(body_bytes / 4 * rng.uniform(0.9, 1.1)))
    cached = int(tokens * rng.choice((0.0, 0.3, 0.8)))
    written = int((tokens - cached) * rng.choice((0.0, 0.0, 0.4)))
    long = rng.randint(0, written)
    output = rng.randint(20, 400)
    return Usage(
        input_uncached=tokens - cached - written,
        cache_read=cached,
        cache_write_5m=written - long,
        cache_write_1h=long,
        output=output,
        reasoning=rng.choice((0, rng.randint(0, output // 3))),
    )
