"""Compressed data and ZIP archives, opened under the message's budget."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from botbottle.dlp.budget import Budget
from botbottle.dlp.coding import XZ_MEMORY, zstd_pieces
from botbottle.dlp.frames import extent, header, plausible

_FIRST, _CHUNK = 512, 64 * 1024  # bytes that a decoder is given at once
_LEAST = 512  # bytes that a stream counts as, however short it is
_FRAME, _BLOCK = 2048, 128  # bytes that a frame and a block of zstd count as, besides their own
_HEAD, _LOCAL = 30, b"PK\x03\x04"
_FIELDS = (4, 6, 8, 26)  # of the version, the flags, the method and the length of the name
_DEFLATED, _NEWEST = 8, 63  # a method, and ten times the version of the format
_RESERVED, _LONGEST_NAME = 0xC000, 512  # flags that nobody sets, bytes
_OWN_MAGIC = (12, 93, 95)  # methods whose data begins as such a file does: bzip2, zstd, xz
_METHODS = (*range(1, 20), 98, 99)  # all others that APPNOTE.TXT section 4.4.5 knows
# What compressed data begins with; of zlib the first byte, the second is checked.
MAGICS = (b"\x1f\x8b\x08", b"\x78", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0")


class Unreadable(Exception):
    """What is surely compressed data, and cannot be opened."""


class Member(NamedTuple):
    """Of an archive: what can be read, and from where to where it was; ``end`` is 0 where that is
    not known. ``unreadable``: it is encrypted, or packed in an unknown way."""

    data: bytes
    start: int
    end: int = 0
    unreadable: bool = False


def compressed(data: bytes) -> str:
    """The compression a byte string starts with, or ""."""
    if not data.startswith(MAGICS):
        return ""
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


def inflate(
    kind: str,
    view: memoryview,
    budget: Budget,
    start: int = 0,
    begun: set[int] | None = None,
    *,
    copy: bool = False,
) -> bytes:
    """Decompress what begins at ``start`` under the budget, stream behind stream; what was
    readable, b"" when nothing was.

    ``begun``: where streams begin that were decompressed already; goes on up to one of them, and
    adds where others begin. Raises Unreadable where it is surely such data and nothing was. Not so
    where ``view`` is a ``copy`` in which escapes were undone, and data with the same header was
    begun already: escapes in compressed data are none, and undoing them damages it.
    """
    known = copy and _header(kind, view[start:]) in budget.headers
    begun = set() if begun is None else begun
    cap = min(max(0, budget.left), max(_CHUNK, (len(view) - start) * budget.ratio)) + 1
    out, at, first = bytearray(), start, kind
    while kind and at not in begun and not budget.exceeded and len(out) < cap:
        begun.add(at)
        budget.headers.add(_header(kind, view[at:]))
        used = _stream(kind, view[at:], out, cap, budget)
        at += used
        kind = compressed(bytes(view[at : at + 8])) if used else ""
    if len(out) >= cap:
        budget.exceeded = True
    if not (known or out) and at == start and _surely(first, bytes(view[start : start + _HEAD])):
        raise Unreadable(first)
    budget.take(len(out))
    return bytes(out)


def _header(kind: str, view: memoryview) -> bytes:
    """What tells how much memory is needed, and which dictionary; b"" where nothing does.

    The .xz file format section 3.1: the size of a block's header is its first byte.
    """
    if kind == "zstd":
        return header(bytes(view[:_HEAD]))
    return bytes(view[: 16 + 4 * view[12]]) if kind == "xz" and len(view) > 12 else b""


def _surely(kind: str, head: bytes) -> bool:
    """Whether what follows the magic is right, too: programs hold magics as constants.

    The .xz file format section 2.1.1: flags and their CRC-32.
    """
    if kind == "xz":
        crc = int.from_bytes(head[8:12], "little")
        return len(head) >= 12 and head[6] == 0 and zlib.crc32(head[6:8]) == crc
    return kind == "zstd" and plausible(head)


def _stream(kind: str, view: memoryview, out: bytearray, cap: int, budget: Budget) -> int:
    """Append what one stream holds; the bytes that it takes, 0 where it does not end here."""
    if not budget.begin():
        return 0
    before = budget.input
    used = (
        _frame(view, out, cap, budget)
        if kind == "zstd"
        else _fed(_engine(kind), view, out, cap, budget)
    )
    budget.read(max(0, _LEAST - (before - budget.input)))
    return used


def _frame(view: memoryview, out: bytearray, cap: int, budget: Budget) -> int:
    """The same for a frame of zstd, of which a block costs something however short it is."""
    end, blocks, whole = extent(view, max(0, budget.input) // _BLOCK + 1)
    if not budget.read(end + _BLOCK * blocks + _FRAME):
        return 0
    with suppress(ValueError):  # damage at the end does not hide the beginning
        for piece in zstd_pieces(bytes(view[:end])):
            out += piece
            if len(out) >= cap:
                return 0
        return end if whole else 0
    return 0


def _fed(engine: Any, view: memoryview, out: bytearray, cap: int, budget: Budget) -> int:
    """The same for a decoder that takes pieces: small ones first, most streams are short."""
    at, size = 0, _FIRST
    while at < len(view):
        piece = view[at : at + size]
        try:
            out += engine.decompress(piece, max(1, cap - len(out)))
        except (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError):
            budget.read(len(piece))
            return 0  # damage at the end does not hide the beginning
        at += len(piece) - len(engine.unused_data)
        if not budget.read(len(piece) - len(engine.unused_data)) or engine.eof:
            return at if engine.eof else 0
        if len(out) >= cap:
            return 0
        size = min(8 * size, _CHUNK)
    return 0


def _engine(kind: str) -> Any:
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    if kind == "xz":
        return lzma.LZMADecompressor(memlimit=XZ_MEMORY)
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
        yield member
        at = data.find(_LOCAL, max(member.end, at + len(_LOCAL)))


def _member(view: memoryview, at: int, budget: Budget) -> Member:
    head = bytes(view[at : at + _HEAD])
    if len(head) < _HEAD:
        return Member(b"", at)
    version, flags, method, name = (int.from_bytes(head[i : i + 2], "little") for i in _FIELDS)
    start = at + _HEAD + name + int.from_bytes(head[28:30], "little")
    # Readers go by the directory at the end: what is said to be stored here may be packed there.
    out = bytearray()
    cap = min(max(0, budget.left), max(_CHUNK, (len(view) - start) * budget.ratio)) + 1
    used = 0 if flags & 1 else _fed(zlib.decompressobj(-15), view[start:], out, cap, budget)
    budget.exceeded = budget.exceeded or len(out) >= cap
    closed = flags & 1 or (method in _METHODS and method not in (_DEFLATED, *_OWN_MAGIC))
    real = version <= _NEWEST and not flags & _RESERVED and 0 < name <= _LONGEST_NAME
    data = bytes(out) if out and budget.take(len(out)) else b""
    return Member(data, at, start + used if used else 0, unreadable=bool(closed and real))
