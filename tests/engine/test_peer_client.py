"""Odd answers through the whole client: an error of this engine, and nobody else's answer."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from botbottle.engine.connection import Connection
from botbottle.engine.endpoint import Endpoint
from botbottle.engine.heads import Broken
from botbottle.engine.peer import Peer
from botbottle.engine.writing import Raw, UnixWriter
from botbottle.errors import EngineUnreachable, Exit, exit_code_for
from tests.engine.pieces import Pieces
from tests.engine.test_wire import connection, ok, serving, status

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


class Half(Pieces):
    """A socket whose other side reads the head of a request and no more, but still answers."""

    def sendall(self, data: bytes) -> None:
        if self.sent:
            raise BrokenPipeError
        super().sendall(data)


@pytest.mark.parametrize(("kind", "kept"), [(Half, 0), (Pieces, 1)], ids=["half", "whole"])
def test_a_request_that_was_sent_by_half_ends_the_use_of_its_connection(
    kind: type[Pieces], kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine then says of the rest, as of another request, is not the next call's."""
    made = UnixWriter("/nowhere", 5.0)
    peer = Peer(kind([status(413, "too large")]))  # type: ignore[arg-type]
    monkeypatch.setattr(made._pool, "new", lambda: peer)
    assert made.send("PUT", "/archive", b"tar").status == 413
    assert len(made._pool._idle) == kept
