"""AWS event streams: framed by length, guarded by two checksums."""

from __future__ import annotations

import random
import struct
import zlib

import pytest

from botbottle.meter.eventstream import BadFrame, EventStream
from tests.meter.truth.wire import aws_message

LIMIT = 1 << 20
# A message of the Smithy event stream test vectors ("all_headers" in spirit): every header type.
TYPED = (b"\x01t\x00" b"\x01f\x01" b"\x01b\x02\x01" b"\x01s\x03\x00\x01" b"\x01i\x04\0\0\0\x01"
         b"\x01l\x05\0\0\0\0\0\0\0\x01" b"\x01y\x06\x00\x02ab" b"\x01n\x07\x00\x02cd"
         b"\x01d\x08\0\0\0\0\0\0\0\x01" b"\x01u\x09" + bytes(16))  # fmt: skip


def _message(headers: bytes, payload: bytes) -> bytes:
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = head + struct.pack(">I", zlib.crc32(head)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def test_messages_survive_any_chunking() -> None:
    sent = [("event:chunk", b"a" * n) for n in (0, 1, 5000)] + [("exception:throttling", b"{}")]
    body = b"".join(aws_message(*m) for m in sent)
    for seed in range(50):
        rng, stream, got, at = random.Random(seed), EventStream(LIMIT), [], 0
        while at < len(body):
            step = rng.randint(1, 700)
            got += stream.feed(body[at : at + step])
            at += step
        assert got == sent


def test_headers_of_every_type_are_skipped_by_their_length() -> None:
    name = b"\x0b:event-type\x07\x00\x05chunk"
    assert list(EventStream(LIMIT).feed(_message(TYPED + name, b"x"))) == [("event:chunk", b"x")]


@pytest.mark.parametrize("at", range(0, 60, 7))
def test_a_flipped_bit_anywhere_is_found(at: int) -> None:
    message = bytearray(aws_message("event:chunk", b"payload of the message"))
    message[at % len(message)] ^= 1
    with pytest.raises(BadFrame):
        # A flip that enlarges the length makes the stream wait; the prelude checksum forbids it.
        list(EventStream(LIMIT).feed(bytes(message)))


def test_an_impossible_length_is_refused_before_it_is_buffered() -> None:
    head = struct.pack(">II", 0xFFFFFFFF, 0)
    with pytest.raises(BadFrame, match="impossible"):
        list(EventStream(LIMIT).feed(head + struct.pack(">I", zlib.crc32(head))))


@pytest.mark.parametrize("headers", [b"\x09abc", b"\x01a\x63", b"\x01a"])
def test_a_damaged_header_block_is_refused(headers: bytes) -> None:
    with pytest.raises(BadFrame):
        list(EventStream(LIMIT).feed(_message(headers, b"x")))
