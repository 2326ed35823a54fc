"""Undo a response's content encodings piece by piece, within bounds.

Every byte that came in is decoded at once, so that an event is seen when it passes, and a body
without its trailer keeps the events already decoded. Output is handed on in pieces of at most
``PIECE`` bytes; a body that unpacks to more than ``SLACK`` plus ``MAX_RATIO`` times its own size
is a bomb and is refused with :class:`Undecodable`. Formats: RFC 1950-1952 (zlib, deflate, gzip;
several gzip members), RFC 7932 (br), RFC 8878 (zstd; several frames, window at most 8 MiB as
RFC 9659 asks).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

PIECE = 128 * 1024  # bytes handed on at a time
SLACK = 4 * 1024 * 1024  # bytes any body may unpack to
MAX_RATIO = 250  # decoded bytes per encoded byte beyond the slack
MAX_LAYERS = 3  # encodings stacked on one body
ZSTD_WINDOW = 8 * 1024 * 1024


class Undecodable(Exception):
    """The body cannot be decoded: unknown encoding, damaged, or a bomb. Text says which."""


class Decoder(Protocol):
    """One incremental decoder: bytes in, decoded pieces out. ``whole``: nothing was begun that has
    not ended, as far as the format tells."""

    @property
    def whole(self) -> bool: ...

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded pieces of at most about ``PIECE`` bytes. Raises Undecodable."""


class Identity:
    """No encoding."""

    whole = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The data itself."""
        if data:
            yield data


class Inflate:
    """gzip (any number of members), zlib, and raw deflate that some servers call ``deflate``."""

    def __init__(self, *, raw_allowed: bool) -> None:
        self._z = zlib.decompressobj(47)  # 32 + 15: detect gzip or zlib by the header
        self._raw_allowed = raw_allowed
        self._head = b""  # kept until the header is known to be good, for the raw fallback
        self._begun = False

    @property
    def whole(self) -> bool:
        return self._z.eof or not self._begun

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded pieces; a finished member is followed by the next one in the same bytes."""
        self._begun = self._begun or bool(data)
        while data:
            piece, data = self._step(data)
            if piece:
                self._raw_allowed = False
                yield piece

    def _step(self, data: bytes) -> tuple[bytes, bytes]:
        if self._z.eof:
            data = data.lstrip(b"\0")  # gzip allows zero padding between members
            if not data:
                return b"", b""
            self._z = zlib.decompressobj(47)
        try:
            piece = self._z.decompress(data, PIECE)
        except zlib.error as error:
            return self._as_raw(data, error)
        if self._raw_allowed:
            self._head += data[: 64 - len(self._head)]
        return piece, self._z.unconsumed_tail or self._z.unused_data

    def _as_raw(self, data: bytes, error: zlib.error) -> tuple[bytes, bytes]:
        if not self._raw_allowed:
            raise Undecodable(f"damaged deflate data: {error}") from None
        self._raw_allowed, self._z = False, zlib.decompressobj(-15)
        return b"", self._head + data


class Brotli:
    """RFC 7932 through the ``brotli`` package."""

    def __init__(self) -> None:
        import brotli  # here, not above: planning needs this package without its decoders

        self._error: type[Exception] = brotli.error
        self._b: Any = brotli.Decompressor()
        self._begun = False

    @property
    def whole(self) -> bool:
        return bool(self._b.is_finished()) or not self._begun

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded pieces; the decompressor keeps what did not fit and is asked again."""
        self._begun = self._begun or bool(data)
        try:
            piece = self._b.process(data, output_buffer_limit=PIECE)
            while piece:
                yield piece
                if self._b.can_accept_more_data():
                    return
                piece = self._b.process(b"", output_buffer_limit=PIECE)
        except self._error as error:
            raise Undecodable(f"damaged br data: {error}") from None


class _Sink:
    """Collects what zstd writes; stops it once one call has produced too much to be honest."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.room = 0

    def write(self, data: bytes) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise Undecodable("decompression bomb")
        self.pieces.append(bytes(data))
        return len(data)


class Zstd:
    """RFC 8878 through the ``zstandard`` package; frames may follow one another. The package does
    not tell whether the last one has ended."""

    whole = True

    def __init__(self) -> None:
        import zstandard  # here, not above: planning needs this package without its decoders

        self._error: type[Exception] = zstandard.ZstdError
        self._sink = _Sink()
        plain: Any = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
        self._z = plain.stream_writer(self._sink, write_size=PIECE, closefd=False)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded pieces. One call's output is bounded before it is made."""
        for start in range(0, len(data), PIECE):
            part = data[start : start + PIECE]
            self._sink.room = SLACK + MAX_RATIO * len(part)
            try:
                self._z.write(part)
            except self._error as error:
                raise Undecodable(f"damaged zstd data: {error}") from None
            pieces, self._sink.pieces = self._sink.pieces, []
            yield from pieces


_FACTORIES: dict[str, Callable[[], Decoder]] = {
    "identity": Identity,
    "gzip": lambda: Inflate(raw_allowed=False),
    "x-gzip": lambda: Inflate(raw_allowed=False),
    "deflate": lambda: Inflate(raw_allowed=True),
    "br": Brotli,
    "zstd": Zstd,
}


def _factory(name: str) -> Decoder:
    try:
        return _FACTORIES[name]()
    except KeyError:
        raise Undecodable(f"unknown content encoding {name[:32]!r}") from None
    except ImportError as error:
        raise Undecodable(f"no decoder for {name}: {error.name} is not installed") from None


class ContentDecoder:
    """All encodings of one body, undone in reverse order of the header, with the bomb bound.

    Raises :class:`Undecodable` from the constructor (unknown encoding) or from ``feed``; after
    that it must not be fed again.
    """

    def __init__(self, content_encoding: str) -> None:
        names = [n.strip().lower() for n in content_encoding.split(",") if n.strip()]
        if len(names) > MAX_LAYERS:
            raise Undecodable(f"{len(names)} stacked content encodings")
        self._layers = [_factory(n) for n in reversed(names)]
        self._in = self._out = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded pieces of the next encoded bytes."""
        return self._decoded(data) if self._layers else iter((data,))

    @property
    def whole(self) -> bool:
        """Whether the body may end here; one that was cut short may not."""
        return all(layer.whole for layer in self._layers)

    def _decoded(self, data: bytes) -> Iterator[bytes]:
        self._in += len(data)
        for piece in self._through(0, data):
            self._out += len(piece)
            if self._out > SLACK + MAX_RATIO * self._in:
                raise Undecodable("decompression bomb")
            yield piece

    def _through(self, layer: int, data: bytes) -> Iterator[bytes]:
        if layer == len(self._layers):
            yield data
            return
        for piece in self._layers[layer].feed(data):
            yield from self._through(layer + 1, piece)


def decode_all(data: bytes, content_encoding: str, limit: int) -> bytes:
    """A whole body decoded, at most ``limit`` bytes. Raises Undecodable."""
    if not content_encoding or content_encoding.strip().lower() == "identity":
        return data
    parts, size = [], 0
    for piece in ContentDecoder(content_encoding).feed(data):
        parts.append(piece)
        size += len(piece)
        if size > limit:
            raise Undecodable("body over the limit")
    return b"".join(parts)
