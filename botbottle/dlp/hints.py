"""What text and compressed data look like while they are still encoded.

Most of what is written in Base64, hex or Base32 is noise: hashes, signatures, keys. To decode it at
every alignment and to look at what comes out takes ten times as long as one pass over the digits,
which tells whether there is anything: text has few bits free, and compressed data few beginnings.
Where a digit holds bits of two bytes, each is judged by itself, so that what is reported may be
noise, and what is not reported is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import gcd, lcm
from typing import NamedTuple

from botbottle.dlp.engines.base import Expression

TEXT = b"\0\t\n\r" + bytes(range(32, 127))  # UTF-16 as well
MAGICS = (
    b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0", b"\x78\x01", b"\x78\x5e",
    b"\x78\x9c", b"\x78\xda", b"PK\x03\x04",
)  # fmt: skip

type Alphabet = Sequence[bytes]  # what may be written for each digit


class Beginning(NamedTuple):
    """How compressed data may begin: in so many ``digits``, whose first ``lead`` bits are of the
    byte in front of it."""

    digits: int
    lead: int
    expression: Expression


def text(alphabet: Alphabet, bits: int, bytes_: int) -> Expression:
    """So many bytes of text, in whole groups of digits; the end of a match is that of a group."""
    size = lcm(8, bits)
    group = b"".join(_class(alphabet, _texts(low, bits)) for low in range(0, size, bits))
    return Expression(b"(?:%s){%d}" % (group, bytes_ * 8 // size))


def _texts(low: int, bits: int) -> Iterator[int]:
    """What a digit that holds the bits from ``low`` on may be, in a group of bytes of text."""
    for value in range(1 << bits):
        within = range(low // 8, (low + bits - 1) // 8 + 1)
        if all(any(_agree(value, low, bits, char, 8 * at) for char in TEXT) for at in within):
            yield value


def _agree(value: int, low: int, bits: int, char: int, place: int) -> bool:
    """Whether a digit and a byte are the same in the bits that both hold."""
    begin, end = max(low, place), min(low + bits, place + 8)
    mask = (1 << (end - begin)) - 1
    return not ((value >> (low + bits - end)) ^ (char >> (place + 8 - end))) & mask


def beginnings(alphabet: Alphabet, bits: int) -> Iterator[Beginning]:
    """What compressed data begins with, at each alignment."""
    for magic in MAGICS:
        for lead in range(0, bits, gcd(8, bits)):
            count = -(-(lead + 8 * len(magic)) // bits)
            yield Beginning(count, lead, Expression(_digits(alphabet, bits, magic, lead, count)))


def _digits(alphabet: Alphabet, bits: int, magic: bytes, lead: int, count: int) -> bytes:
    behind = count * bits - lead - 8 * len(magic)
    wanted, mask = int.from_bytes(magic) << behind, ((1 << 8 * len(magic)) - 1) << behind
    classes = []
    for place in range((count - 1) * bits, -1, -bits):
        digit = (1 << bits) - 1
        value, fixed = wanted >> place & digit, mask >> place & digit
        classes.append(_class(alphabet, (v for v in range(1 << bits) if v & fixed == value)))
    return b"".join(classes)


def _class(alphabet: Alphabet, values: Iterator[int]) -> bytes:
    letters = sorted(letter for value in values for letter in alphabet[value])
    return b"[%s]" % b"".join(re.escape(bytes([letter])) for letter in letters)
