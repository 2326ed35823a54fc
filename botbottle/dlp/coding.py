"""Content-Encoding: undo what a body was sent with, or say that it cannot be undone."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Iterator
from typing import Any

from botbottle.dlp.budget import Budget


def _optional(name: str) -> Any:
    """A module, or None where its wheel is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


brotli = _optional("brotli")
zstandard = _optional("zstandard")

_CHUNK = 65536
XZ_MEMORY = 96 * 1024**2  # of which only as much is touched as is written: ``xz -9`` asks for 65


class Undecodable(Exception):
    """The body's coding is unknown, damaged, or expands beyond the bounds."""


def decode_body(body: bytes, content_encoding: str, budget: Budget) -> bytes:
    """``body`` with all codings undone, last applied first; raises :class:`Undecodable`."""
    names = [name.strip().lower() for name in content_encoding.split(",") if name.strip()]
    for name in reversed(names):
        body = _undo(name, body, budget)
    return body


def _undo(name: str, body: bytes, budget: Budget) -> bytes:
    if name == "identity" or not body:
        return body
    cap = min(budget.left, max(_CHUNK * 16, len(body) * budget.ratio))
    try:
        plain: bytes = _decoder(name)(body, cap + 1, budget)
    except Undecodable:
        raise
    except (zlib.error, ValueError, MemoryError) as error:
        raise Undecodable(name) from error
    return plain


def _decoder(name: str) -> Any:
    if name in ("gzip", "x-gzip"):
        return _gzip
    if name == "deflate":
        return _deflate
    if name == "br" and brotli is not None:
        return _brotli
    if name == "zstd" and zstandard is not None:
        return lambda body, cap, budget: _fits(unzstd(body, cap), cap, budget)
    raise Undecodable(name)


def _gzip(body: bytes, cap: int, budget: Budget) -> bytes:
    """All members (RFC 1952 allows several); trailing bytes are refused."""
    out = bytearray()
    while body:
        engine = zlib.decompressobj(31)
        out += engine.decompress(body, cap - len(out))
        if not engine.eof:
            raise Undecodable("gzip")
        body = engine.unused_data
    return _fits(bytes(out), cap, budget)


def _deflate(body: bytes, cap: int, budget: Budget) -> bytes:
    """zlib format (RFC 9110), or raw deflate as some clients send it."""
    for wbits in (15, -15):
        engine = zlib.decompressobj(wbits)
        try:
            out = engine.decompress(body, cap)
        except zlib.error:
            continue
        if engine.eof and not engine.unused_data:
            return _fits(out, cap, budget)
    raise Undecodable("deflate")


def _brotli(body: bytes, cap: int, budget: Budget) -> bytes:
    engine = brotli.Decompressor()
    out = bytearray()
    try:
        out += engine.process(body, output_buffer_limit=cap)
        while not engine.is_finished() and len(out) < cap:
            more = engine.process(b"", output_buffer_limit=cap - len(out))
            if not more:
                break
            out += more
    except brotli.error as error:
        raise Undecodable("br") from error
    if not engine.is_finished():
        raise Undecodable("br")
    return _fits(bytes(out), cap, budget)


def unzstd(body: bytes, cap: int) -> bytes:
    """Decompress zstd frames up to ``cap`` bytes; raises ValueError when damaged."""
    out = bytearray()
    for piece in zstd_pieces(body):
        out += piece[: cap - len(out)]
        if len(out) >= cap:
            break
    return bytes(out)


def zstd_pieces(body: bytes) -> Iterator[bytes]:
    """What zstd frames hold, piece by piece; raises ValueError where they are damaged."""
    if zstandard is None:
        raise ValueError("zstd is not available")
    engine = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    try:
        with engine.stream_reader(body, read_across_frames=True) as reader:
            while piece := reader.read(_CHUNK):
                yield piece
    except zstandard.ZstdError as error:
        raise ValueError("damaged zstd") from error


def _fits(out: bytes, cap: int, budget: Budget) -> bytes:
    if len(out) >= cap or not budget.take(len(out)):
        raise Undecodable("expands beyond the bounds")
    return out
