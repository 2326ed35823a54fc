"""Many runs close together, decoded where they hold anything.

To look at each of twenty thousand Base64 words is the interpreter's work, not the decoder's. Where
runs are close, whatever is no digit of the code becomes one, so that positions stay, and what is
around text (see ``hints``) is decoded at the alignment that it has: one of 4 for Base64, 2 for hex,
8 for Base32 (RFC 4648 sections 4, 8 and 6). The rest is noise, in which neither a rule nor a held
secret is met by chance; of it compressed data is opened, wherever it begins.

Blanks and line breaks are left out first: words may be continued on the next line.
"""

from __future__ import annotations

import binascii
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial
from itertools import accumulate
from math import lcm
from typing import NamedTuple

from botbottle.dlp import hints
from botbottle.dlp.compiled import matcher
from botbottle.dlp.engines.base import Expression, Matcher
from botbottle.dlp.known.splits import merged

FEW = 64  # runs that are looked at one by one before their distance is judged
FEWER = 8  # the same in what was decoded, of which there may be hundreds of pieces
APART = 750  # bytes from run to run, below which a stretch costs less than its runs
FIRST, LARGEST = 64 * 1024, 1024 * 1024  # bytes of one stretch
OVERLAP = 6 * 1024  # bytes that two stretches share, for what lies across their border
_BLOCK = 1024
_PART, _SHARED = 16 * 1024, 128  # digits that are asked about at once, and of those before again
_HITS = 64  # places of text in a part from which all of it is taken for text
_AROUND = 2048  # digits on each side of text
_BEFORE = 16  # digits in front of compressed data, which tell what it is: whole bytes in all codes

type Span = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Code:
    """A digit holds ``bits`` and is written as ``alphabet`` says; ``decode`` takes groups of eight
    digits and is linear. ``least``: bytes of text that are worth decoding."""

    layer: str
    bits: int
    table: bytes
    decode: Callable[[bytes], bytes]
    alphabet: hints.Alphabet
    least: int

    @property
    def alignments(self) -> int:
        """In how many ways bytes may lie in digits."""
        return lcm(8, self.bits) // self.bits

    def decoded(self, text: bytes) -> bytes:
        """The bytes of digits that begin with a byte."""
        text = text.translate(self.table)
        return self.decode(text + self.table[:1] * (-len(text) % 8))


def _table(alphabet: bytes, digits: bytes) -> bytes:
    """Other bytes become the digit zero."""
    places = bytearray(digits[:1] * 256)
    for letter, digit in zip(alphabet, digits, strict=True):
        places[letter] = digit
    return bytes(places)


