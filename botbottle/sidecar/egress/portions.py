"""Cuts what came on an HTTP/2 connection where so many frames end that they are work enough.

The library reads all frames that it is given before anybody hears of the first one. Large frames of
data are little work and stay together; a head is as much as what is in it, which one byte may stand
for (RFC 7541, 6.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

ENOUGH = 32  # frames of one portion
_HEAD = 9  # bytes of a frame's head (RFC 9113, 4.1)
_FIELDS = (1, 9)  # HEADERS, CONTINUATION (6.2, 6.10)
_DEAR = 4  # frames that one with fields counts for, beside its size
_BYTES = 64  # of fields that count for one frame


class Begun(Protocol):
    """The library's buffer: what came of a frame so far, or of the preface."""

    _data: bytearray
    _preamble_len: int


def portions(begun: Begun, data: bytes) -> Iterator[bytes]:
    """Parts of ``data``, at least one; together they are all of it."""
    start = work = 0
    for at, cost in _ends(begun, data):
        work += cost
        if work >= ENOUGH and at < len(data):
            yield data[start:at]
            start, work = at, 0
    yield data[start:]


def _ends(begun: Begun, data: bytes) -> Iterator[tuple[int, int]]:
    """Where each frame ends, and what it costs. One that ends later is not among them."""
    at = begun._preamble_len - len(begun._data)
    while at + _HEAD <= len(data):
        head = data[at : at + _HEAD] if at >= 0 else _across(begun._data, data, at)
        size = int.from_bytes(head[:3])
        at += _HEAD + size
        yield at, (_DEAR + size // _BYTES if head[3] in _FIELDS else 1)


def _across(begun: bytearray, data: bytes, at: int) -> bytes:
    """A frame's head that began before ``data``."""
    before = bytes(begun[len(begun) + at :][:_HEAD])
    return before + data[: _HEAD - len(before)]
