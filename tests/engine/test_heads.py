"""The head of an answer is read in one way or not at all."""

from __future__ import annotations

import pytest

from botbottle.engine.heads import Broken, chunk_size, parse_head

OK = b"HTTP/1.1 200 OK"


def head(*lines: bytes) -> bytes:
    return b"\r\n".join((OK, *lines))


def test_status_and_headers_by_lower_case_names() -> None:
    found = parse_head(b"HTTP/1.1 201 Created\r\nServer:  Docker/20.10 \r\nX-a: 1\r\nx-A: 2")
    assert (found.status, found.headers) == (201, {"server": "Docker/20.10", "x-a": "1, 2"})


@pytest.mark.parametrize(
    ("lines", "length", "chunked", "lasts"),
    [
        ((b"Content-Length: 5",), 5, False, True),
        ((b"Content-Length: 5", b"content-length: 5"), 5, False, True),
        ((b"Transfer-Encoding: Chunked",), None, True, True),
        ((b"Transfer-Encoding: chunked", b"Content-Length: 5"), None, True, False),
        ((), None, False, False),
        ((b"Content-Length: 0", b"Connection: close"), 0, False, False),
        ((b"Content-Length: 0", b"Connection: X-Thing, Close"), 0, False, False),
        ((b"Content-Length: 0", b"Connection: closed"), 0, False, True),
    ],
)
def test_where_a_body_ends_and_whether_the_connection_goes_on(
    lines: tuple[bytes, ...], length: int | None, chunked: bool, lasts: bool
) -> None:
    found = parse_head(head(*lines))
    assert (found.length, found.chunked, found.lasts) == (length, chunked, lasts)


@pytest.mark.parametrize("status", [b"204", b"304", b"100"])
def test_some_answers_have_no_body_whatever_they_say(status: bytes) -> None:
    for more in (b"", b"\r\nContent-Length: 9", b"\r\nTransfer-Encoding: chunked"):
        found = parse_head(b"HTTP/1.1 " + status + b" X" + more)
        assert (found.length, found.chunked, found.lasts) == (0, False, True)
    ended = parse_head(b"HTTP/1.1 " + status + b" X\r\nConnection: close")
    assert not ended.lasts
    assert not parse_head(b"HTTP/1.0 " + status + b" X").lasts


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\r\n" + OK, b"HTTP/2 200 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 -20 X",
        b"HTTP/1.1  200 OK", b"HTTP/1.1 \xb2\xb2\xb2 OK", b"http/1.1 200 OK", b"HTTP/1.9 200 OK",
        head(b"No colon"), head(b": no name"), head(b" folded: 1"), head(b"A: 1", b"\tfolded"),
        head(b"Name : 1"), head(b"A: 1\nB: 2"), head(b"A: 1\rB: 2"),
        head(b"Content-Length: -1"), head(b"Content-Length: +1"), head(b"Content-Length: 1_0"),
        head(b"Content-Length: 0x5"), head(b"Content-Length: \xb2"), head(b"Content-Length:"),
        head(b"Content-Length: 5, 5"), head(b"Content-Length: " + b"9" * 19),
        head(b"Content-Length: " + b"9" * 5000), head(b"Content-Length: 5", b"Content-Length: 6"),
        head(b"Transfer-Encoding: gzip, chunked"), head(b"Transfer-Encoding: xchunked"),
        head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        head(b"Transfer-Encoding: identity"), head(b"Transfer-Encoding:"),
    ],
)  # fmt: skip
def test_anything_else_is_no_answer(data: bytes) -> None:
    with pytest.raises(Broken):
        parse_head(data)


@pytest.mark.parametrize(
    ("line", "size"),
    [(b"0", 0), (b"1a", 26), (b"FF", 255), (b"5;name=value", 5), (b"5 ; a", 5), (b"000005", 5)],
)
def test_the_size_of_a_chunk(line: bytes, size: int) -> None:
    assert chunk_size(line) == size


@pytest.mark.parametrize(
    "line",
    [b"", b"-5", b"+5", b"0x5", b"1_0", b" 5", b"5 5", b"g", b";a", b"\xb2", b"f" * 16,
     b"5\n", b"5\r"],
)  # fmt: skip
def test_what_is_no_size_is_no_chunk(line: bytes) -> None:
    with pytest.raises(Broken):
        chunk_size(line)
