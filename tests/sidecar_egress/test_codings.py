"""A Content-Encoding that nobody knows, or that is none, on a route with a credential."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from botbottle.model.route import Auth, Route
from botbottle.sidecar.egress.beginning import SHORT, Unsure
from botbottle.sidecar.egress.uncoded import codings
from tests.sidecar_egress.inside import SECRET, Inside
from tests.sidecar_egress.raw_client import code_of, read
from tests.sidecar_egress.raw_upstream import RawUpstream, answering
from tests.sidecar_egress.rig import EXAMPLE

BODY = b"a line with " + SECRET.encode()


def plain(data: bytes) -> bytes:
    return data


def asked(inside: Inside, head: str, body: bytes, *, sends: bytes = b"", kind: str = "") -> bytes:
    """What comes back for a request with ``sends``, encoded as ``kind``."""
    said = f"HTTP/1.1 200 OK\r\n{head}Connection: close\r\n\r\n".encode()
    with RawUpstream(inside.world.authority, EXAMPLE, answering(said + body)) as far:
        route = Route(EXAMPLE, far.port, Auth("Bearer", "T"), allow_private=True)
        inside.deliver(route, secrets={"T": SECRET})
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            fields = f"Host: {EXAMPLE}:{far.port}\r\nContent-Length: {len(sends)}\r\n"
            coding = f"Content-Encoding: {kind}\r\n" if kind else ""
            tls.sendall(f"POST /x HTTP/1.1\r\n{fields}{coding}\r\n".encode() + sends)
            return read(tls)


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("none", plain),
        ("UTF-8", plain),
        ("", plain),
        ("identity;q=1", plain),
        ("aws-chunked", plain),
        ("aws-chunked,gzip", gzip.compress),
        ("gzip; q=1", gzip.compress),
    ],
)
def test_a_word_that_is_no_coding_is_passed_over(
    inside: Inside, name: str, encode: Callable[[bytes], bytes]
) -> None:
    made = encode(BODY)
    reply = asked(inside, f"Content-Encoding: {name}\r\nContent-Length: {len(made)}\r\n", made)
    assert reply.startswith(b"HTTP/1.1 200") and b"a line with " + b"*" * len(SECRET) in reply
    assert b"ontent-" + b"encoding" not in reply.lower()
    text = encode(b"4\r\ntext\r\n0\r\n\r\n" if "aws" in name and encode is plain else b"text")
    if "," in name:  # in a request that is the form of what was sent, which is gzip no more
        name = "gzip"
    sent = asked(inside, "Content-Length: 2\r\n", b"ok", sends=text, kind=name)
    assert sent.endswith(b"ok")


@pytest.mark.parametrize("framing", ["length", "chunks", "end"])
@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("rot13", BODY),
        ("gzip", BODY),
        ("gzip", gzip.compress(BODY, mtime=0)[:-3]),
        ("gzip,gzip,gzip,gzip", BODY),
    ],
    ids=["unknown", "no gzip", "cut short", "four"],
)
def test_what_cannot_be_decoded_is_refused_in_words(
    inside: Inside, name: str, made: bytes, framing: str
) -> None:
    head = f"Content-Encoding: {name}\r\n"
    if framing == "length":
        head += f"Content-Length: {len(made)}\r\n"
    if framing == "chunks":
        head += "Transfer-Encoding: chunked\r\n"
        made = b"%x\r\n%b\r\n0\r\n\r\n" % (len(made), made)
    reply = asked(inside, head, made)
    if framing == "length" or name != "gzip" or BODY in made:
        assert code_of(reply) == "upstream-protocol"
    assert SECRET.encode() not in reply and not reply.endswith(b"\r\n0\r\n\r\n")


def test_a_request_that_nobody_can_look_into_is_refused_in_words(inside: Inside) -> None:
    for name in ("rot13", "gzip", "gzip,gzip,gzip,gzip"):
        assert code_of(asked(inside, "", b"", sends=b"text", kind=name)) == "dlp"


def test_a_field_is_read_as_the_codings_that_it_names() -> None:
    assert codings(" GZIP ;x=1, none,, br") == "gzip,br"
    assert codings("utf-8") == codings("") == codings("Identity") == ""
    assert codings("gzip2") == "gzip2"


def test_a_short_body_waits_for_its_end_and_a_long_one_for_its_beginning() -> None:
    def decoded(chunk: bytes) -> list[bytes]:
        return [chunk.upper()] if chunk and chunk != b"head" else []

    short = Unsure(decoded, short=True)
    assert not short.begins(b"head") and not short.begins(b"a")
    assert short.begins(b"")
    assert short(b"") == [b"A"]
    lied = Unsure(decoded, short=True)
    assert lied.begins(b"b" * (SHORT + 1))
    long = Unsure(decoded)
    assert not long.begins(b"head") and long.begins(b"a")
    assert (long(b"a"), long(b"c"), long(b"")) == ([b"A"], [b"C"], [])
