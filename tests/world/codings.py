"""Content codings: incremental encoders that flush after every event, and whole-body decoders."""

from __future__ import annotations

import zlib
from typing import Protocol

import brotli
import zstandard

PREFERENCE = ("zstd", "br", "gzip", "deflate")


class Encoder(Protocol):
    """Encodes a body piece by piece."""

    def event(self, data: bytes) -> bytes:
        """Everything up to the end of ``data``, decodable at once by the reader."""

    def end(self) -> bytes:
        """What closes the body."""


class Identity:
    """No coding."""

    def event(self, data: bytes) -> bytes:
        """The data itself."""
        return data

    def end(self) -> bytes:
        """Nothing."""
        return b""


class Deflate:
    """gzip (``wbits`` 31), zlib (15) or raw deflate (-15); optionally a new member per event."""

    def __init__(self, wbits: int, *, multi: bool = False) -> None:
        self._wbits = wbits
        self._multi = multi
        self._inner = self._new()

    def _new(self) -> zlib._Compress:
        return zlib.compressobj(6, zlib.DEFLATED, self._wbits)

    def event(self, data: bytes) -> bytes:
        """Compressed and sync-flushed."""
        out = self._inner.compress(data)
        if not self._multi:
            return out + self._inner.flush(zlib.Z_SYNC_FLUSH)
        out += self._inner.flush()
        self._inner = self._new()
        return out

    def end(self) -> bytes:
        """The trailer; after a closed member there is none to write."""
        return b"" if self._multi else self._inner.flush()


class Brotli:
    """brotli."""

    def __init__(self) -> None:
        self._inner = brotli.Compressor(quality=4)

    def event(self, data: bytes) -> bytes:
        """Compressed and flushed."""
        return bytes(self._inner.process(data) + self._inner.flush())

    def end(self) -> bytes:
        """The last block."""
        return bytes(self._inner.finish())


class Zstd:
    """zstd; optionally a new frame per event."""

    def __init__(self, *, multi: bool = False) -> None:
        self._multi = multi
        self._inner = zstandard.ZstdCompressor(level=3).compressobj()

    def event(self, data: bytes) -> bytes:
        """Compressed and flushed to a block, or to the end of a frame."""
        if self._multi:
            return zstandard.ZstdCompressor(level=3).compress(data)
        return self._inner.compress(data) + self._inner.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        """The end of the frame."""
        return b"" if self._multi else self._inner.flush()


def encoder(name: str, *, multi: bool = False) -> Encoder:
    """The encoder of that name (one of ``script.CODINGS``)."""
    if name == "gzip":
        return Deflate(31, multi=multi)
    if name in ("deflate", "raw-deflate"):
        return Deflate(15 if name == "deflate" else -15)
    if name == "br":
        return Brotli()
    return Zstd(multi=multi) if name == "zstd" else Identity()


def header_value(name: str) -> str:
    """What Content-Encoding says for a coding of ours (raw deflate hides behind ``deflate``)."""
    return "deflate" if name == "raw-deflate" else name


def negotiate(accept: str) -> str:
    """The coding we like best among those that Accept-Encoding offers with a weight above 0."""
    offered = set()
    for item in accept.lower().split(","):
        name, _, weight = item.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            offered.add(name.strip())
    return next((name for name in PREFERENCE if name in offered), "identity")


def decode(body: bytes, coding: str, limit: int) -> bytes:
    """The plain body; ``ValueError`` when it does not decode or exceeds ``limit`` bytes."""
    for name in reversed([part.strip().lower() for part in coding.split(",") if part.strip()]):
        body = _decode_one(body, name, limit)
    return body


def _decode_one(body: bytes, name: str, limit: int) -> bytes:
    try:
        if name in ("gzip", "x-gzip", "deflate"):
            plain = zlib.decompressobj(47).decompress(body, limit + 1)
        elif name == "br":
            plain = brotli.decompress(body)
        elif name == "zstd":
            plain = (
                zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(body)
            )
        else:
            plain = body
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        raise ValueError(f"body is not {name}") from error
    if len(plain) > limit:
        raise ValueError("body is too large")
    return plain
