"""Compressed data and ZIP archives, opened under the message's budget."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from botbottle.dlp.budget import Budget
from botbottle.dlp.coding import zstd_pieces

_CHUNK = 64 * 1024
_STREAMS = 64  # one behind the other, as all these formats allow
_XZ_MEMORY = 96 * 1024**2  # of which only as much is touched as is written: ``xz -9`` asks for 65
_SURE = ("xz", "zstd")  # magics that nothing begins with by chance
_HEAD, _LOCAL = 30, b"PK\x03\x04"
_DEFLATED, _NEWEST = 8, 63  # a method, and ten times the version of the format
_OWN_MAGIC = (12, 93, 95)  # methods whose data begins as such a file does: bzip2, zstd, xz
_METHODS = (*range(1, 20), 98, 99)  # all others that APPNOTE.TXT section 4.4.5 knows


class Unreadable(Exception):
    """What is surely compressed data, and cannot be opened."""


class Member(NamedTuple):
    """Of an archive; ``unreadable``: it is encrypted, or packed in an unknown way."""

    data: bytes
    start: int
    unreadable: bool = False


def compressed(data: bytes) -> str:
    """The compression a byte string starts with, or ""."""
    if data[:3] == b"\x1f\x8b\x08":
        return "gzip"
    if (
        len(data) > 2
        and data[0] & 0x8F == 8
        and data[0] == 0x78
        and (data[0] << 8 | data[1]) % 31 == 0
    ):
        return "zlib"
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return "zstd"
    if data[:3] == b"BZh":
        return "bzip2"
    return "xz" if data[:6] == b"\xfd7zXZ\0" else ""


def inflate(kind: str, data: bytes | memoryview, budget: Budget) -> bytes:
    """Decompress under the budget, stream behind stream; what was readable, b"" when nothing was.

    Raises Unreadable where it is surely such data and nothing was.
    """
    cap = min(max(0, budget.left), max(_CHUNK, len(data) * budget.ratio)) + 1
    out = bytearray()
    view, first, opened = memoryview(data), kind, False
    for _ in range(_STREAMS):
        used = _stream(kind, view, out, cap)
        opened = opened or used > 0
        kind = compressed(bytes(view[used : used + 8])) if used else ""
        view = view[used:]
        if not kind or len(out) >= cap:
            break
    if len(out) >= cap or kind:
        budget.exceeded = True
    if not (out or opened) and first in _SURE:
        raise Unreadable(first)
    budget.take(len(out))
    return bytes(out)


def _stream(kind: str, view: memoryview, out: bytearray, cap: int) -> int:
    """Append what one stream holds; the bytes that it takes, 0 where it does not end here."""
    if kind == "zstd":  # its reader goes on to the next frame
        with suppress(ValueError):  # what is behind the frames may be anything
            for frame in zstd_pieces(bytes(view)):
                out += frame
                if len(out) >= cap:
                    return 0
            return len(view)
        return 0
    engine = _engine(kind)
    for at in range(0, len(view), _CHUNK):
        piece = view[at : at + _CHUNK]
        try:
            out += engine.decompress(piece, max(1, cap - len(out)))
        except (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError):
            return 0  # damage at the end does not hide the beginning
        if engine.eof:
            return at + len(piece) - len(engine.unused_data)
        if len(out) >= cap:
            return 0
    return 0


def _engine(kind: str) -> Any:
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    if kind == "xz":
        return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
    return zlib.decompressobj(47)


def unzip(view: memoryview, first: int, budget: Budget) -> Iterator[Member]:
    """The members of ZIP archives (APPNOTE.TXT section 4.3.7), from ``first`` on, each under the
    budget: every local header, whatever a directory at the end says. What is stored is there to
    be seen, and is left out."""
    whole: object = view.obj  # which is not copied
    data = whole if isinstance(whole, bytes) and len(whole) == len(view) else bytes(view)
    at = data.find(_LOCAL, first)
    while at >= 0 and not budget.exceeded:
        member = _member(view, at, budget)
        if member is not None:
            yield member
        at = data.find(_LOCAL, at + len(_LOCAL))


def _member(view: memoryview, at: int, budget: Budget) -> Member | None:
    head = bytes(view[at : at + _HEAD])
    if len(head) < _HEAD:
        return None
    flags, method = (int.from_bytes(head[i : i + 2], "little") for i in (6, 8))
    start = at + _HEAD + sum(int.from_bytes(head[i : i + 2], "little") for i in (26, 28))
    # Readers go by the directory at the end: what is said to be stored here may be packed there.
    plain = b"" if flags & 1 else _inflated(view[start:], budget)
    closed = flags & 1 or (method in _METHODS and method not in (_DEFLATED, *_OWN_MAGIC))
    if closed and head[4] <= _NEWEST:
        return Member(plain, at, unreadable=True)
    return Member(plain, at) if plain else None


def _inflated(view: memoryview, budget: Budget) -> bytes:
    cap = min(max(0, budget.left), max(_CHUNK, len(view) * budget.ratio)) + 1
    engine, out = zlib.decompressobj(-15), bytearray()
    for at in range(0, len(view), _CHUNK):
        try:
            out += engine.decompress(view[at : at + _CHUNK], max(1, cap - len(out)))
        except zlib.error:
            break
        if engine.eof or len(out) >= cap:
            break
    budget.exceeded = budget.exceeded or len(out) >= cap
    return bytes(out) if budget.take(len(out)) else b""
