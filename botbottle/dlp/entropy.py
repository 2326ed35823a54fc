"""Shannon entropy: how evenly a value uses its bytes."""

from __future__ import annotations

import math
from collections import Counter

_SHORT = 512  # bytes of a text whose counts are in the table
_WEIGHTS = [0.0, *(n * math.log2(n) for n in range(1, _SHORT + 1))]


def shannon(data: bytes) -> float:
    """Bits per byte of the empirical byte distribution (0.0 for an empty string)."""
    if not data:
        return 0.0
    total, counts = len(data), Counter(data).values()
    if total > _SHORT:
        return -sum(n / total * math.log2(n / total) for n in counts)
    return math.log2(total) - sum(map(_WEIGHTS.__getitem__, counts)) / total
