"""How many tokens a piece of output makes, for a family of tokenizers.

Claude's models from 4.7 on make 1.3 times the tokens that others make of the same text, and many
more of digits, capitals and signs. Their output is weighed byte by byte with the weights of the
request estimator (:mod:`botbottle.meter.estimate`), which errs high on purpose, brought down so
that agents' work comes out right. Error bounds: ``docs/metering.md``, "Running estimate", measured
by ``benchmarks/meter/estimator.py``.
"""

from __future__ import annotations

import re

from botbottle.meter.estimate import CLASSES, CLAUDE_WEIGHTS

UNIT = 700  # weights are in 700ths of a token: whole numbers for sevenths and hundredths
ASCII_WEIGHT = 200  # 3.5 ASCII characters a token, one token for every other character
NEWER = (4, 7)  # version of the first Claude with that tokenizer
_PART = 0.85  # of the request estimator's weights

_CLAUDE = re.compile(r"claude-[a-z]+-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")


def _table() -> bytes:
    """The weight of each byte in hundredths of a token."""
    table = bytearray(256)
    for chars, weight in zip(CLASSES, CLAUDE_WEIGHTS, strict=True):
        for char in chars:
            table[char] = round(100 * weight * _PART)
    return bytes(table)


_NEWER_CLAUDE = _table()


def table_of(model: str) -> bytes:
    """What the output of a model is weighed by; empty: characters."""
    found = _CLAUDE.search(model)
    newer = found is not None and (int(found[1]), int(found[2] or 0)) >= NEWER
    return _NEWER_CLAUDE if newer else b""


def weigh(text: str, table: bytes) -> int:
    """Approximate tokens of a text, in units."""
    if table:
        return UNIT // 100 * sum(text.encode("utf-8", "surrogatepass").translate(table))
    if text.isascii():
        return ASCII_WEIGHT * len(text)
    ascii_chars = len(text.encode("ascii", "ignore"))
    return ASCII_WEIGHT * ascii_chars + UNIT * (len(text) - ascii_chars)
