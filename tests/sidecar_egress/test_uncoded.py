"""Nothing of a credential is told by how well its echo can be compressed."""

from __future__ import annotations

import gzip
import random
import re
import socket
import zlib

import brotli
import pytest

from botbottle.meter.decode import Undecodable
from botbottle.model.route import Auth, Route
from botbottle.sidecar.egress.uncoded import CutShort, TooMuch, Undoing, asked
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_client import read
from tests.sidecar_egress.raw_upstream import RawUpstream, some
from tests.sidecar_egress.rig import EXAMPLE

SECRET = "kX9vQ2mZ7pL4tR8wB3nY6cF1hJ5dS0aG"
ASKED = "Accept-Encoding: gzip\r\naccept_encoding: br\r\nTE: gzip\r\ngrpc-accept-encoding: gzip\r\n"


def repeating(stream: socket.socket, head: bytes) -> None:
    """Compresses what it got, and tells the length first."""
    body = gzip.compress(head, mtime=0)
    length = b"" if head.startswith(b"GET /chunks") else b"Content-Length: %d\r\n" % len(body)
    chunked = b"" if length else b"Transfer-Encoding: chunked\r\n"
    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n" + length + chunked + b"\r\n")
    if head.startswith(b"HEAD "):
        return
    for at in range(0, len(body), 7):
        piece = body[at : at + 7]
        stream.sendall(piece if length else b"%x\r\n%b\r\n" % (len(piece), piece))
    stream.sendall(b"" if length else b"0\r\n\r\n")


def answer(inside: Inside, port: int, asks: str, guess: str, version: str = "1.1") -> bytes:
    with inside.tunnel(EXAMPLE, port, "http/1.1") as tls:
        head = f"{asks} HTTP/{version}\r\nHost: {EXAMPLE}:{port}\r\nX-Guess: Bearer {guess}\r\n"
        tls.sendall(f"{head}{ASKED}Connection: close\r\n\r\n".encode())
        return read(tls)


@pytest.mark.parametrize("asks", ["GET /length", "GET /chunks", "HEAD /length"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_right_guess_gets_an_answer_as_long_as_a_wrong_one(
    inside: Inside, asks: str, version: str
) -> None:
    right, wrong = SECRET[:6], "q0q1q2"
    with RawUpstream(inside.world.authority, EXAMPLE, repeating) as far:
        for auth, told in ((Auth("Bearer", "T"), False), (None, True)):
            secrets = {"T": SECRET} if auth else {}
            inside.deliver(Route(EXAMPLE, far.port, auth, allow_private=True), secrets=secrets)
            replies = [answer(inside, far.port, asks, g, version) for g in (right, wrong)]
            assert (b"gzip" in replies[0].partition(b"\r\n\r\n")[0]) is told
            if auth:
                assert len(replies[0]) == len(replies[1]) and SECRET.encode() not in replies[0]
                assert b"ontent-" not in replies[0].partition(b"\r\n\r\n")[0]
                assert (b"*" * len(SECRET) in replies[0]) is asks.startswith("GET")
    sent = re.findall(rb"(?im)^(?:grpc-)?(?:accept.encoding|te): .*\r$", far.received)
    assert {line.lower() for line in sent if b"identity" in line} == {
        b"accept-encoding: identity\r"
    }


@pytest.mark.parametrize("status", ["304 Not Modified", "204 No Content", "200 OK"])
def test_what_has_no_body_gets_none(inside: Inside, status: str) -> None:
    """Otherwise the end of it would be taken for the beginning of the next answer."""
    asks = "HEAD" if status == "200 OK" else "GET"

    def talk(stream: socket.socket, head: bytes) -> None:
        fields = b"Content-Encoding: gzip\r\nETag: x\r\n"
        while head:
            length = b"Content-Length: 99\r\n" if asks == "HEAD" else b""
            stream.sendall(b"HTTP/1.1 " + status.encode() + b"\r\n" + fields + length + b"\r\n")
            head = stream.recv(65536)

    with RawUpstream(inside.world.authority, EXAMPLE, talk) as far:
        route = Route(EXAMPLE, far.port, Auth("Bearer", "T"), allow_private=True)
        inside.deliver(route, secrets={"T": SECRET})
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            for last in (b"", b"Connection: close\r\n"):
                head = f"{asks} /x HTTP/1.1\r\nHost: {EXAMPLE}:{far.port}\r\n".encode()
                tls.sendall(head + last + b"\r\n")
                reply = b""
                while not reply.endswith(b"\r\n\r\n"):
                    reply += some(tls)
                assert reply.startswith(b"HTTP/1.1 " + status.encode())
                assert b"ncoding" not in reply and b"ength" not in reply
                assert reply.count(b"\r\n\r\n") == 1 and b"etag: x" in reply.lower()
            assert read(tls) == b""


def test_of_what_a_request_asks_for_only_compression_is_taken_out() -> None:
    fields = ((b"TE", b"trailers"), (b"X", b"y"), (b"Accept-Encoding", b"br"), (b"te", b"gzip"))
    assert asked(fields) == ((b"TE", b"trailers"), (b"X", b"y"), (b"accept-encoding", b"identity"))


def test_a_bomb_ends_wherever_it_is() -> None:
    bomb, noise = gzip.compress(bytes(40_000_000), mtime=0), random.Random(1).randbytes(2_000_000)
    for data in (bomb, gzip.compress(noise, mtime=0) + bomb):
        undoing = Undoing("gzip")
        with pytest.raises((TooMuch, Undecodable)):
            for at in range(0, len(data), 65_536):
                for _ in undoing.feed(data[at : at + 65_536]):
                    pass
    fine = Undoing("gzip")
    text = b'{"id": 1, "name": "a row like all others", "done": false},\n' * 100_000
    assert b"".join(fine.feed(gzip.compress(text, mtime=0))) == text


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_what_was_cut_short_does_not_look_whole(coding: str) -> None:
    text = random.Random(2).randbytes(6000).hex().encode()
    data = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}[coding](text)
    for end in (len(data) // 2, len(data) - 1):
        undoing = Undoing(coding)
        for _ in undoing.feed(data[:end]):
            pass
        with pytest.raises(CutShort):
            undoing.finish()
    for whole in (data, b""):
        undoing = Undoing(coding)
        for _ in undoing.feed(whole):
            pass
        undoing.finish()


def test_an_agent_sees_that_an_answer_was_cut_short(inside: Inside) -> None:
    data = gzip.compress(b"a line of many\n" * 1000, mtime=0)[:-9]

    def talk(stream: socket.socket, head: bytes) -> None:
        fields = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(data)
        stream.sendall(b"HTTP/1.1 200 OK\r\n" + fields + data)

    with RawUpstream(inside.world.authority, EXAMPLE, talk) as far:
        route = Route(EXAMPLE, far.port, Auth("Bearer", "T"), allow_private=True)
        inside.deliver(route, secrets={"T": SECRET})
        assert not answer(inside, far.port, "GET /cut", "x").endswith(b"0\r\n\r\n")
