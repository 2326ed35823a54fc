"""The framing of a container's output (Engine API, "Attach to a container", stream format).

One byte of stream (0 stdin, 1 stdout, 2 stderr), three zero bytes, a big-endian uint32 length,
then the payload.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_FRAME = struct.Struct(">BxxxL")


class Frames:
    """Incremental parser: bytes in as they come, complete payloads out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        self._buffer += data
        while len(self._buffer) >= _FRAME.size:
            kind, size = _FRAME.unpack_from(self._buffer)
            end = _FRAME.size + size
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[_FRAME.size : end])
            del self._buffer[:end]
            yield kind, payload
