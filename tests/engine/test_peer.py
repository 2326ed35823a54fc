"""A connection to an engine, against a naive reader of the same bytes: in any pieces, and whatever
is wrong with them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.engine.connection import Connection
from botbottle.engine.endpoint import Endpoint
from botbottle.engine.heads import Broken
from botbottle.engine.peer import MAX_BODY, MAX_HEAD, Peer
from botbottle.engine.writing import Raw, UnixWriter
from botbottle.errors import EngineUnreachable, Exit, exit_code_for
from tests.engine.test_wire import connection, ok, serving

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


@given(answer=answers(), places=PLACES)
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(
    answer: bytes, places: list[int]
) -> None:
    head, body = over(*cut(answer, places)).answer()
    assert (head.status, body) == naive(answer)[:2]


@given(answer=answers(), places=PLACES, more=st.binary(min_size=1, max_size=9))
def test_what_follows_an_answer_is_no_part_of_it_and_ends_the_use_of_the_connection(
    answer: bytes, places: list[int], more: bytes
) -> None:
    _, body, rest = naive(answer + more)
    peer = over(*cut(answer + more, places))
    _, found = peer.answer()
    assert found == body
    if rest:  # it may have come already, or be in the socket, where the next taker sees it
        assert not peer.reusable or peer.socket.recv(1, socket.MSG_PEEK)


@given(answer=answers(), places=PLACES, at=st.integers(0, 10_000))
def test_an_answer_that_breaks_off_is_none(answer: bytes, places: list[int], at: int) -> None:
    part = answer[: at % len(answer)]
    if naive(answer)[2] == b"" and b"Content-Length" not in part and b"chunked" not in part:
        part = part[: answer.index(b"\r\n\r\n") + 3]  # one that ends with the connection
    with pytest.raises(Broken):
        over(*cut(part, places)).answer()


@given(answer=answers(), at=st.integers(0, 10_000), byte=st.integers(0, 255), places=PLACES)
def test_a_damaged_answer_is_read_as_one_thing_or_not_at_all(
    answer: bytes, at: int, byte: int, places: list[int]
) -> None:
    """Never anything but an answer or ``Broken``, and the same one in all pieces."""
    place = at % len(answer)
    data = answer[:place] + bytes([byte]) + answer[place + 1 :]
    assert attempt([data]) == attempt(cut(data, places)) == attempt([bytes([b]) for b in data])


@given(data=st.binary(max_size=200), places=PLACES)
def test_noise_is_never_more_than_broken(data: bytes, places: list[int]) -> None:
    for noise in (data, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data):
        assert attempt([noise]) == attempt(cut(noise, places))


def attempt(pieces: list[bytes]) -> tuple[int, bytes] | None:
    try:
        head, body = over(*pieces).answer()
    except Broken:
        return None
    return head.status, body


@given(answers=st.lists(answers().filter(lambda a: b"x-close" not in a), max_size=4), places=PLACES)
def test_answers_on_one_connection_do_not_run_into_each_other(
    answers: list[bytes], places: list[int]
) -> None:
    """As long as the connection goes on after each; a reader that asks for one at a time."""
    whole = [a for a in answers if naive(a + b"!")[2] == b"!"]
    peer = over(*cut(b"".join(whole), places))
    for answer in whole:
        head, body = peer.answer()
        assert (head.status, body) == naive(answer)[:2]
    assert peer.reusable or not whole


# -- bounds and odd ends ------------------------------------------------------------------------


def test_a_head_is_bounded_whatever_it_is_made_of() -> None:
    many = b"X: y\r\n" * (MAX_HEAD // 6 + 1)
    for long in (b"HTTP/1.1 200 OK\r\n" + many, b"HTTP/1.1 200 " + b"K" * (MAX_HEAD + 1)):
        with pytest.raises(Broken, match="too long"):
            over(long, b"\r\n\r\n").answer()


def test_trailers_interim_answers_and_sizes_are_bounded() -> None:
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for data in (
        start + b"0\r\n" + b"X: y\r\n" * MAX_HEAD,
        start + b"5" + b";" + b"x" * 10_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    ):
        peer = over(data)
        with pytest.raises(Broken):
            peer.answer()


@pytest.mark.parametrize("framing", [b"Content-Length: 99999999999", b"Transfer-Encoding: chunked"])
def test_an_absurd_size_is_refused_before_it_is_read(framing: bytes) -> None:
    start = b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n"
    peer = over(start + b"fffffffffffffff\r\n", *[b"x" * 65536] * 8)
    with pytest.raises(Broken, match="too long"):
        peer.answer()
    assert peer.socket.asked <= 2 and MAX_BODY < 99_999_999_999  # type: ignore[attr-defined]


def test_a_body_that_nobody_reads_to_its_end_ends_the_use_of_the_connection() -> None:
    peer = over(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", b"cd")
    body = peer.body(peer.head(), None)
    assert next(body) == b"ab" and not peer.reusable
    assert list(body) == [b"cd"] and peer.reusable


def test_nothing_behind_the_head_of_a_raw_stream_is_read() -> None:
    wait = b"HTTP/1.1 100 Continue\r\n\r\n"
    head = b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n"
    for places in ([], [3, 30, 60], list(range(0, 80, 2))):
        peer = over(*cut(wait + head + b"\r\n\r\nraw", places))
        assert peer.head(raw=True).status == 101
        assert b"".join(peer.socket.left) == b"\r\n\r\nraw"  # type: ignore[attr-defined]


def test_another_protocol_is_not_spoken_unasked() -> None:
    with pytest.raises(Broken, match="unasked"):
        over(b"HTTP/1.1 101 X\r\n\r\n").answer()


# -- through the whole client -------------------------------------------------------------------

WRONG = {
    "a negative chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc",
    "an absurd chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"f" * 40
    + b"\r\n",
    "no size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
    "a long chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "an odd length": b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nab",
    "another protocol": b"HTTP/1.1 101 X\r\n\r\n",
    "nested": ok(b"[" * 100_000),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_malformed_answer_is_an_error_of_this_engine_and_no_bug(wrong: bytes) -> None:
    with serving(wrong, keep=False) as script:
        with pytest.raises(EngineUnreachable) as caught:
            connection(script).get_json("/info")
        assert script.path in str(caught.value) and exit_code_for(caught.value) == Exit.ENGINE
    if b"[" in wrong:
        return  # a written call's answer need not be JSON
    with serving(wrong, ok(b"{}"), keep=False) as script:
        writing = Connection(Endpoint(f"unix://{script.path}"), 5.0)
        writing.server = "20.10.24"
        with pytest.raises(EngineUnreachable, match=script.path):
            writing.write("POST", "/x", call="x")
        assert len(script.seen) == 1, "a write is never sent again"


@contextlib.contextmanager
def writer(*answers: bytes) -> Iterator[tuple[UnixWriter, list[str]]]:
    with serving(*answers) as script:
        made = UnixWriter(script.path, 5.0)
        yield made, script.seen
        made.close()


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 304 X\r\nconnection: Close\r\n\r\n",
        b"HTTP/1.0 204 No Content\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 Left over\r\nContent-Length: 0\r\n\r\n",
        ok(b"{}") + b"\r\n",
    ],
)
def test_a_connection_that_ends_or_holds_more_is_used_no_more(first: bytes) -> None:
    with writer(first) as (made, _):
        made.send("POST", "/a", None)
        assert made._pool._idle == []
    with writer(ok(b"{}")) as (made, _):
        made.send("POST", "/a", None)
        assert len(made._pool._idle) == 1, "the positive control"


def test_trailers_leave_nothing_in_the_way_of_the_next_answer() -> None:
    trailed = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        b"2\r\n{}\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"
    )
    with writer(trailed, ok(b'{"Id": "7"}')) as (made, seen):
        assert made.send("POST", "/a", None).body == b"{}"
        assert made.send("POST", "/b", None).body == b'{"Id": "7"}'
        assert len(made._pool._idle) == 1 and len(seen) == 2


def test_an_interim_answer_is_not_taken_for_the_final_one() -> None:
    with writer(b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"{}")) as (made, _):
        assert made.send("PUT", "/archive", b"tar").body == b"{}"
    with writer(b"HTTP/1.1 103 X\r\nA: b\r\n\r\nHTTP/1.1 101 X\r\n\r\nhi") as (made, _):
        raw = made.upgrade("/exec", None)
        assert isinstance(raw, Raw) and raw.channel.recv(9) == b"hi"
        raw.close()


def test_an_engine_that_ends_its_half_of_the_connection_is_asked_on_a_new_one() -> None:
    """It still listens, and would never answer."""
    with serving(ok(b"{}"), ok(b"{}"), keep=False) as script:
        made = UnixWriter(script.path, 5.0)
        made.send("POST", "/a", None)
        (peer,) = made._pool._idle
        peer.socket.shutdown(socket.SHUT_RD)
        made.send("POST", "/b", None)
        assert script.connections == 2


@pytest.mark.parametrize("name", ["a b", "a\r\nX: y", "a\nb", "\u00e4", "a\x00", "a\x7f"])
def test_a_name_cannot_be_a_second_request(name: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        peer = Peer(ours)
        with pytest.raises(Broken, match="names nothing"):
            peer.send("GET", f"/containers/{name}/json")
        peer.send("GET", "/containers/plain/json?all=1&filters=%7B%7D")
        assert theirs.recv(65536).startswith(
            b"GET /containers/plain/json?all=1&filters=%7B%7D HTTP"
        )
