"""Readers over streams: a part of one, and what one unpacks to. Forward only, bounded memory."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from botbottle.dlp.coding import XZ_MEMORY, zstandard

CHUNK = 64 * 1024
_WINDOW = 64 * 1024**2  # bytes that zstd may look back


class Damaged(Exception):
    """What the beginning promised does not go on."""


class CutOff(Damaged):
    """It ends before it should."""


class Readable(Protocol):
    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end."""


class Source:
    """A stream of pieces as something to read from. ``seen`` gets every byte that is taken."""

    def __init__(
        self, pieces: Iterator[bytes], seen: Callable[[bytes], None] = lambda _data: None
    ) -> None:
        self._pieces = pieces
        self.seen = seen
        self._buffer = bytearray()

    def peek(self, size: int) -> bytes:
        """The next bytes without taking them."""
        self._fill(size)
        return bytes(self._buffer[:size])

    def read(self, size: int) -> bytes:
        self._fill(size)
        data = bytes(self._buffer[:size])
        del self._buffer[: len(data)]
        self.seen(data)
        return data

    def rest(self) -> None:
        """Take everything that is left."""
        while self.read(CHUNK):
            pass

    def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            piece = next(self._pieces, None)
            if piece is None:
                return
            self._buffer += piece


class Part:
    """The next ``left`` bytes of another reader, in pieces."""

    def __init__(self, source: Readable, size: int) -> None:
        self._source = source
        self.left = size

    def pieces(self) -> Iterator[bytes]:
        """Raises Damaged when the source ends before the part does."""
        while self.left > 0:
            data = self._source.read(min(self.left, CHUNK))
            if not data:
                raise CutOff("cut off")
            self.left -= len(data)
            yield data


def unpacked(head: bytes, source: Source) -> Iterator[bytes] | None:
    """What a packed stream holds, in pieces; None when it is not packed in a known way. The
    pieces raise Damaged."""
    if head.startswith(b"\x1f\x8b"):
        return _stream(source, lambda: zlib.decompressobj(31))
    if head.startswith(b"BZh"):
        return _stream(source, bz2.BZ2Decompressor)
    if head.startswith(b"\xfd7zXZ\0"):
        return _stream(source, lambda: lzma.LZMADecompressor(memlimit=XZ_MEMORY))
    if head.startswith(b"\x28\xb5\x2f\xfd") and zstandard is not None:
        return _stream(source, _zstd)
    return None


def _zstd() -> object:
    return zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()


def _stream(source: Source, start: Callable[[], object]) -> Iterator[bytes]:
    """Concatenated streams of one kind, as all these formats allow. A small input piece can
    unpack to a thousand times its size, so inputs are small."""
    waiting = b""
    while waiting or source.peek(1):
        if waiting.strip(b"\0") == b"" and waiting:
            return  # padding
        worker = start()
        while not getattr(worker, "eof", False):
            data = waiting or source.read(4096)
            if not data:
                raise CutOff("cut off")
            waiting = b""
            yield _step(worker, data)
        waiting = getattr(worker, "unused_data", b"")


def _step(worker: object, data: bytes) -> bytes:
    try:
        made: bytes = worker.decompress(data)  # type: ignore[attr-defined]
    except (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError) as error:
        raise Damaged(type(error).__name__) from error
    except Exception as error:  # zstandard's own error class, where that wheel is installed
        if zstandard is None or not isinstance(error, zstandard.ZstdError):
            raise
        raise Damaged("zstd") from error
    return made


def is_zip(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04")


def zip_entries(source: Source) -> Iterator[tuple[str, Iterator[bytes]]]:
    """(name, content) of each entry by its local header; ends at the central directory. What is
    encrypted or packed in another way than deflate is Damaged."""
    while (head := source.read(30))[:4] == b"PK\x03\x04" and len(head) == 30:
        flags, method = (int.from_bytes(head[i : i + 2], "little") for i in (6, 8))
        size = int.from_bytes(head[18:22], "little")
        name_size, extra = (int.from_bytes(head[i : i + 2], "little") for i in (26, 28))
        name = source.read(name_size).decode(errors="replace")
        source.read(extra)
        later = bool(flags & 8)
        if flags & 1 or method not in (0, 8) or (method == 0 and later):
            raise Damaged("a zip entry that cannot be read in passing")
        if method == 0:
            part = Part(source, size)
            yield name, part.pieces()
            for _ in part.pieces():
                pass
        else:
            inflating = _inflate(source)
            yield name, inflating
            for _ in inflating:
                pass
        if later:
            _descriptor(source)


def _inflate(source: Source) -> Iterator[bytes]:
    worker = zlib.decompressobj(-15)
    while not worker.eof:
        data = source.peek(4096)
        if not data:
            raise CutOff("cut off")
        try:
            made = worker.decompress(data)
        except zlib.error as error:
            raise Damaged("deflate") from error
        source.read(len(data) - len(worker.unused_data))
        yield made


def _descriptor(source: Source) -> None:
    """The sizes after an entry: 12 to 24 bytes, so the next header is looked for."""
    for size in (12, 16, 20, 24):
        if source.peek(size + 4)[size : size + 2] == b"PK":
            source.read(size)
            return
    raise Damaged("no data descriptor")