def _base32(text: bytes) -> bytes:
    """All of it is one number: the base is a power of two, so that is linear."""
    return int(text or b"0", 32).to_bytes(len(text) * 5 // 8)


_UPPER, _LOWER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz"
_TEN = b"0123456789"
_STANDARD = _UPPER + _LOWER + _TEN + b"+/"
_THIRTY_TWO = b"0123456789abcdefghijklmnopqrstuv"  # digits of int(text, 32)
_BASE64 = Code(
    "base64",
    6,
    _table(_STANDARD + b"-_", _STANDARD + b"+/"),
    binascii.a2b_base64,
    (*(bytes([letter]) for letter in _STANDARD[:62]), b"+-", b"/_"),
    least=18,
)
_HEX = Code(
    "hex",
    4,
    _table(_TEN + b"ABCDEFabcdef", _TEN + b"abcdef" * 2),
    binascii.unhexlify,
    (*(bytes([digit]) for digit in _TEN), b"aA", b"bB", b"cC", b"dD", b"eE", b"fF"),
    least=15,
)
_BASE32 = Code(
    "base32",
    5,
    _table(_UPPER + b"234567" + _LOWER, _THIRTY_TWO + _THIRTY_TWO[:26]),
    _base32,
    (*(bytes([upper, upper | 32]) for upper in _UPPER), *(bytes([n]) for n in b"234567")),
    least=20,
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
def _text(code: Code) -> Matcher:
    return matcher([hints.text(code.alphabet, code.bits, code.least)])


@cache
def _beginnings(code: Code) -> tuple[tuple[hints.Beginning, ...], Matcher]:
    found = tuple(hints.beginnings(code.alphabet, code.bits))
    return found, matcher([one.expression for one in found])


class View(NamedTuple):
    """What part of a stretch was decoded to; ``place``: what a span of it was decoded from."""

    layer: str
    data: bytes
    place: Callable[[int, int], Span]


class Packed:
    """Where compressed data may begin in a stretch: ``before`` are some bytes in front of it."""

    def __init__(self, code: Code, text: bytes, start: int, lead: int) -> None:
        """It begins ``lead`` bits behind the digit ``start``."""
        ahead = next(n for n in range(8) if (n * code.bits + lead) % 8 == 0)
        first = start - ahead - _BEFORE
        self.first = max(0, first)
        self._skipped = (_BEFORE + ahead) * code.bits + lead >> 3
        self._code, self._text, self._zeros = code, text, code.table[:1] * -first
        self.layer, self.alignment = code.layer, first % code.alignments

    def data(self, size: int) -> tuple[bytes, bytes]:
        """What is in front of it, and its first ``size`` bytes."""
        digits = (size + self._skipped) * 8 // self._code.bits - len(self._zeros)
        text = self._zeros + self._text[self.first : self.first + digits + 1]
        data = self._code.decoded(text)
        return data[: self._skipped], data[self._skipped : self._skipped + size]


class Stretch:
    """A stretch of a surface. ``start``: its place there."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._start = start
        self._text = joined(data)
        self._kept: list[int] = []

    def views(self) -> Iterator[View]:
        """What is around text, of each code at each alignment."""
        for code in self._codes:
            for shift, spans in enumerate(self._around(code)):
                for low, high in merged(spans):
                    first = low + (shift - low) % code.alignments
                    data = code.decoded(self._text[first:high])
                    yield View(code.layer, data, self._origin(code, first))

    def packed(self, most: int) -> Iterator[tuple[Packed, Callable[[], Span]] | None]:
        """Where compressed data may begin, and where that was; None behind ``most`` of a code."""
        for code in self._codes:
            known, engine = _beginnings(code)
            hits, overflow = engine.find(self._text, most)
            for number, end in hits:
                start = end - known[number].digits
                packed = Packed(code, self._text, start, known[number].lead)
                yield packed, partial(self._origin(code, start), 0, 4)
            if overflow:
                yield None

    def _around(self, code: Code) -> tuple[list[Span], ...]:
        """Digits around text, by alignment."""
        spans: tuple[list[Span], ...] = tuple([] for _ in range(code.alignments))
        size = len(self._text)
        for low in range(0, size, _PART):
            begin, end = max(0, low - _SHARED), min(size, low + _PART)
            hits, overflow = _text(code).find(self._text[begin:end], _HITS)
            if overflow:
                for each in spans:
                    each.append((begin, end))
                continue
            for _, last in hits:
                at = begin + last
                around = (max(0, at - _AROUND), min(size, at + _AROUND))
                spans[at % code.alignments].append(around)
        return spans

    @cached_property
    def _codes(self) -> tuple[Code, ...]:
        """Base64, and what else there are long runs of."""
        hits = _alphabets().find(self._text, len(_ALPHABETS) + 1).hits
        found = {_ALPHABETS[number][0].layer: _ALPHABETS[number][0] for number, _ in hits}
        return _BASE64, *found.values()

    def _origin(self, code: Code, first: int) -> Callable[[int, int], Span]:
        def span(start: int, end: int) -> Span:
            low = self._place(first + start * 8 // code.bits)
            high = self._place(first + end * 8 // code.bits)
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
