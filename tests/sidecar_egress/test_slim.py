"""What is replaced in mitmproxy gives the same answers as the original."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping

import pytest
from h11 import EndOfMessage
from h11._readers import ContentLengthReader
from h11._receivebuffer import ReceiveBuffer
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.coretypes.multidict import MultiDict
from mitmproxy.http import Headers, Request, Response
from mitmproxy.net.http.http1 import read

from botbottle.sidecar.egress import slim

NAMES = st.sampled_from([b"A", b"a", b"Content-Type", b"CONTENT-TYPE", b"x-\xff", b"x"])
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=4)), max_size=6)
ASKED = st.one_of(NAMES, st.sampled_from(["a", "Content-Type", "content-type", "none", "x"]))


def original(headers: Headers, name: str | bytes) -> list[str]:
    raw = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
    found = MultiDict.get_all(headers, raw)
    return [value.decode("utf-8", "surrogateescape") for value in found]


@given(FIELDS, ASKED)
def test_headers_are_found_as_before(fields: list[tuple[bytes, bytes]], name: str | bytes) -> None:
    headers = Headers(fields)
    expected = original(headers, name)
    assert slim._get_all(headers, name) == expected
    assert slim._get(headers, name) == (", ".join(expected) if expected else None)
    assert slim._contains(headers, name) is bool(expected)


def test_what_is_no_name_is_in_no_header() -> None:
    assert not slim._contains(Headers([(b"a", b"b")]), 5)
    assert isinstance(Headers(), MutableMapping)


@pytest.mark.parametrize("size", [0, 1, 5])
def test_a_body_of_known_length_ends_as_before(size: int) -> None:
    said = []
    for kind in (slim.Sized, ContentLengthReader):
        buffer, reader = ReceiveBuffer(), kind(size)
        buffer += b"abcdefg"
        read = []
        while not isinstance(event := reader(buffer), EndOfMessage):
            assert event is not None
            read.append(bytes(event.data))
        said.append((read, list(event.headers), bytes(buffer)))
    assert said[0] == said[1]


def test_bodies_without_a_known_length_have_the_readers_that_they_had() -> None:
    for size in (None, -1):
        assert type(slim._reader(size)) is type(slim._make_body_reader(size))
    assert isinstance(slim._reader(0), slim.Sized)


def test_ids_differ() -> None:
    ids = slim._Ids()
    assert len({ids.uuid4() for _ in range(100)}) == 100


HEADS = st.lists(
    st.tuples(
        st.sampled_from([b"Connection", b"Content-Length", b"Transfer-Encoding", b"x"]),
        st.sampled_from([b"close", b"keep-alive", b"5", b"0", b"chunked", b"-1"]),
    ),
    max_size=3,
)
STATUS = st.sampled_from([0, 101, 200, 204, 304])


def outcome(work: Callable[[], object]) -> object:
    try:
        return work()
    except ValueError as error:
        return str(error)


@given(st.lists(st.tuples(HEADS, STATUS, st.sampled_from([b"GET", b"HEAD"])), max_size=4))
def test_what_is_remembered_of_a_heads_framing_follows_every_change(
    changes: list[tuple[list[tuple[bytes, bytes]], int, bytes]],
) -> None:
    """Asked twice of the same message, each time after something in it has changed."""
    request, response = Request.make("GET", "https://a/"), Response.make(200)
    for fields, status, method in changes:
        message = response if status else request
        message.headers.fields = tuple(fields)
        response.data.status_code, request.data.method = status or 200, method
        answer = response if status else None
        wanted = outcome(lambda: read.expected_http_body_size(request, answer))  # noqa: B023
        for _ in range(2):
            assert outcome(lambda: slim._body_size(request, answer)) == wanted  # noqa: B023
            for version in ("HTTP/1.1", "HTTP/1.0"):
                closes = read.connection_close(version, message.headers)
                assert slim._closes(version, message.headers) is closes
