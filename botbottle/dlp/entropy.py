"""Shannon entropy and the cheap shape tests that separate random values from words."""

from __future__ import annotations

import math
from collections import Counter


def shannon(data: bytes) -> float:
    """Bits per byte of the empirical byte distribution (0.0 for an empty string)."""
    if not data:
        return 0.0
    total = len(data)
    return -sum(n / total * math.log2(n / total) for n in Counter(data).values())


def random_looking(value: bytes, bits: float) -> bool:
    """True for a value with at least ``bits`` per byte that mixes digits with letters."""
    has_digit = any(48 <= c <= 57 for c in value)
    has_alpha = any(65 <= (c & 0xDF) <= 90 for c in value)
    return has_digit and has_alpha and shannon(value) >= bits
