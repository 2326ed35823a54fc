"""Where a large surface may hold a value in short pieces.

Taking the separators out of a whole surface costs three times what everything else does, so a
large one is searched for what such a split looks like, whatever the value: three short pieces
between quotes, bars, tabs, slashes or characters that nobody sees. Longer pieces hold a literal of
the value itself (see ``grams``).

Which expressions share a database is measured: 0.23 ms/MB for all. With a few literals more, or
with the signs, which have none, in the same one it takes two to four times as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product

from botbottle.dlp.compiled import matcher
from botbottle.dlp.engines.base import Buffer, Expression, Matcher

WHOLE = 32 * 1024  # bytes of a surface that is always looked at without its separators
LARGEST = 768 * 1024  # bytes of a surface that is searched: a megabyte would take 1.5 ms for 1.2
_REACH = 512  # bytes on each side of a place
_PLACES = 256  # of each kind; where there are more the whole surface is taken
_PIECE = rb"[A-Za-z0-9]{1,4}"
_CODED = rb"[A-Za-z0-9+/=_\-]{1,16}"  # between operators: lists of words have commas and blanks
_SIDE = rb"[A-Za-z0-9]"
_QUOTED = (
    *product((b'"', b'\\"', b"'"), (b",", b", ", b"+", b" + ", b" .. ", b" ")),
    *product((b"'",), (b" || ", b" . ", b"}${")),
)
_UNSEEN = (
    b"\xc2\xad", b"\xe2\x80\x8b", b"\xe2\x80\x8c", b"\xe2\x80\x8d", b"\xe2\x81\xa0",
    b"\xef\xbb\xbf",
)  # fmt: skip
_SIGNS = (rb"[|\t~^;+]", rb"/")

type Span = tuple[int, int]


def _quoted(quote: bytes, between: bytes) -> Expression:
    joint = quote + between + quote
    piece = _PIECE if between.strip(b", ") == b"" else _CODED
    regex = piece.join((re.escape(joint), re.escape(joint), re.escape(quote)))
    return Expression(regex, (joint,))


def _unseen(text: bytes) -> Expression:
    return Expression(_SIDE + text + _PIECE + text, (text,))


_WITH_LITERAL = (
    *(_quoted(quote, between) for quote, between in _QUOTED),
    *map(_unseen, _UNSEEN),
    Expression(_PIECE.join([rb"\\t"] * 3), (b"\\t",)),  # a tab in JSON
)
_WITHOUT = tuple(Expression(_PIECE.join([sign] * 4)) for sign in _SIGNS)


class Splits:
    """Finds the places; safe to use from several threads."""

    def __init__(self, engine: str) -> None:
        self._matchers: tuple[Matcher, ...] = (
            matcher(_WITH_LITERAL, engine),
            *(matcher([one], engine) for one in _WITHOUT),
        )

    def find(self, surface: Buffer) -> list[int] | None:
        """Ends of places that look like a split value, in order; None where they are many."""
        ends: list[int] = []
        for each in self._matchers:
            hits, overflow = each.find(surface, _PLACES)
            if overflow:
                return None
            ends += (end for _, end in hits)
        return sorted(ends)


@lru_cache(maxsize=4)
def splits(engine: str) -> Splits:
    """Those of an engine, compiled once: they depend on no value."""
    return Splits(engine)


def around(ends: Iterable[int] | None, start: int, stop: int, size: int) -> tuple[Span, ...]:
    """Stretches around the places in the part from ``start`` to ``stop`` of a surface of ``size``
    bytes, whose ends are told from ``start`` on; None: all of the part."""
    if ends is None:
        return ((max(0, start - _REACH), min(size, stop + _REACH)),)
    each = ((max(0, start + end - _REACH), min(size, start + end + _REACH)) for end in ends)
    return tuple(merged(each))


def merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans in order of their beginnings; those that overlap as one."""
    begin = end = -1
    for low, high in spans:
        if low > end:
            if end >= 0:
                yield begin, end
            begin = low
        end = max(end, high)
    if end >= 0:
        yield begin, end
