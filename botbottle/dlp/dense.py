"""Many runs close together, decoded as one stretch at every alignment.

To look at each of twenty thousand Base64 words is the interpreter's work, not the decoder's. Where
runs are close, whatever is no digit of the code becomes one, so that positions stay, and the whole
stretch is decoded at each alignment that a word can have: 4 for Base64, 2 for hex, 8 for Base32
(RFC 4648 sections 4, 8 and 6). Every word is whole in one of them. The others are noise, in which
neither a rule nor a held secret is met by chance.

Blanks and line breaks are left out first: words may be continued on the next line.
"""

from __future__ import annotations

import binascii
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from botbottle.dlp.compiled import matcher
from botbottle.dlp.engines.base import Expression, Matcher

FEW = 64  # runs that are looked at one by one before their distance is judged
FEWER = 8  # the same in what was decoded, of which there may be hundreds of pieces
APART = 750  # bytes from run to run, below which a stretch costs less than its runs
FIRST, LARGEST = 64 * 1024, 1024 * 1024  # bytes of one stretch
OVERLAP = 6 * 1024  # bytes that two stretches share, for what lies across their border
_BLOCK = 1024

type Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Code:
    """A digit holds ``bits``; ``decode`` gives the bytes of each alignment and is linear."""

    layer: str
    bits: int
    table: bytes
    decode: Callable[[bytes], Iterator[bytes]]

    def aligned(self, text: bytes) -> Iterator[tuple[int, bytes]]:
        """(digits left out in front, bytes) for each alignment."""
        text = text.translate(self.table)
        return enumerate(self.decode(text + self.table[:1] * (-len(text) % 8)))


def _table(alphabet: bytes, digits: bytes) -> bytes:
    """Other bytes become the digit zero."""
    places = bytearray(digits[:1] * 256)
    for letter, digit in zip(alphabet, digits, strict=True):
        places[letter] = digit
    return bytes(places)


def _base64(text: bytes) -> Iterator[bytes]:
    """Decoded once; the other alignments are that number shifted by some digits, in half the
    time."""
    data = binascii.a2b_base64(text)
    yield data
    number, size = int.from_bytes(data), len(data)
    for shift in range(1, 4):
        lost = (6 * shift + 7) // 8
        yield (number << 6 * shift).to_bytes(size + lost)[lost:]


def _hex(text: bytes) -> Iterator[bytes]:
    return iter((binascii.unhexlify(text), binascii.unhexlify(text[1:] + b"0")))


def _base32(text: bytes) -> Iterator[bytes]:
    """All of it is one number (the base is a power of two, so that is linear), and its alignments
    are that number shifted by some bits."""
    number, size = int(text, 32), len(text) * 5 // 8
    for shift in range(8):
        left = (len(text) - shift) * 5
        yield (number >> left % 8).to_bytes(size, "big")[-(left // 8) :]


_UPPER, _LOWER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz"
_TEN = b"0123456789"
_STANDARD = _UPPER + _LOWER + _TEN + b"+/"
_THIRTY_TWO = b"0123456789abcdefghijklmnopqrstuv"  # digits of int(text, 32)
_BASE64 = Code("base64", 6, _table(_STANDARD + b"-_", _STANDARD + b"+/"), _base64)
_HEX = Code("hex", 4, _table(_TEN + b"ABCDEFabcdef", _TEN + b"abcdef" * 2), _hex)
_BASE32 = Code(
    "base32",
    5,
    _table(_UPPER + b"234567" + _LOWER, _THIRTY_TWO + _THIRTY_TWO[:26]),
    _base32,
)
_ALPHABETS = (
    (_HEX, rb"[0-9A-Fa-f]{42}"),
    (_BASE32, rb"[A-Z2-7]{42}"),
    (_BASE32, rb"[a-z2-7]{42}"),
)


@cache
def _alphabets() -> Matcher:
    return matcher([Expression(text, once=True) for _, text in _ALPHABETS])


@cache
def _text() -> Matcher:
    return matcher([Expression(rb"[\x00\t\r\n -~]{20}")])


def readable(data: bytes) -> bool:
    """Whether there is text of some length in it, in UTF-16 as well: of the alignments of a stretch
    most are noise, in which no rule and no escape means anything."""
    return bool(_text().find(data, 1).hits)


class Stretch:
    """A stretch of a surface. ``start``: its place there."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._start = start
        self._text = joined(data)
        self._kept: list[int] = []

    def views(self) -> Iterator[tuple[str, bytes, Callable[[int, int], Span]]]:
        """(layer, bytes, what a span of them was decoded from) for each code and alignment."""
        for code in self._codes() if self._text else ():
            for shift, data in code.aligned(self._text):
                yield code.layer, data, self._origin(code, shift)

    def _codes(self) -> tuple[Code, ...]:
        """Base64, and what else there are long runs of."""
        hits = _alphabets().find(self._text, len(_ALPHABETS) + 1).hits
        found = {_ALPHABETS[number][0].layer: _ALPHABETS[number][0] for number, _ in hits}
        return _BASE64, *found.values()

    def _origin(self, code: Code, shift: int) -> Callable[[int, int], Span]:
        def span(start: int, end: int) -> Span:
            low = self._place(shift + start * 8 // code.bits)
            high = self._place(shift + end * 8 // code.bits)
            return self._start + low, max(1, high - low)

        return span

    def _place(self, at: int) -> int:
        """Where the byte ``at`` of the joined text was, to a few bytes."""
        if not self._kept:
            blocks = range(0, len(self._data), _BLOCK)
            sizes = (len(joined(self._data[b : b + _BLOCK])) for b in blocks)
            self._kept = list(accumulate(sizes, initial=0))
        block = max(0, bisect_right(self._kept, at) - 1) * _BLOCK
        left = at - self._kept[block // _BLOCK]
        piece = self._data[block : block + _BLOCK]
        place = bisect_right(range(len(piece)), left, key=lambda n: len(joined(piece[:n])))
        return min(len(self._data), block + max(0, place - 1))


def joined(data: bytes) -> bytes:
    """``data`` without blanks and line breaks, escaped ones included."""
    if b"\\" in data:
        for slashes in (4, 2, 1):  # JSON in JSON in JSON doubles them
            for letter in b"nr":
                data = data.replace(b"\\" * slashes + bytes([letter]), b"")
    return data.translate(None, b" \t\r\n")
