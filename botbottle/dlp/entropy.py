"""Shannon entropy: how evenly a value uses its bytes."""

from __future__ import annotations

import math
from collections import Counter


def shannon(data: bytes) -> float:
    """Bits per byte of the empirical byte distribution (0.0 for an empty string)."""
    if not data:
        return 0.0
    total = len(data)
    return -sum(n / total * math.log2(n / total) for n in Counter(data).values())
