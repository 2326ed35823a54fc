"""Uploads larger than what is kept whole: judged block by block, on routes that allow it."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.dlp import OUTBOUND, Scanner
from botbottle.model.route import Auth
from botbottle.sidecar.egress.passing import Passing, UploadRefused
from botbottle.sidecar.egress.upload import MAX_BODY, Upload
from tests.sidecar_egress.raw_client import code_of, read
from tests.sidecar_egress.raw_upstream import RawUpstream, some
from tests.sidecar_egress.rig import ANTHROPIC, EXAMPLE, Rig

SECRET = b"real-secret-value-0123"
TOKEN = b"ghp_" + b"A1b2C3d4E5f6G7h8I9j0" + b"K1l2M3n4O5p6Q7r8"
MIB = 1024 * 1024
WORDS = (b"ordinary text that is nobody's secret. " * 30_000)[:MIB]


SCANNER = Scanner({"T": SECRET}, key=b"k")


def through(chunks: list[bytes]) -> tuple[bytes, bool]:
    """(what left, whether the upload was refused)"""
    upload, left = Passing(Upload(SCANNER, OUTBOUND, tuple, lambda found: None)), b""
    try:
        for chunk in (*chunks, b""):
            left += b"".join(upload(chunk))
    except UploadRefused:
        return left, True
    return left, False


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400_000), st.lists(st.integers(1, 90_000), min_size=1, max_size=12),
       st.sampled_from([SECRET, TOKEN, SECRET.hex().encode()]))  # fmt: skip
def test_no_part_of_a_secret_leaves_however_a_body_is_cut(
    at: int, sizes: list[int], secret: bytes
) -> None:
    body = WORDS[:at] + b" " + secret + b" " + WORDS[:200_000]
    chunks: list[bytes] = []
    start = 0
    while start < len(body):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(body[start : start + size])
        start += size
    left, refused = through(chunks)
    assert refused
    assert body.startswith(left)
    assert secret[:8] not in left


def test_a_clean_body_leaves_whole_and_in_order() -> None:
    body = os.urandom(MIB) + WORDS
    left, refused = through([body[i : i + 70_001] for i in range(0, len(body), 70_001)])
    assert (left, refused) == (body, False)


@pytest.mark.parametrize("ended", [True, False], ids=["after-the-end", "after-a-refusal"])
def test_nothing_passes_once_a_body_is_over(ended: bool) -> None:
    upload = Passing(Upload(SCANNER, OUTBOUND, tuple, lambda found: None))
    assert upload(b"first words") == []
    if ended:
        assert upload(b"") == [b"first words"]
    else:
        with pytest.raises(UploadRefused):
            upload(WORDS[:100_000] + SECRET + WORDS[:100_000])
    for more in (b"more", b"", SECRET):
        with pytest.raises(UploadRefused):
            upload(more)


def sends(
    rig: Rig, body: Iterator[bytes], length: int | None, extra: str = "", port: int = 0
) -> bytes:
    """The answer to a POST whose body is sent as it is made."""
    framing = f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked"
    head = f"POST /upload HTTP/1.1\r\nHost: {EXAMPLE}\r\nConnection: close\r\n{extra}{framing}"
    with rig.tunnel(EXAMPLE, port=port) as tls:
        tls.sendall(head.encode() + b"\r\n\r\n")
        try:
            for piece in body:
                tls.sendall(piece if length is not None else b"%x\r\n%b\r\n" % (len(piece), piece))
            if length is None:
                tls.sendall(b"0\r\n\r\n")
        except OSError:
            pass  # refused before the end: the answer tells why
        return read(tls, 60)


def pieces(count: int) -> Iterator[bytes]:
    return (WORDS for _ in range(count))


def digest(count: int) -> str:
    found = hashlib.sha256()
    for piece in pieces(count):
        found.update(piece)
    return found.hexdigest()


@pytest.mark.parametrize("announced", [True, False], ids=["content-length", "chunked"])
def test_a_large_body_passes_where_the_route_allows_it(rig: Rig, announced: bool) -> None:
    count = MAX_BODY // MIB + 4
    length = count * MIB if announced else None
    rig.configure(rig.route(EXAMPLE, auth=Auth("Bearer", "T"), stream_uploads=True),
                  secrets={"T": SECRET.decode()})  # fmt: skip
    reply = sends(rig, pieces(count), length, "Authorization: Bearer mine\r\n")
    assert code_of(reply) == "" and digest(count).encode() in reply
    (record,) = rig.world.requests(host=EXAMPLE)
    assert record["auth"] == {"authorization": f"Bearer {SECRET.decode()}"}
    # The negative control: without the key the same upload is refused.
    rig.configure(rig.route(EXAMPLE))
    assert code_of(sends(rig, pieces(count), length)) == "too-large"
    assert len(rig.world.requests(0.2, host=EXAMPLE)) == 1


def test_memory_does_not_grow_with_the_body(own: Rig) -> None:
    own.configure(own.route(EXAMPLE, stream_uploads=True))
    sends(own, pieces(40), 40 * MIB)
    before = own.sidecar.forget_peak()
    reply = sends(own, pieces(128), 128 * MIB)
    assert digest(128).encode() in reply
    assert own.sidecar.peak() - before <= 8 * MIB


def test_a_body_that_was_sent_is_not_kept(own: Rig) -> None:
    """A flow is part of a cycle that is collected much later; its body must not wait for that."""
    body = WORDS[: MIB - 1]
    head = f"POST /x HTTP/1.1\r\nHost: {EXAMPLE}\r\nContent-Length: {len(body)}\r\n\r\n"
    with own.tunnel(EXAMPLE) as tls:
        tls.settimeout(60)
        for number in range(60):
            if number == 10:
                before = own.sidecar.forget_peak()
            tls.sendall(head.encode() + body)
            answer = b""
            while b'"status":404' not in answer:
                answer += some(tls)
    grown = own.sidecar.peak() - before
    assert grown <= 6 * MIB, f"{grown / MIB:.1f} MiB"


@pytest.mark.parametrize("leak", [SECRET, TOKEN], ids=["secret", "token"])
def test_a_body_with_a_secret_is_broken_off_and_the_secret_does_not_arrive(
    rig: Rig, leak: bytes
) -> None:
    total = 40 * MIB

    def body() -> Iterator[bytes]:
        yield from pieces(10)
        yield WORDS[:-100] + b" " + leak + b" "
        yield from pieces(30)

    with RawUpstream(rig.world.authority, EXAMPLE, _reads_only) as far:
        route = rig.route(EXAMPLE, port=far.port, stream_uploads=True)
        other = rig.route(ANTHROPIC, auth=Auth("Bearer", "T"))
        rig.configure(route, other, secrets={"T": SECRET.decode()})
        reply = sends(rig, body(), total, port=far.port)
        assert code_of(reply) == "dlp"
        assert leak[:12] not in far.received
        assert len(far.received) < total, "the upstream never saw a whole request"


def _reads_only(stream: socket.socket, head: bytes) -> None:
    """An upstream that answers nothing."""


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("Content-Encoding: gzip\r\n", "too-large"),
        ("X-Leak: real-secret-value-0123\r\n", "dlp"),
        (f"Host: {ANTHROPIC}\r\n", "host-mismatch"),
    ],
    ids=["compressed", "secret-in-the-head", "two-hosts"],
)
def test_what_cannot_be_judged_on_the_way_is_refused_before_a_byte_leaves(
    rig: Rig, extra: str, expected: str
) -> None:
    route = rig.route(EXAMPLE, stream_uploads=True)
    other = rig.route(ANTHROPIC, auth=Auth("Bearer", "T"))
    rig.configure(route, other, secrets={"T": SECRET.decode()})
    assert code_of(sends(rig, pieces(40), 40 * MIB, extra)) == expected
    assert rig.world.requests(0.2) == []
    assert rig.world.truth()["connections"] == []


def test_a_model_request_is_never_streamed_up(rig: Rig) -> None:
    rig.configure(rig.route(ANTHROPIC, provider="claude", stream_uploads=True))
    head = f"POST /v1/messages HTTP/1.1\r\nHost: {ANTHROPIC}\r\n"
    head += f"Content-Length: {40 * MIB}\r\n\r\n"
    with rig.tunnel(ANTHROPIC) as tls:
        tls.sendall(head.encode())
        assert code_of(read(tls)) == "too-large"
    assert rig.world.requests(0.2) == []
