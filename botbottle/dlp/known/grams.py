"""From variants to short literals at a regular stride.

Looking for every 16-byte window of every variant would take tens of thousands of literals.
It is enough to look for short pieces (*grams*) at a stride such that every window of 16 secret
bytes contains one whole gram; the bytes around a gram hit are then compared directly. One
mechanism finds whole values, partial leaks and the pieces of split ones, with ~1/8 of the
literals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from botbottle.dlp.known.parts import Segment
from botbottle.dlp.known.variants import Variant

WINDOW = 16  # secret bytes that count as a leak
_GRAM = 8
_PLAIN_GRAM, _PLAIN_STRIDE = 5, 4  # every run of 8 plain bytes holds one: fragments, splits
_CHUNKS = (4, 5, 6, 7)
_SMALL_CHUNKS = (1, 2, 3)
_SEPARATORS = (
    b" ",
    b"\n",
    b"\\n",
    b'" "',
    b'" + "',
    b"' + '",
    b"-",
    b".",
    b",",
    b'","',
    b'", "',
    b"_",
)
_GAP = rb"[\s\"'+,\\.|/_:;\-nrt\xe2\x80\x8b]{1,6}"


@dataclass(frozen=True, slots=True)
class Gram:
    """``text`` sits at ``offset`` in the variant; ``regex`` replaces it for split triggers."""

    text: bytes
    offset: int
    caseless: bool


def grams(variant: Variant, public: int) -> Iterator[Gram]:
    """The grams of one variant, none of them inside its public prefix."""
    size, stride = _shape(variant)
    text = variant.text
    first = math.ceil(public * variant.unit)
    last = len(text) - size
    if last < 0:
        yield Gram(text, 0, variant.caseless)
        return
    offsets = [*range(min(first, last), last, stride), last]
    for offset in dict.fromkeys(offsets):
        piece = text[offset : offset + size]
        if len(set(piece)) >= 3:
            yield Gram(piece, offset, variant.caseless)


def _shape(variant: Variant) -> tuple[int, int]:
    if variant.codec == "plain":
        return _PLAIN_GRAM, _PLAIN_STRIDE
    size = _GRAM if variant.unit < 2 else round(6 * variant.unit)
    window = int(WINDOW * variant.unit) - 2
    return size, max(1, window - size + 1)


def split_patterns(segment: Segment) -> Iterator[tuple[bytes, bool]]:
    """(bytes, is regex) that betray a value cut into equal small chunks with separators."""
    text = segment.text
    for size in _SMALL_CHUNKS:
        need = {1: 8, 2: 4, 3: 3}[size]
        chunks = _chunks(text, size, segment.public)[:need]
        if len(chunks) == need:
            yield from ((separator.join(chunks), False) for separator in _SEPARATORS)
    for size in _CHUNKS:
        chunks = _chunks(text, size, segment.public)[:2]
        if len(chunks) == 2:
            yield _GAP.join(_escape(chunk) for chunk in chunks), True


def _chunks(text: bytes, size: int, public: int) -> list[bytes]:
    start = math.ceil(public / size) * size
    return [text[i : i + size] for i in range(start, len(text) - size + 1, size)]


def _escape(text: bytes) -> bytes:
    return b"".join(b"\\x%02x" % c for c in text)
