"""What goes out in a request line, and what comes back in a body."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.engine.connection import _parsed, _target

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
PARAMS = st.dictionaries(TEXT, TEXT)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(params=PARAMS)
def test_parameters_arrive_as_they_were_given(params: dict[str, str]) -> None:
    target = _target("1.41", "/x", params)
    assert target.isascii() and " " not in target
    url = urlsplit(target)
    given = {name: [value] for name, value in params.items()}
    assert url.path == "/v1.41/x" and parse_qs(url.query) == given


def test_filters_are_sent_as_json_and_nothing_for_nothing() -> None:
    target = _target("1.41", "/images/json", {"filters": {"reference": ["a/b:c"]}})
    (sent,) = parse_qs(urlsplit(target).query)["filters"]
    assert json.loads(sent) == {"reference": ["a/b:c"]}
    assert _target("1.41", "/networks", {}) == "/v1.41/networks"
    assert _target("1.41", "/containers/json", {"all": "1"}) == "/v1.41/containers/json?all=1"


@given(value=VALUES)
def test_an_answer_is_read_as_json_is(value: object) -> None:
    for body in (json.dumps(value).encode(), json.dumps(value, ensure_ascii=False).encode()):
        assert _parsed(body) == json.loads(body)


@pytest.mark.parametrize("body", [b'{"a": "\\ud800"}', b"\xef\xbb\xbf{}", b"1e400"])
def test_rarer_json_is_read_as_well(body: bytes) -> None:
    assert _parsed(body) == json.loads(body)


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b'{"a": "\xff"}'])
def test_what_is_no_json_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # of two parsers
        _parsed(body)
