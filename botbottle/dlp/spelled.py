"""Compressed data that is written as text: as Python, JSON and forms write bytes.

``repr(zlib.compress(..))``, the same in JSON, a JSON string of one character for each byte, and
``x%9C..``. The beginning tells; what follows is undone at C speed, and is opened by a decoder that
refuses what is none.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from botbottle.dlp.engines.base import Expression
from botbottle.dlp.escapes import percent
from botbottle.dlp.inflate import compressed

LONGEST = 16  # bytes of a beginning
WINDOW = 64 * 1024  # bytes that are undone from a beginning on
HEAD = 1024  # bytes of them that show whether it is compressed data at all
_CUT = 16  # bytes at the end of what a head spells that an escape may be cut in
_FIRST = 512  # bytes that a decoder is given first: it tells nothing of what it refuses in them

_BYTES = (
    rb"\x1f\x8b",
    *(rb"x\x" + second for second in (b"9c", b"da", b"01")),
    rb"\u001f\u008b",
    *(rb"x\u00" + second for second in (b"9c", b"da", b"01")),
)
_BEGINNINGS = (
    *_BYTES,
    *(text.replace(b"\\", b"\\\\") for text in _BYTES),  # in JSON once more
    b"\\\\u001f\\u008b",  # in JSON that is ASCII what was JSON that is not
    b"\\u001f\xc2\x8b",
    b"x\xc2\x9c",
    b"x\xc3\x9a",
    b"%1f%8b",
    *(first + second for first in (b"%78", b"x") for second in (b"%9c", b"%da", b"%01", b"%5e")),
)
EXPRESSIONS = tuple(
    Expression(re.escape(text), (text,), caseless=text.isascii(), plain=True)
    for text in _BEGINNINGS
)
_LAST = re.compile(rb"(?i)(?:%s)\Z" % b"|".join(map(re.escape, _BEGINNINGS)))
_ESCAPED = (
    (b"\\\\", b"\\u005c"),
    (b"\\x", b"\\u00"),
    *((b"\\" + sign, b"\\u%04x" % code) for sign, code in zip(
        (b"n", b"r", b"t", b"b", b"f", b"'", b'"', b"/"), b"\n\r\t\b\f'\"/", strict=True
    )),
)  # fmt: skip


def beginning(text: bytes) -> bytes:
    """The beginning of compressed data at the end of ``text``, as it is written; b"" if none."""
    found = _LAST.search(text)
    return found[0] if found else b""


def packed(text: bytes, begun: bytes) -> Iterator[tuple[str, bytes]]:
    """(kind, data) for what ``text`` may spell that begins as compressed data does: all of it, or
    the beginning where a decoder refuses that already."""
    heads = list(undone(text[:HEAD], begun))
    kinds = [compressed(head[:8]) for head in heads]
    refused = [_refused(head[:-_CUT]) for head in heads]
    short = len(text) <= HEAD or all(
        no or not kind for kind, no in zip(kinds, refused, strict=True)
    )
    for kind, data in zip(kinds, heads if short else undone(text, begun), strict=True):
        if kind:
            yield kind, data


def _refused(head: bytes) -> bool:
    """Whether a decoder of gzip and zlib takes not even what it is given first."""
    try:
        zlib.decompressobj(47).decompress(head[:_FIRST])
    except zlib.error:
        return True
    return False


def undone(text: bytes, begun: bytes) -> Iterator[bytes]:
    """What ``text`` may spell, which begins as ``begun`` does: bytes written in JSON are escaped
    once or twice."""
    if b"%" in begun:
        yield percent(text)
        return
    text = text.decode("utf-8", "replace").encode("latin-1", "replace")
    for _ in range(2):
        text = _unescaped(text)
        yield text


def _unescaped(text: bytes) -> bytes:
    for escape, code in _ESCAPED:
        text = text.replace(escape, code)
    return text.decode("raw_unicode_escape", "replace").encode("latin-1", "replace")
