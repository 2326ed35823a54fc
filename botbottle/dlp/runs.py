"""Runs of Base64 characters (hex and Base32 are such runs too): where they are, what they hold."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from botbottle.dlp.budget import Budget
from botbottle.dlp.compiled import matcher
from botbottle.dlp.engines.base import Expression, Matcher
from botbottle.dlp.engines.linear import program
from botbottle.dlp.inflate import compressed
from botbottle.dlp.wordlike import wordlike

RUN = 42  # characters that make a run worth decoding
SHORT = 21  # characters of a shorter run that begins like compressed data
_ALPHABET = r"[A-Za-z0-9+/_\-]"
_MORE = rf"(?:(?:\\+[rn]|[\r\n]|\\/){{1,4}}[ \t]{{0,8}}{_ALPHABET}{{4,}})*"
# Anchored, and no two of its parts can begin with the same byte: linear also without RE2. Such a
# match keeps every other thread waiting, so it is for short runs only.
_BODY = re.compile(rf"{_ALPHABET}++{_MORE}={{0,2}}".encode())
_REST = rf"{_ALPHABET}*{_MORE}"  # of a run of which a part is known
_GLANCE, _WINDOW = 512, 16 * 1024
_MARGIN = 64  # bytes of a window in which a line that it cuts may begin
RUN_EXPRESSION = Expression(rf"{_ALPHABET}{{{RUN}}}".encode())
_WORDS = 0.72  # no random run of this length is as much like words, names of classes are
_MOST = 256  # places that are asked for at once
_NOISE = bytes(
    c for c in range(256) if not (chr(c).isascii() and chr(c).isalnum()) and c not in b"+/_-"
)
_LETTERS = bytes(c for c in range(256) if c not in _NOISE)
_HEX = b"0123456789abcdefABCDEF"
_SMALLER = (_HEX, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"abcdefghijklmnopqrstuvwxyz234567")
_DIGITS = b"0123456789"
_B32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz234567"
# RFC 4648 section 6 digits as the digits of int(text, 32), which is linear for powers of two.
_B32_DIGITS = bytes.maketrans(_B32, b"0123456789abcdefghijklmnop" * 2 + b"qrstuv")
_GLUE = bytes.maketrans(b"/_-+", b"    ")
# What compressed data begins with in Base64, behind a word that is glued to it.
_PACKED = re.compile(
    rb"H4sI|Qlpo[MNO]|[/_]Td6WFo|UEsDB|KLUv[/_]|(?<=[/_+\-])e(?:A[E-H]|F[4-7]|J[w-z]|N[o-r])"
)
_STANDARD = bytes.maketrans(b"-_", b"+/")
_IMAGES = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"wOF",
    b"\x00\x01\x00\x00",
    b"OTTO",
    b"%PDF",
)
_TEXT = bytes([0, 9, 10, 13, *range(32, 127)])


class Ends(NamedTuple):
    """Where an engine says that a run of :data:`RUN` characters ends, in one part of a surface, up
    to ``stop``; ``more``: behind the last of ``ends`` it was not asked."""

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


def worth(run: bytes) -> bool:
    """False for identifiers, paths and rulers: Base64 mixes cases and digits, hex and Base32 show
    in their alphabets."""
    head = _digits(run[:256])
    return _plausible(head) or any(map(_plausible, _parts(head)))


def _plausible(head: bytes) -> bool:
    if not head.translate(None, _HEX) or not head.translate(None, _B32):
        return True
    has_digit = len(head.translate(None, _DIGITS)) < len(head)
    if not has_digit or head == head.lower() or head == head.upper():
        return False
    return not wordlike(head[:64], _WORDS)


def _parts(clean: bytes) -> list[bytes]:
    """What stands behind a word that is glued to it (``id_``, ``0x``): long parts of a run, and the
    first stretch of a smaller alphabet."""
    parts = clean.translate(_GLUE).split()
    long = [part for part in parts if len(part) >= RUN]  # what is shorter holds no stretch
    inner = (stretch for part in long for stretch in _stretches(part))
    return [*(long if len(parts) > 1 else ()), *inner]


def _stretches(part: bytes) -> Iterator[bytes]:
    for number, end in _smaller().find(part, len(_SMALLER) + 1).hits:
        rest = part[end - RUN :]
        yield rest[: len(rest) - len(rest.lstrip(_SMALLER[number]))]


@cache
def _smaller() -> Matcher:
    return matcher(
        Expression(rb"[%s]{%d}" % (re.escape(alphabet), RUN), once=True) for alphabet in _SMALLER
    )


def decode_run(run: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """Plausible decodings of a run of Base64 characters: (layer, data)."""
    clean = _digits(run)
    for part in (clean, *_parts(clean)):
        head = part[:256]
        if not head.translate(None, _HEX):
            yield from _keep("hex", _unhex(part), budget)
            if len(part) % 2:  # one more digit in front, or behind
                yield from _keep("hex", _unhex(part[1:]), budget)
            if part is clean:
                return
        if not head.translate(None, _B32):
            yield from _keep("base32", _unbase32(part), budget)
    begin = _PACKED.search(clean, 1, 256)
    for piece in (*_pieces(clean), *([clean[begin.start() :]] if begin else ())):
        standard = piece.translate(_STANDARD)
        for shift in range(4):
            verdict = _sampled(standard, shift)
            if verdict == "image":
                return
            if verdict:
                yield from _keep("base64", _unbase64(standard[shift:]), budget)
                break


def _digits(run: bytes) -> bytes:
    """A run without line breaks and padding."""
    if b"\\" in run:
        run = run.replace(b"\\n", b"").replace(b"\\r", b"").replace(b"\\/", b"/")
    return run.translate(None, _NOISE)


def in_pieces(run: bytes) -> bool:
    """Whether a run mixes both alphabets: it is a path with something in it."""
    return (b"/" in run or b"+" in run) and (b"_" in run or b"-" in run)


def _pieces(clean: bytes) -> list[bytes]:
    """Of a path the elements, each to be judged by itself."""
    if in_pieces(clean):
        parts = [part for part in clean.split(b"/") if len(part) >= RUN]
        return parts if b"+" not in clean else [clean]
    return [clean]


def _sampled(piece: bytes, shift: int) -> str:
    """What the decoding would be, judged by up to three samples of 96 bytes."""
    head = _sample(piece, shift)
    if head.startswith(_IMAGES):
        return "image"
    if _texty(head) or compressed(head) or head.startswith(b"PK\x03\x04"):
        return "data"
    if len(head) <= 48:
        return ""  # all of it was judged
    last = shift + (len(piece) - shift) // 4 * 4
    if len(piece) <= 256:
        return "data" if _texty(_sample(piece, max(shift, last - 64))) else ""
    places = (shift + (len(piece) // 8) * 4, last - 128)
    return "data" if any(_texty(_sample(piece, at)) for at in places) else ""


def _sample(piece: bytes, at: int) -> bytes:
    """Up to 96 bytes decoded from ``at`` on, whole groups of four characters only."""
    return binascii.a2b_base64(piece[at : at + min(128, (len(piece) - at) // 4 * 4)])


def _keep(layer: str, data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    if len(data) >= 8 and budget.take(len(data)):
        yield layer, data


def _texty(part: bytes) -> bool:
    odd = len(part.translate(None, _TEXT))
    return odd * 100 <= 8 * len(part) and len(part) >= 8 and part.count(0) * 3 <= 2 * len(part)


def _unhex(run: bytes) -> bytes:
    try:
        return binascii.unhexlify(run[: len(run) // 2 * 2])
    except binascii.Error:
        return b""


def _unbase64(run: bytes) -> bytes:
    run = run[:-1] if len(run) % 4 == 1 else run
    return binascii.a2b_base64(run + b"=="[: -len(run) % 4])


def _unbase32(run: bytes) -> bytes:
    """All whole bytes, also of a run that was cut or is glued to something."""
    if not run or run.translate(None, _B32):
        return b""
    size, over = divmod(5 * len(run), 8)
    return (int(run.translate(_B32_DIGITS), 32) >> over).to_bytes(size, "big")
