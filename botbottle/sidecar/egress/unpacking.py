"""Decoders for compressed files that arrive in pieces, by how such a file begins.

Formats: gzip (RFC 1952), members of ZIP archives (APPNOTE.TXT 4.3.7), bzip2, xz and Zstandard
(RFC 8878). All of them allow one behind the other; each begins anew.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from typing import Any

from botbottle.dlp import frames
from botbottle.dlp.coding import XZ_MEMORY, zstandard

MAGIC = re.compile(rb"\x1f\x8b\x08|PK\x03\x04|\x28\xb5\x2f\xfd|BZh[1-9]1AY&SY|\xfd7zXZ\x00")
LONGEST = 10  # bytes that tell how a file begins

_PIECE = 4096  # bytes that a decoder is given at once
_FEW = 128  # for one whose output has no bound: they give 4 MiB at most
_WINDOW = 32 * 1024 * 1024  # bytes that a decoder may look back
_HEAD = 30  # bytes of a ZIP member's header before its name
_ZSTD = () if zstandard is None else (zstandard.ZstdError,)
_BROKEN = (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError, MemoryError, *_ZSTD)


class Unreadable(Exception):
    """It is such a file, and needs more memory than there is for it."""


class Unpacking:
    """One file. ``over``: it ended, or is none, or is damaged from here on."""

    def __init__(self, name: str, engine: Any, piece: int = _PIECE) -> None:
        self.name, self._engine, self._piece = name, engine, piece
        self.over = False
        self._head = b""

    def feed(self, data: bytes | memoryview, most: int) -> bytes:
        """What it gives for more of it, about ``most`` bytes. Raises Unreadable."""
        out, view = bytearray(), memoryview(data)
        self._head += bytes(view[: frames.HEAD - len(self._head)])
        for at in range(0, len(view), self._piece):
            if self.over or len(out) >= most:
                break
            out += self._step(view[at : at + self._piece], most - len(out))
        return bytes(out)

    def _step(self, piece: memoryview, most: int) -> bytes:
        bound = (most,) if self._piece == _PIECE else ()
        try:
            made: bytes = self._engine.decompress(piece, *bound)
            self.over = self._engine.eof
        except _BROKEN as error:
            return self._broken(error)
        return made

    def _broken(self, error: Exception) -> bytes:
        """A window that is too large tells of itself by its words alone. Programs hold the magic
        of zstd as a constant, and what follows there is no head of a frame; xz has a checksum."""
        known = self.name != "zstd" or len(self._head) < frames.HEAD or frames.plausible(self._head)
        if known and "memory" in str(error).lower():
            raise Unreadable(self.name) from None
        self.over = True
        return b""


class _Member:
    """A ZIP archive's member: what follows its header, which is raw deflate or is seen as it is."""

    def __init__(self) -> None:
        self._head, self._inner = b"", zlib.decompressobj(-15)
        self._begun = False

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    def decompress(self, data: memoryview, most: int) -> bytes:
        if self._begun:
            return self._inner.decompress(data, most)
        self._head += data
        if len(self._head) < _HEAD:
            return b""
        lengths = (int.from_bytes(self._head[i : i + 2], "little") for i in (26, 28))
        start = _HEAD + sum(lengths)
        if len(self._head) <= start:
            return b""
        rest, self._head, self._begun = self._head[start:], b"", True
        return self._inner.decompress(rest, most)


def unpacking(head: bytes) -> Unpacking:
    """The decoder of a file by its first four bytes. Raises Unreadable."""
    if head.startswith(b"\x1f\x8b"):
        return Unpacking("gzip", zlib.decompressobj(31))
    if head.startswith(b"PK"):
        return Unpacking("zip", _Member())
    if head.startswith(b"BZh"):
        return Unpacking("bzip2", bz2.BZ2Decompressor())
    if head.startswith(b"\xfd"):
        return Unpacking("xz", lzma.LZMADecompressor(memlimit=XZ_MEMORY))
    if zstandard is None:
        raise Unreadable("zstd")
    engine = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
    return Unpacking("zstd", engine, _FEW)
