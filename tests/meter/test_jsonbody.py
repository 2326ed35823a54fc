"""JSON bodies: whole, and array elements as they pass."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.meter.jsonbody import ArrayElements, WholeBody
from botbottle.meter.lines import WHOLE

VALUES = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=5)


@given(OBJECTS, st.sampled_from([None, 1]), st.integers(1, 9), st.booleans())
def test_elements_come_out_whole_however_they_are_cut(
    objects: list[dict[str, object]], indent: int | None, size: int, plain: bool
) -> None:
    body = json.dumps(objects, indent=indent, ensure_ascii=plain).encode("utf-8", "surrogatepass")
    parser = ArrayElements(100_000)
    chunks = (body[at : at + size] for at in range(0, len(body), size))
    frames = [data for chunk in chunks for _, data in parser.feed(chunk)]
    read = [json.loads(data.decode("utf-8", "surrogatepass")) for data in frames]
    assert read == objects


def test_an_element_is_given_when_its_last_brace_passes() -> None:
    parser = ArrayElements(100)
    assert list(parser.feed(b'[{"a":"}"')) == []
    assert list(parser.feed(b"}")) == [("", b'{"a":"}"}')]
    assert list(parser.feed(b',\r\n{"b":2}]')) == [("", b'{"b":2}')]


def test_an_element_over_the_limit_is_dropped_and_the_next_is_read() -> None:
    parser = ArrayElements(20)
    body = b'[{"a":"' + b"x" * 50 + b'"},{"b":2}]'
    frames = [f for at in range(0, len(body), 3) for f in parser.feed(body[at : at + 3])]
    assert frames == [("", b'{"b":2}')]
    assert parser.dropped == 1


@pytest.mark.parametrize("body", [b"]]]}}}", b'{"a":[[[', b'"' * 99, b"\\" * 99])
def test_nonsense_gives_nothing_and_does_not_fail(body: bytes) -> None:
    parser = ArrayElements(100)
    assert list(parser.feed(body)) == []
    assert list(parser.close()) == []


def test_a_whole_body_is_given_at_its_end_and_bounded() -> None:
    body = WholeBody(10)
    assert list(body.feed(b'{"a"')) == []
    assert list(body.feed(b":1}")) == []
    assert list(body.close()) == [(WHOLE, b'{"a":1}')]
    large = WholeBody(10)
    list(large.feed(b"x" * 11))
    assert (list(large.close()), large.dropped) == ([], 1)
