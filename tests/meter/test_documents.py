"""Documents are read fast and mean what they mean to everybody else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.meter.documents import read

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
