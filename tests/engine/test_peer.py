"""A connection to an engine, against a naive reader of the same bytes: in any pieces, and whatever
is wrong with them."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.engine.heads import Broken
from botbottle.engine.peer import MAX_BODY, MAX_HEAD
from tests.engine.pieces import PLACES, answers, cut, naive, over


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
