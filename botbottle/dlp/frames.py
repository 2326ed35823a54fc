"""Where a zstd frame ends (RFC 8878 section 3.1.1), without opening it.

Its decoders tell where one ends only where they may give any number of bytes at once, of which a
block of four bytes makes 128 KB.
"""

from __future__ import annotations

from typing import NamedTuple

HEAD = 18  # bytes of a magic and the longest header
_MAGIC, _RESERVED, _CHECKSUM = 4, 8, 4  # bytes; two bits of the descriptor
_RLE, _INVALID = 1, 3  # types of blocks
_LARGEST = 128 * 1024  # bytes of a block


class Extent(NamedTuple):
    """``end``: bytes up to which it is a frame; ``blocks`` of it; ``whole``: it ends there."""

    end: int
    blocks: int
    whole: bool


def plausible(head: bytes) -> bool:
    """Whether what follows the magic may be a frame: programs hold magics as constants."""
    first = _first_block(head)
    return len(head) >= HEAD and first > 0 and _block(head, first) is not None


def header(head: bytes) -> bytes:
    """What is in front of the first block; all of it where there is none."""
    return head[: _first_block(head) or len(head)]


def extent(view: memoryview, most: int) -> Extent:
    """Of the frame that ``view`` begins with, by the sizes of ``most`` blocks at most."""
    head = bytes(view[:HEAD])
    at, blocks, last = _first_block(head), 0, False
    if not at:
        return Extent(0, 0, whole=False)
    while not last:
        block = _block(view, at)
        if block is None or blocks == most:
            return Extent(min(at, len(view)), blocks, whole=False)
        size, last = block
        at, blocks = at + size, blocks + 1
    at += 4 if head[_MAGIC] & _CHECKSUM else 0
    return Extent(min(at, len(view)), blocks, whole=at <= len(view))


def _first_block(head: bytes) -> int:
    """Where the first block begins; 0 where there is none, or a bit is set that nobody sets."""
    if len(head) <= _MAGIC or head[_MAGIC] & _RESERVED:
        return 0
    flags = head[_MAGIC]
    single = flags >> 5 & 1
    size = (1 if single else 0, 2, 4, 8)[flags >> 6]
    return _MAGIC + 1 + size + (0, 1, 2, 4)[flags & 3] + 1 - single


def _block(data: bytes | memoryview, at: int) -> tuple[int, bool] | None:
    """The bytes that the block at ``at`` takes, and whether it is the last; None: it is none."""
    head = int.from_bytes(data[at : at + 3], "little")
    kind, size = head >> 1 & 3, head >> 3
    if at + 3 > len(data) or kind == _INVALID or size > _LARGEST:
        return None
    return 3 + (1 if kind == _RLE else size), bool(head & 1)
