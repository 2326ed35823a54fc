"""Answers in pieces: a socket that gives them, a naive reader of them, and random ones."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from hypothesis import strategies as st

from botbottle.engine.peer import Peer

CLOSED = b""  # what a socket reads after the other side has ended


@dataclass
class Pieces:
    """A socket that gives its bytes in these pieces, and then its end."""

    left: list[bytes]
    asked: int = 0
    sent: bytearray = field(default_factory=bytearray)

    def recv(self, size: int, flags: int = 0) -> bytes:
        self.asked += 1
        if not self.left:
            return CLOSED
        piece = self.left[0][:size]
        if not flags & socket.MSG_PEEK:
            self.left[0] = self.left[0][len(piece) :]
            self.left = [p for p in self.left if p]
        return piece

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def settimeout(self, _: float) -> None: ...
    def shutdown(self, _: int) -> None: ...
    def close(self) -> None: ...


def over(*pieces: bytes) -> Peer:
    """A peer whose other side sends ``pieces`` and ends."""
    return Peer(Pieces([p for p in pieces if p]))  # type: ignore[arg-type]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({p % (len(data) + 1) for p in places})
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


# -- the naive reader ---------------------------------------------------------------------------


def naive(data: bytes) -> tuple[int, bytes, bytes]:
    """(status, body, what follows) of the first final answer of well-formed ``data``."""
    while True:
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        status = int(lines[0].split(b" ")[1])
        if status >= 200:
            break
        data = rest
    said = {k.lower(): v.strip() for k, _, v in (line.partition(b":") for line in lines[1:])}
    if status in (204, 304):
        return status, b"", rest
    if b"transfer-encoding" in said:
        return status, *unchunked(rest)
    if b"content-length" in said:
        size = int(said[b"content-length"])
        return status, rest[:size], rest[size:]
    return status, rest, b""


def unchunked(data: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        line, _, data = data.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if not size:
            break
        body, data = body + data[:size], data[size + 2 :]
    while True:
        line, _, data = data.partition(b"\r\n")
        if not line:
            return body, data


# -- answers ------------------------------------------------------------------------------------

WORD = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=8).map(str.encode)
VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=12).map(
    lambda t: t.encode("latin-1").strip()
)
HEADERS = st.lists(st.tuples(st.just(b"x-").flatmap(lambda x: WORD.map(lambda w: x + w)), VALUE))
BODY = st.binary(max_size=60)
STATUS = st.sampled_from((200, 201, 204, 304, 400, 404, 409, 500, 503))
CHUNKS = st.lists(st.binary(min_size=1, max_size=20), max_size=4)


def lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """One well-formed answer, its interim ones before it."""
    out = b""
    for _ in range(draw(st.integers(0, 2))):
        status = draw(st.sampled_from((100, 102, 103, 199)))
        out += b"HTTP/1.1 %d Wait\r\n%s\r\n" % (status, lines(draw(HEADERS)))
    status, more = draw(STATUS), lines(draw(HEADERS))
    out += b"HTTP/1.1 %d Some words\r\n" % status + more
    form = draw(st.sampled_from(("length", "chunked", "close")))
    if status in (204, 304):
        return out + b"\r\n"
    if form == "length":
        body = draw(BODY)
        return out + b"Content-Length: %d\r\n\r\n" % len(body) + body
    if form == "close":
        return out + b"\r\n" + draw(BODY)
    out += b"Transfer-Encoding: chunked\r\n\r\n"
    for chunk in draw(CHUNKS):
        more = draw(st.sampled_from((b"", b";a=b", b" ; q")))
        out += b"%x%s\r\n%s\r\n" % (len(chunk), more, chunk)
    return out + b"0\r\n" + lines(draw(HEADERS)) + b"\r\n"


PLACES = st.lists(st.integers(0, 10_000), max_size=12)
