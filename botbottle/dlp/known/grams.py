"""From variants to short literals at a regular stride.

Looking for every 16-byte window of every variant would take tens of thousands of literals.
It is enough to look for short pieces (*grams*) at a stride such that every window of 16 secret
bytes contains one whole gram; the bytes around a gram hit are then compared directly. One
mechanism finds whole values, partial leaks and the pieces of split ones, with ~1/6 of the
literals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from botbottle.dlp.known.parts import Segment
from botbottle.dlp.known.variants import Variant

WINDOW = 16  # secret bytes that count as a leak
_WHOLE_GRAM = 12
# (size, stride) by codec: 8 bytes of a value, plain or in hex, 10 in Base64 and 14 backwards hold
# one. Shorter ones make the pass for a hundred secrets half as long again (0.4 and 0.6 ms/MB).
_SHAPES = {"plain": (5, 4), "split": (5, 4), "reversed": (8, 7), "hex": (8, 9), "base64": (8, 6)}
# Chunk size: chunks in the literal. Larger chunks hold a plain gram of their own.
_CHUNKS = {1: 8, 2: 4, 3: 3, 4: 2}
# Those that stand in any text, so that only the value's own chunks tell (of others: ``splits``).
_SEPARATORS = (b" ", b"\n", b"\\n", b"\\\\n", b"-", b".", b",", b"_", b'""')
# Of larger chunks one with its quotes tells enough, whatever is between two of them. Five bytes,
# for six make the pass for a hundred secrets twice as long (0.27 and 0.53 ms/MB).
_ONE_QUOTED = {3: b'"%s"', 4: b'%s"'}


@dataclass(frozen=True, slots=True)
class Gram:
    """``text`` sits at ``offset`` in the variant."""

    text: bytes
    offset: int
    caseless: bool


def grams(variant: Variant, first: int) -> Iterator[Gram]:
    """The grams of one variant that begin at ``first``, behind its public prefix, or later."""
    text = variant.text
    size, stride = _shape(variant)
    last = len(text) - size
    if last <= 0:
        yield Gram(text, 0, variant.caseless)
        return
    offsets = [*range(min(first, last), last, stride), last]
    for offset in dict.fromkeys(offsets):
        piece = text[offset : offset + size]
        if len(set(piece)) >= 3 or variant.codec == "binary":
            yield Gram(piece, offset, variant.caseless)
            if not variant.windows:
                return


def _shape(variant: Variant) -> tuple[int, int]:
    """(gram size, stride); of what is looked for as a whole there is one."""
    if variant.codec == "binary":  # of two letters
        return 4 * _WHOLE_GRAM, 4
    return _SHAPES[variant.codec] if variant.windows else (_WHOLE_GRAM, 4)


def split_patterns(segment: Segment) -> Iterator[bytes]:
    """Literals that betray a value cut into equal small chunks with a common separator."""
    for size, need in _CHUNKS.items():
        chunks = _chunks(segment.text, size, segment.public)[:need]
        if len(chunks) < need:
            continue
        yield from (separator.join(chunks) for separator in _SEPARATORS)
        if size in _ONE_QUOTED:
            yield _ONE_QUOTED[size] % chunks[1]


def _chunks(text: bytes, size: int, public: int) -> list[bytes]:
    start = math.ceil(public / size) * size
    return [text[i : i + size] for i in range(start, len(text) - size + 1, size)]
