"""The framing of ``application/vnd.amazon.eventstream``.

A message is: total length, header length, CRC of those eight bytes (all u32 big-endian), the
headers (u8 name length, name, type 7, u16 value length, value), the payload, CRC of everything
before it. Source: the AWS SDKs' event-stream specification.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from zlib import crc32

STRING = 7


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One framed message."""
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    body = prelude + struct.pack(">I", crc32(prelude)) + head + payload
    return body + struct.pack(">I", crc32(body))


def event(kind: str, payload: bytes) -> bytes:
    """An event message with a JSON payload."""
    names = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return message(names, payload)


def exception(kind: str, payload: bytes) -> bytes:
    """An exception message: an error in the middle of a stream, on HTTP 200."""
    return message(
        {
            ":exception-type": kind,
            ":content-type": "application/json",
            ":message-type": "exception",
        },
        payload,
    )


def _header(name: str, value: str) -> bytes:
    raw_name, raw = name.encode(), value.encode()
    head = struct.pack(">B", len(raw_name)) + raw_name
    return head + struct.pack(">BH", STRING, len(raw)) + raw
