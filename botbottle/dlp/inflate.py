"""Compressed data and ZIP archives, opened under the message's budget."""

from __future__ import annotations

import bz2
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator

from botbottle.dlp.budget import Budget
from botbottle.dlp.coding import unzstd


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


def inflate(kind: str, data: bytes, budget: Budget) -> bytes:
    """Decompress under the budget; what was readable, b"" when nothing was."""
    cap = min(max(0, budget.left), max(65536, len(data) * budget.ratio)) + 1
    try:
        out = _decompress(kind, data, cap)
    except (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError):
        return b""
    if len(out) >= cap:
        budget.exceeded = True
    budget.take(len(out))
    return out


def _decompress(kind: str, data: bytes, cap: int) -> bytes:
    if kind in ("gzip", "zlib"):
        return _partial(zlib.decompressobj(47), data, cap)
    if kind == "bzip2":
        return bz2.BZ2Decompressor().decompress(data, cap)
    if kind == "xz":
        return lzma.LZMADecompressor(memlimit=64 << 20).decompress(data, cap)
    return unzstd(data, cap)


def _partial(engine: zlib._Decompress, data: bytes, cap: int) -> bytes:
    """Decompress chunk by chunk, so that damage at the end does not hide the beginning."""
    out = bytearray()
    for at in range(0, len(data), 65536):
        try:
            out += engine.decompress(data[at : at + 65536], cap - len(out))
        except zlib.error:
            break
        if len(out) >= cap or engine.eof:
            break
    return bytes(out)


def unzip(data: bytes, budget: Budget) -> Iterator[bytes]:
    """The contents of a ZIP archive's members (APPNOTE.TXT), each under the budget."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist()[:256]:
                cap = min(budget.left, max(65536, info.compress_size * budget.ratio))
                with archive.open(info) as member:
                    content = member.read(cap + 1)
                budget.exceeded = budget.exceeded or len(content) > cap
                if not budget.take(len(content)):
                    return
                yield content
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, zlib.error, EOFError):
        return
