"""Documents are read fast and mean what they mean to everybody else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.meter.documents import MAX_PARTS, read, read_bounded
from botbottle.meter.estimate import FRAME_TOKENS, parse_body
from tests.meter.helpers import socket

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
ODD = [
    b'{"a":1e400}', b'{"a":"\\ud800"}', b'{"a":"\xed\xa0\x80"}', b'\xef\xbb\xbf{"a":1}',
    b'{"a":NaN}', b'{"a":1,"a":2}', b'{"a":99999999999999999999999}', b'{"a":-9223372036854775809}',
    b'{"a":123456789012345678901234567890.5}', b'{"a":-0}', b'{"a":-0.0}', b" 5 ",
    '{"a":1}'.encode("utf-16"), b'"\\u0000"',
]  # fmt: skip
BROKEN = [b"", b"{", b'{"a":1}x', b"01", b'{"a":1,}', b'"\x01"', b'{"a":"\xff"}', b"[" * 100_000]


def meant(work: Any, data: bytes) -> str:
    """What comes of it, comparable also where a number is none."""
    try:
        return repr(work(data))
    except (ValueError, RecursionError) as error:
        return "recursion" if isinstance(error, RecursionError) else "not JSON"


@given(ANY)
def test_what_json_writes_is_read_as_json_reads_it(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        data = text.encode("utf-8", "surrogatepass")
        assert meant(read, data) == meant(json.loads, data)


@given(st.binary(max_size=12))
def test_so_are_other_bytes(data: bytes) -> None:
    for each in (data, b'{"a":' + data + b"}", b'{"a":"' + data + b'"}'):
        assert meant(read, each) == meant(json.loads, each)


@pytest.mark.parametrize("data", ODD)
def test_the_odd_documents_are_read_all_the_same(data: bytes) -> None:
    assert meant(read, data) == meant(json.loads, data) != "not JSON"


@pytest.mark.parametrize("data", BROKEN)
def test_the_broken_ones_are_not(data: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        read(data)


def repeated(part: bytes, times: int) -> bytes:
    return b'{"model":"m","x":[' + b",".join([part] * times) + b"]}"


FINE = [b"{}", b"[]", b"1", b'""', b'{"a":1}', b"[[]]", b'"\\""', b'"\\\\"', b'","']


@pytest.mark.parametrize("part", FINE)
def test_a_document_of_too_many_parts_is_not_read(part: bytes) -> None:
    """A part takes two bytes of text and two hundred of memory."""
    assert read_bounded(repeated(part, 10_000)) == json.loads(repeated(part, 10_000))
    with pytest.raises(ValueError, match="too many"):
        read_bounded(repeated(part, MAX_PARTS + 1))
    assert parse_body(repeated(part, MAX_PARTS + 1), "") is None


def test_neither_is_one_that_a_socket_brings_and_its_bytes_are_the_estimate() -> None:
    data = b'{"type":"response.create","x":' + b"[{}," + b"{}," * MAX_PARTS + b"{}]}"
    admission = socket().client_frame(data)
    assert admission is not None and not admission.request.readable
    assert admission.request.input_estimate == FRAME_TOKENS + len(data)


@pytest.mark.parametrize("text", ["a, [b] {c} " * 150_000, '\\"{,[' * 150_000])
def test_what_stands_in_strings_is_no_part(text: str) -> None:
    data = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
    assert data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_PARTS
    assert read_bounded(data)["messages"][0]["content"] == text


def test_another_encoding_hides_no_part() -> None:
    """A quotation mark's byte is half of another character there."""
    text = '{"x":"\u2200","y":[' + "{}," * MAX_PARTS + "{}]}"
    assert json.loads(text.encode("utf-16-le"))["x"] == "\u2200"
    with pytest.raises(ValueError, match="too many"):
        read_bounded(text.encode("utf-16-le"))


def test_strings_that_never_end_are_looked_at_once() -> None:
    data = b"[" * 10 + b'"' + b'\\"' * 2_000_000 + b"," * (MAX_PARTS + 1)
    with pytest.raises(ValueError):
        read_bounded(data)
