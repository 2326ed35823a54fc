"""Frames of ``application/vnd.amazon.eventstream``, the framing of Bedrock's streams.

Message: u32 total length, u32 headers length, u32 CRC of those eight bytes, headers, payload,
u32 CRC of everything before it (big endian, CRC-32 of IEEE 802.3). Header: u8 name length, name,
u8 type, value whose length its type gives. Source: the Smithy event stream specification
("Amazon Event Stream"). A frame comes out as ("event:chunk", payload) or
("exception:throttlingException", payload).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from botbottle.meter.lines import Frame

PRELUDE = struct.Struct(">III")
OVERHEAD = 16  # prelude and the two CRCs around headers and payload
# Value length by header type; None: a u16 length comes first (byte array, string).
_SIZES: tuple[int | None, ...] = (0, 0, 1, 2, 4, 8, None, None, 8, 16)
STRING = 7


class BadFrame(Exception):
    """The stream is not an event stream any more: wrong checksum or impossible length."""


def _headers(block: bytes) -> dict[str, str]:
    found, at = {}, 0
    try:
        while at < len(block):
            name_end = at + 1 + block[at]
            name, kind = block[at + 1 : name_end].decode("utf-8", "replace"), block[name_end]
            at = name_end + 1
            size = _SIZES[kind]
            if size is None:
                size = int.from_bytes(block[at : at + 2], "big")
                at += 2
            if kind == STRING:
                found[name] = block[at : at + size].decode("utf-8", "replace")
            at += size
    except IndexError:
        raise BadFrame("damaged header block") from None
    return found


def _name(headers: dict[str, str]) -> str:
    kind = headers.get(":message-type", "event")
    named = headers.get(":event-type") or headers.get(":exception-type")
    return f"{kind}:{named or headers.get(':error-code', '')}"


class EventStream:
    """Incremental decoder with both checksums verified. ``limit`` bounds one message."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self.dropped = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Messages that these bytes complete. Raises BadFrame."""
        self._buffer += data
        while (message := self._message()) is not None:
            headers_length = int.from_bytes(message[4:8], "big")
            headers = _headers(message[12 : 12 + headers_length])
            yield _name(headers), message[12 + headers_length : -4]

    def close(self) -> Iterator[Frame]:
        """Nothing: a message without its checksum is not a message."""
        return iter(())

    def _message(self) -> bytes | None:
        if len(self._buffer) < PRELUDE.size:
            return None
        total, headers_length, crc = PRELUDE.unpack_from(self._buffer)
        if zlib.crc32(self._buffer[:8]) != crc:
            raise BadFrame("wrong prelude checksum")
        if not headers_length + OVERHEAD <= total <= self._limit:
            raise BadFrame(f"impossible message length {total}")
        if len(self._buffer) < total:
            return None
        message = bytes(self._buffer[:total])
        del self._buffer[:total]
        if zlib.crc32(message[:-4]) != int.from_bytes(message[-4:], "big"):
            raise BadFrame("wrong message checksum")
        return message
