"""Uploads of AWS's programs, which come in pieces, leave as one, judged and signed as a whole."""

from __future__ import annotations

import hashlib
import socket

import pytest

from botbottle.model.route import Auth, Route
from botbottle.sidecar.egress import piecewise
from botbottle.sidecar.egress.piecewise import Malformed
from tests.sidecar_egress.inside import SECRET, Inside
from tests.sidecar_egress.raw_client import code_of, read
from tests.sidecar_egress.raw_upstream import RawUpstream, some
from tests.sidecar_egress.rig import EXAMPLE

SCOPE = "AWS4-HMAC-SHA256 Credential=P/20260101/eu-west-1/s3/aws4_request, Signature=0"
FIELDS = (
    f"Authorization: {SCOPE}\r\nContent-Encoding: aws-chunked\r\n"
    "X-Amz-Trailer: x-amz-checksum-crc32\r\nX-Amz-Decoded-Content-Length: 9\r\n"
    "X-Amz-Content-SHA256: {}\r\n"
)
UNSIGNED, SIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
TRAILER = b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:0f\r\n\r\n"


def pieces(*parts: bytes, extension: bytes = b"") -> bytes:
    made = b"".join(b"%x%b\r\n%b\r\n" % (len(p), extension, p) for p in parts)
    return made + b"0" + extension + b"\r\n" + TRAILER


def put(inside: Inside, body: bytes, digest: str, *, chunked: bool = False) -> tuple[bytes, bytes]:
    """What comes back, and what arrived."""

    def talk(stream: socket.socket, head: bytes) -> None:
        while not head.partition(b"\r\n\r\n")[2].endswith(b"ghi"):
            head += some(stream)
        came.append(head)
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    came: list[bytes] = []
    with RawUpstream(inside.world.authority, EXAMPLE, talk) as far:
        aws = Route(EXAMPLE, far.port, Auth("sigv4", "A"), allow_private=True)
        inside.deliver(aws, secrets={"A": f"AKIDREAL:{SECRET}"})
        framing = f"Content-Length: {len(body)}\r\n"
        if chunked:
            framing, body = "Transfer-Encoding: chunked\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (
                len(body), body,
            )  # fmt: skip
        head = f"PUT /b/k HTTP/1.1\r\nHost: {EXAMPLE}:{far.port}\r\n{FIELDS.format(digest)}"
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            tls.sendall(f"{head}{framing}\r\n".encode() + body)
            return read(tls), b"".join(came)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("digest", "extension"), [(UNSIGNED, b""), (SIGNED, b";chunk-signature=" + b"0" * 64)]
)
def test_a_file_in_pieces_arrives_whole_and_is_signed(
    inside: Inside, digest: str, extension: bytes, *, chunked: bool
) -> None:
    reply, came = put(
        inside, pieces(b"abc", b"defghi", extension=extension), digest, chunked=chunked
    )
    assert reply.endswith(b"ok")
    head, _, body = came.partition(b"\r\n\r\n")
    fields = [line.partition(b": ") for line in head.lower().split(b"\r\n")[1:]]
    told = {name: value for name, _, value in fields}
    assert body == b"abcdefghi" and told[b"content-length"] == b"9"
    assert told[b"x-amz-content-sha256"] == hashlib.sha256(b"abcdefghi").hexdigest().encode()
    assert told[b"x-amz-checksum-crc32"] == b"aaaaaa=="
    assert b"credential=akidreal/" in told[b"authorization"]
    assert not {b"transfer-encoding", b"content-encoding", b"x-amz-trailer"} & told.keys()
    assert len(told) == len(fields), "no header twice"


@pytest.mark.parametrize(
    "body",
    [
        b"plain",
        b"3\r\nabc\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"-1\r\n",
        b"1\r\na\r\n" * 9999 + b"0\r\n\r\n",
        b"0\r\n" + b"x" * 9999,
    ],
)
def test_what_is_not_in_the_announced_pieces_is_refused(inside: Inside, body: bytes) -> None:
    reply, came = put(inside, body, UNSIGNED)
    assert (code_of(reply), came) == ("bad-request", b"")


def test_nothing_leaves_between_the_pieces(inside: Inside) -> None:
    """Nor can a secret be cut by them."""
    secret = SECRET.encode()
    reply, came = put(inside, pieces(secret[:9], secret[9:], b"ghi"), UNSIGNED)
    assert (code_of(reply), came) == ("dlp", b"")
    fields = ((b"Content-Encoding", b"gzip, aws-chunked"), (b"X-Amz-Content-SHA256", b"STREAMING-"))
    head, body = piecewise.whole(fields, pieces(b"text", extension=b";x=" + secret))
    assert body == b"text" and secret not in b"".join(n + v for n, v in head)
    assert dict(head)[b"Content-Encoding"] == b"gzip"
    with pytest.raises(Malformed):
        piecewise.whole(fields, b"4 \r\ntext\r\n0\r\n\r\n")
    assert piecewise.is_piecewise(fields) and not piecewise.is_piecewise(((b"x", b"aws-chunked"),))
