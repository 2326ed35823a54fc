"""Bodies that AWS's programs send in signed or checked pieces (``aws-chunked``), put together.

What is scanned and signed is the file, as it would be sent whole. The signatures of the pieces are
the agent's placeholder's; of the trailer, checksums go along as the headers that they are in a
request of one piece.

Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring
Payload in Multiple Chunks"; "... Including Trailing Headers".
"""

from __future__ import annotations

import hashlib
import re

from botbottle.sidecar.egress.stripping import Fields

_CODING, _DIGEST = b"aws-chunked", b"x-amz-content-sha256"
_SAID = frozenset({
    b"x-amz-decoded-content-length", b"x-amz-trailer", b"content-length", b"transfer-encoding",
    _DIGEST,
})  # fmt: skip
_HEAD = re.compile(rb"([0-9a-fA-F]{1,8})(?:;[!-~]{1,200})?\r\n")
_CHECKSUM = re.compile(rb"(x-amz-checksum-[a-z0-9]{1,12}):([A-Za-z0-9+/=]{1,100})")
_LEAST = 1024  # bytes of a piece on an average; S3 asks for 8 KiB of each but the last
_FEW = 64  # pieces of any size


class Malformed(ValueError):
    """The body does not have the form that its head says."""


def is_piecewise(headers: Fields) -> bool:
    """Whether a body comes in pieces."""
    return any(
        (name.lower() == _DIGEST and value.startswith(b"STREAMING-"))
        or (name.lower() == b"content-encoding" and _CODING in _words(value))
        for name, value in headers
    )


def whole(headers: Fields, body: bytes) -> tuple[Fields, bytes]:
    """Head and body of the same request in one piece. Raises Malformed."""
    joined, trailers = _joined(body)
    kept = tuple(f for f in map(_uncoded, headers) if f[1] and f[0].lower() not in _SAID)
    told = (
        (_DIGEST, hashlib.sha256(joined).hexdigest().encode()),
        (b"content-length", b"%d" % len(joined)),
    )
    return (*kept, *told, *trailers), joined


def _joined(body: bytes) -> tuple[bytes, Fields]:
    """The pieces, and the checksums that follow the last, which is empty."""
    pieces: list[bytes] = []
    at, room = 0, _FEW + len(body) // _LEAST
    while found := _HEAD.match(body, at):
        size, start = int(found[1], 16), found.end()
        if not size:
            return b"".join(pieces), _trailers(body[start:])
        at = start + size + 2
        room -= 1
        if body[at - 2 : at] != b"\r\n" or not room:
            raise Malformed
        pieces.append(body[start : at - 2])
    raise Malformed


def _trailers(rest: bytes) -> Fields:
    """Checksums among the lines of a trailer; its signature is void."""
    if len(rest) > _LEAST:
        raise Malformed
    lines = (_CHECKSUM.fullmatch(line.strip()) for line in rest.split(b"\n"))
    return tuple((found[1], found[2]) for found in lines if found)


def _uncoded(item: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    if item[0].lower() != b"content-encoding":
        return item
    return item[0], b",".join(word for word in _words(item[1]) if word != _CODING)


def _words(value: bytes) -> list[bytes]:
    return [word.strip().lower() for word in value.split(b",")]
