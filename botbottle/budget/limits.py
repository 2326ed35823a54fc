"""Limits as text: ``5000000``, ``5M``, ``200k``, ``1.5M/day``; and tokens for people."""

from __future__ import annotations

import re

from botbottle.model.bottle import WINDOWS, Limit, Window

_LIMIT = re.compile(r"([0-9]+(?:_[0-9]{3})*|[0-9]+\.[0-9]+)\s*([kKmMgGbB]?)(?:\s*/\s*([a-z]+))?")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}
MAX_TOKENS = 10**15  # far above any real budget, far below what 64-bit sums can hold


def parse_amount(text: str | int) -> tuple[int, Window]:
    """Tokens and window of ``5M/day``. Raises ValueError with a message for the user."""
    match = _LIMIT.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{str(text)!r} is not a token budget; write for example 5M or 200k/day")
    number, unit, window = match.groups()
    tokens = _tokens(number, _UNITS[unit.lower()])
    if tokens > MAX_TOKENS:
        raise ValueError(f"{text} is more tokens than a budget can hold")
    return tokens, _window(window or "")


def parse_limit(provider: str, text: str | int) -> Limit:
    """The same as a Limit for one provider."""
    tokens, window = parse_amount(text)
    return Limit(provider, tokens, window)


def format_tokens(tokens: int) -> str:
    """Short text for people: ``999``, ``12.3k``, ``5M``; three significant digits."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if abs(tokens) >= size:
            return f"{tokens / size:.4g}{unit}" if tokens % size else f"{tokens // size}{unit}"
    return str(tokens)


def format_limit(limit: Limit) -> str:
    """``5M/day``; exact: parsing it gives the same limit."""
    size, unit = next(
        ((s, u) for s, u in ((10**9, "G"), (10**6, "M"), (10**3, "k")) if not limit.tokens % s),
        (1, ""),
    )
    amount = f"{limit.tokens // size}{unit}" if limit.tokens else "0"
    return f"{amount}/{limit.window}" if limit.window else amount


def _tokens(number: str, unit: int) -> int:
    whole, _, fraction = number.replace("_", "").partition(".")
    shift = int("1" + "0" * len(fraction))
    tokens, rest = divmod(int(whole + fraction) * unit, shift)
    if rest:
        raise ValueError(f"{number} is not a whole number of tokens")
    return tokens


def _window(text: str) -> Window:
    for window in WINDOWS:
        if window == text:
            return window
    raise ValueError(f"unknown window {text!r}; use hour, day, week or month")
