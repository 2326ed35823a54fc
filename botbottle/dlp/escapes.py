"""Escapes undone at C speed: percent, JSON, hex, HTML, slashes, quoted-printable, unseen signs."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator
from string import ascii_letters, digits

_STRETCH, _LONGEST = 2048, 8
_ENTITY = re.compile(rb"&#(?:\d{2,4}|[xX][0-9a-fA-F]{2,4});")
_HIDDEN = tuple(sign.encode() for sign in "\u00ad\u200b\u200c\u200d\u2060\ufeff")
_WIDE = tuple((chr(ord(sign) + 0xFEE0), sign) for sign in ascii_letters + digits + "-_")
_BRACED = re.compile(rb"\\u\{(?:00){0,2}([2-7][0-9a-fA-F])\}")
_SIGNS = bytes.maketrans(b"%=", b"=%")

MANY = 64  # occurrences of an escape from which the whole surface is unescaped
_GRID, _OVERLAP = 65536, 1024


def windows(ends: list[int] | None, size: int) -> Iterator[tuple[int, int]]:
    """Where to unescape: around the given ends, or (None) everything in overlapping pieces."""
    if ends is None:
        for low in range(0, size, _GRID):
            yield low, min(size, low + _GRID + _OVERLAP)
        return
    low = high = 0
    for end in ends:
        if end - 400 > high:
            if high:
                yield low, high
            low = max(0, end - 400)
        high = min(size, end + 800)
    if high:
        yield low, high


def unescape(index: int, data: bytes) -> tuple[str, bytes]:
    """The view for trigger ``index``: its name and the text with that escape undone."""
    name, undo = _ESCAPES[index]
    return name, undo(data)


def _unicode(data: bytes) -> bytes:
    data = data.replace(b"\\\\", b"\\").replace(b"%u00", b"\\u00").replace(b"\\U0000", b"\\u")
    if b"\\u{" in data:
        data = _BRACED.sub(rb"\\u00\1", data)
    return data.decode("raw_unicode_escape", "replace").encode("latin-1", "replace")


def _hex_escapes(data: bytes) -> bytes:
    return percent(data.replace(b"%", b"%25").replace(b"\\\\x", b"%").replace(b"\\x", b"%"))


def percent(data: bytes) -> bytes:
    """RFC 3986 section 2.1 undone once; a ``%`` that begins no escape stays.

    Quoted-printable is the same code with another sign and has a decoder at C speed that bears with
    what is no escape: so the two signs change places, and what quoted-printable alone gives a
    meaning (the sign twice, or in front of the end of a line) is escaped first.
    """
    if b"%%" in data:  # of three signs in a row the first pass leaves two
        data = data.replace(b"%%", b"%25%").replace(b"%%", b"%25%")
    data = data.replace(b"%\n", b"%25\n").replace(b"%\r", b"%25\r")
    if data.endswith(b"%"):
        data += b"25"
    data = data.replace(b"%3D", b"=").replace(b"%3d", b"=").replace(b"%25", b"%3D")
    return binascii.a2b_qp(data.translate(_SIGNS)).translate(_SIGNS)


def _entities(data: bytes) -> bytes:
    """Numeric references of printable ASCII (one C-speed replace for each form that occurs), quotes
    and ampersands.

    The forms of one stretch are replaced everywhere before the next stretch that still has some is
    looked at.
    """
    at = data.find(b"&#")
    while at >= 0:
        shorter = _replaced(data, at)
        # What follows has moved up, so the stretch is looked at again until nothing changes.
        passed = at if len(shorter) < len(data) else at + _STRETCH - _LONGEST
        data = shorter
        at = data.find(b"&#", passed)
    return data.replace(b"&quot;", b'"').replace(b"&amp;", b"&")


def _replaced(data: bytes, at: int) -> bytes:
    for form in set(_ENTITY.findall(data, at, at + _STRETCH)):
        digits = form[2:-1]
        code = int(digits[1:], 16) if digits[:1] in b"xX" else int(digits)
        if 32 <= code < 127:
            data = data.replace(form, bytes([code]))
    return data


def _slashes(data: bytes) -> bytes:
    return data.replace(b"\\\\/", b"/").replace(b"\\/", b"/")


def _quoted_printable(data: bytes) -> bytes:
    return binascii.a2b_qp(data)


def _unseen(data: bytes) -> bytes:
    """Without signs that nobody sees; full-width letters as those of ASCII."""
    if b"\\u" in data or b"\\U" in data:
        text = data.replace(b"\\\\", b"\\").decode("raw_unicode_escape", "replace")
        data = text.encode("utf-8", "surrogatepass")
    for sign in _HIDDEN:
        data = data.replace(sign, b"")
    if b"\xef\xbc" not in data and b"\xef\xbd" not in data:
        return data
    text = data.decode("utf-8", "replace")
    for wide, letter in _WIDE:  # in place, and thrice as fast as ``translate``
        text = text.replace(wide, letter)
    return text.encode("utf-8", "replace")


_ESCAPES: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("percent", percent),
    ("unicode", _unicode),
    ("hex-escape", _hex_escapes),
    ("html", _entities),
    ("slashes", _slashes),
    ("quoted-printable", _quoted_printable),
    ("unseen", _unseen),
)
NAMES = frozenset({"form", *(name for name, _ in _ESCAPES)})  # of the layers that are undone so
