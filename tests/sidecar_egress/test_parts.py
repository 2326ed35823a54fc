"""Asking for parts of what repeats a credential brings no part of it."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from botbottle.model.route import Auth, Route
from botbottle.sidecar.egress.parts import whole
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_upstream import RawUpstream, some
from tests.sidecar_egress.rig import EXAMPLE

SECRET = "real-secret-value-0123"
KEYS = "AKIDEXAMPLE:real-signing-key-0123456789:session-token-0123456789"
RANGE = re.compile(rb"(?im)^(?:request-|x-ms-)?range: *bytes=(\d+)-(\d+)(?:,(\d+)-(\d+))?\r$")
HALVES = "0-23", "24-99"
NAMES = "Range", "range", "Request-Range", "X-Ms-Range", "X_Ms_Range"


def repeated(head: bytes) -> bytes:
    """What an upstream says of a request: its authorization, of which a part may be asked for."""
    sent = re.search(rb"(?im)^authorization: (.*)\r$", head)
    text = b"you sent me " + (sent[1] if sent else b"nothing, nothing at all")
    asked = RANGE.search(head)
    if asked is None:
        return b"HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: %d\r\n\r\n%b" % (
            len(text), text,
        )  # fmt: skip
    spans = [(int(a), int(b)) for a, b in (asked.group(1, 2), asked.group(3, 4)) if a]
    parts = [b"Content-Range: bytes %d-%d/*\r\n\r\n%b" % (a, b, text[a : b + 1]) for a, b in spans]
    if len(parts) == 1:
        fields, _, body = parts[0].partition(b"\r\n\r\n")
        fields += b"\r\n"
    else:
        fields = b"Content-Type: multipart/byteranges; boundary=B\r\n"
        body = b"".join(b"\r\n--B\r\n%b" % part for part in parts) + b"\r\n--B--\r\n"
    size = b"Content-Length: %d\r\n\r\n" % len(body)
    return b"HTTP/1.1 206 Partial Content\r\n" + fields + size + body


def talk(stream: socket.socket, head: bytes) -> None:
    while head:
        stream.sendall(repeated(head))
        head = stream.recv(65536)


@pytest.fixture
def far(inside: Inside) -> Iterator[RawUpstream]:
    with RawUpstream(inside.world.authority, EXAMPLE, talk) as made:
        yield made


def answers(inside: Inside, port: int, *asked: str) -> list[bytes]:
    """Answers to one request after the other, each with these fields."""
    found = []
    with inside.tunnel(EXAMPLE, port, "http/1.1") as tls:
        for fields in asked:
            tls.sendall(f"GET /x HTTP/1.1\r\nHost: {EXAMPLE}:{port}\r\n{fields}\r\n".encode())
            found.append(answer(tls))
    return found


def answer(tls: socket.socket) -> bytes:
    got = b""
    while True:
        got += some(tls)
        head, end, body = got.partition(b"\r\n\r\n")
        size = re.search(rb"(?i)content-length: (\d+)", head)
        if end and size and len(body) >= int(size[1]):
            return got


def body_of(reply: bytes) -> bytes:
    return reply.partition(b"\r\n\r\n")[2]


def with_credential(inside: Inside, port: int, auth: Auth | None, value: str) -> None:
    secrets = {"T": value} if auth else {}
    inside.deliver(Route(EXAMPLE, port, auth, allow_private=True), secrets=secrets)


@pytest.mark.parametrize("name", NAMES)
def test_two_halves_of_what_repeats_a_credential_are_two_times_the_whole(
    inside: Inside, far: RawUpstream, name: str
) -> None:
    with_credential(inside, far.port, Auth("Bearer", "T"), SECRET)
    got = answers(inside, far.port, *(f"{name}: bytes={half}\r\n" for half in HALVES))
    clean = b"you sent me Bearer " + b"*" * len(SECRET)
    assert [body_of(each) for each in got] == [clean, clean]
    for each in got:
        assert each.startswith(b"HTTP/1.1 200 ") and b"-range" not in each.lower()
        assert b"accept-ranges" not in each.lower()


def test_nor_do_bytes_one_by_one_or_several_parts_in_one_answer(
    inside: Inside, far: RawUpstream
) -> None:
    with_credential(inside, far.port, Auth("Bearer", "T"), SECRET)
    one_by_one = (f"Range: bytes={at}-{at}\r\nIf-Range: x\r\n" for at in range(19, 41))
    for each in answers(inside, far.port, *one_by_one, "Range: bytes=0-23,24-99\r\n"):
        assert each.startswith(b"HTTP/1.1 200 ") and body_of(each).endswith(b"*" * len(SECRET))


def test_without_a_credential_the_parts_come_as_they_are_asked_for(
    inside: Inside, far: RawUpstream
) -> None:
    with_credential(inside, far.port, None, "")
    asked = (f"Range: bytes={half}\r\n" for half in HALVES)
    several = "Range: bytes=0-3,4-7\r\n"
    first, second, both, plain = answers(inside, far.port, *asked, several, "")
    assert first.startswith(b"HTTP/1.1 206 ") and b"Content-Range: bytes 0-23/" in first
    assert body_of(first) + body_of(second) == b"you sent me nothing, nothing at all"
    assert b"multipart/byteranges" in both and b"--B\r\n" in both
    assert b"Accept-Ranges: bytes" in plain


def test_a_key_that_signs_does_not_travel_and_parts_come(inside: Inside, far: RawUpstream) -> None:
    with_credential(inside, far.port, Auth("sigv4", "T"), KEYS)
    scope = "Credential=PLACEHOLDER/20260101/eu-west-1/s3/aws4_request"
    line = f"Authorization: AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0\r\n"
    (got,) = answers(inside, far.port, f"{line}Range: bytes=0-11\r\n")
    assert got.startswith(b"HTTP/1.1 206 ") and body_of(got) == b"you sent me "
    assert b"Signature=" in far.received and b"real-signing-key" not in far.received


def put(inside: Inside, port: int, fields: str) -> bytes:
    with inside.tunnel(EXAMPLE, port, "http/1.1") as tls:
        tls.sendall(f"PUT /x HTTP/1.1\r\nHost: {EXAMPLE}:{port}\r\n{fields}\r\n".encode())
        return answer(tls)


@pytest.mark.parametrize("override", ["", "X-HTTP-Method-Override: GET\r\n"])
def test_where_a_put_writes_to_is_no_part_that_it_asks_for(
    inside: Inside, far: RawUpstream, override: str
) -> None:
    with_credential(inside, far.port, Auth("Bearer", "T"), SECRET)
    got = put(inside, far.port, f"x-ms-range: bytes=0-23\r\n{override}Content-Length: 0\r\n")
    sent = b"x-ms-range: bytes=0-23" in far.received.lower()
    assert sent == (not override), "one that may be taken for a GET asks for the whole"
    assert SECRET.encode() not in got


def test_what_only_looks_like_a_range_stays() -> None:
    fields = ((b"Content-Range", b"bytes 0-1/2"), (b"X-Range", b"1"), (b"Ranges", b"2"))
    assert whole((*fields, (b"RANGE", b"bytes=0-"), (b"If_Range", b"x"))) == fields
