"""Where runs of Base64 characters are (hex and Base32 are such runs too)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from botbottle.dlp.engines.base import Expression, Matcher
from botbottle.dlp.engines.linear import program

RUN = 42  # characters that make a run worth decoding
SHORT = 21  # characters of a shorter run that begins like compressed data
_ALPHABET = r"[A-Za-z0-9+/_\-]"
_MORE = rf"(?:(?:\\+[rn]|[\r\n]|\\/){{1,4}}[ \t]{{0,8}}{_ALPHABET}{{4,}})*"
# Anchored, and no two of its parts can begin with the same byte: linear also without RE2. Such a
# match keeps every other thread waiting, so it is for short runs only.
_BODY = re.compile(rf"{_ALPHABET}++{_MORE}={{0,2}}".encode())
_SOME = re.compile(rf"{_ALPHABET}*+".encode())
_REST = rf"{_ALPHABET}*{_MORE}"  # of a run of which a part is known
_GLANCE, _WINDOW = 512, 16 * 1024
_MARGIN = 64  # bytes of a window in which a line that it cuts may begin
RUN_EXPRESSION = Expression(rf"{_ALPHABET}{{{RUN}}}".encode())
_MOST = 256  # places that are asked for at once
NOISE = bytes(
    c for c in range(256) if not (chr(c).isascii() and chr(c).isalnum()) and c not in b"+/_-"
)
_LETTERS = bytes(c for c in range(256) if c not in NOISE)


class Ends(NamedTuple):
    """Where an engine says that a run of :data:`RUN` characters ends, in one part of a surface, up
    to ``stop``, of each run at least the first; ``more``: behind the last it was not asked."""

    ends: list[int]
    stop: int
    more: bool


def spans(
    surface: memoryview, engine: Matcher, at: int = 0, known: Sequence[Ends] = ()
) -> Iterator[tuple[int, int]]:
    """Every run of at least :data:`RUN` characters from ``at`` on, whole, in order.

    ``engine`` reports every place that ends as many characters of a run, so what lies inside of a
    run already seen is passed over. ``known``: what it reported already, elsewhere is none.
    """
    for part in known or (Ends([], len(surface), True),):
        ends, stop, more = part
        asked = 1
        while at < stop:
            found = 0
            for end in ends:
                if end >= at + RUN:
                    start, at = end - RUN, run_end(surface, end - RUN)
                    found += 1
                    yield start, at
            if not more:
                break
            at = max(at, ends[-1] - RUN + 1) if ends else at
            if ends:  # more at once only where they are ends of different runs
                asked = max(1, min(4 * found, _MOST))
            hits, more = engine.find(surface[at:stop], asked)
            ends = [at + end for _, end in hits]


def letters_end(surface: memoryview, at: int) -> int:
    """Where the characters of a run end that goes on at ``at``, or later than a glance shows."""
    match = _SOME.match(surface, at, at + _GLANCE)
    return match.end() if match else at


def run_end(surface: memoryview, start: int) -> int:
    """Where the run that begins at ``start`` ends, continued over line breaks."""
    match = _BODY.match(surface, start, start + _GLANCE)
    if match is None:
        return start + SHORT
    end = match.end()
    return end if end < start + _GLANCE - _MARGIN else _long_end(surface, start)


def _long_end(surface: memoryview, at: int) -> int:
    """The same for a long run, window by window: what was matched is not matched again."""
    rest = program(_REST)
    while window := surface[at : at + _WINDOW].tobytes():
        match = rest.match(window)
        step = match.end() if match else 0
        at += step
        if step < max(1, len(window) - _MARGIN):
            break
    padding = surface[at : at + 2].tobytes()
    return at + len(padding) - len(padding.lstrip(b"="))


def short_spans(surface: memoryview, ends: list[int]) -> Iterator[tuple[int, int]]:
    """Spans of the short runs whose beginning looks compressed."""
    for end in ends:
        yield end - SHORT, run_end(surface, end - SHORT)


def begun_spans(surface: memoryview, ends: list[int]) -> Iterator[tuple[int, int]]:
    """Spans of the short runs in which something that ends at ``ends`` is the beginning."""
    for end in ends:
        before = bytes(surface[max(0, end - SHORT) : end])
        start = end - len(before) + len(before.rstrip(_LETTERS))
        if surface[start - 1 : start].tobytes() == b"\\" and before[start - end] in b"nrt":
            start += 1
        # Longer ones are found by their length, so not even their ends are looked for.
        match = _BODY.match(surface, start, start + 2 * RUN)
        last = match.end() if match else start + SHORT
        if SHORT <= last - start < RUN + 2:
            yield start, last
