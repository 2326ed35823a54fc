"""Random strings from a pattern, so that no token-shaped literal stands in this repository."""

from __future__ import annotations

import random
import re._constants as c
import re._parser as parser
import string
from typing import Any

_PRINTABLE = [chr(i) for i in range(33, 127)]
_SPECIAL = {
    c.CATEGORY_DIGIT: "0123456789",
    c.CATEGORY_WORD: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
    c.CATEGORY_SPACE: " ",
    c.CATEGORY_NOT_SPACE: string.ascii_letters + string.digits + "#    c.CATEGORY_SPACE: ,*$",
}


def sample(pattern: str, rng: random.Random) -> str:
    """One string that ``pattern`` matches; open repetitions take a few more than the least."""
    return "".join(_node(op, arg, rng) for op, arg in parser.parse(pattern))


def _node(op: Any, arg: Any, rng: random.Random) -> str:
    if op is c.LITERAL:
        return chr(arg)
    if op is c.ANY:
        return rng.choice(_PRINTABLE)
    if op is c.NOT_LITERAL:
        return rng.choice([x for x in _PRINTABLE if ord(x) != arg])
    if op is c.IN:
        return rng.choice(_members(arg))
    if op is c.BRANCH:
        return _all(rng.choice(arg[1]), rng)
    if op is c.SUBPATTERN:
        return _all(arg[3], rng)
    if op in (c.MAX_REPEAT, c.MIN_REPEAT):
        low, high, item = arg
        times = low if op is c.MIN_REPEAT else rng.randint(low, min(high, low + 6))
        return "".join(_all(item, rng) for _ in range(times))
    if op is c.AT:
        return ""
    raise NotImplementedError(op)


def _all(items: Any, rng: random.Random) -> str:
    return "".join(_node(op, arg, rng) for op, arg in items)


def _members(items: Any) -> list[str]:
    negated = items[0][0] is c.NEGATE
    chars: set[str] = set()
    for op, arg in items:
        if op is c.LITERAL:
            chars.add(chr(arg))
        elif op is c.RANGE:
            chars |= {chr(i) for i in range(arg[0], arg[1] + 1)}
        elif op is c.CATEGORY:
            chars |= set(_SPECIAL[arg])
    if negated:
        return [x for x in _PRINTABLE if x not in chars]
    return sorted(x for x in chars if x.isprintable()) or sorted(chars)
