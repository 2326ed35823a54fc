"""Canonical JSON: same meaning, same bytes; the quick way writes what the plain way would."""

from __future__ import annotations

import enum
import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from botbottle.model import canonical


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    YES = "yes"


class Nothing(Struct, frozen=True):
    pass


class One(Struct, frozen=True):
    only: object


class Two(Struct, frozen=True):
    z: object
    a: object


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from([Colour.RED, Word.YES, Nothing()])
    | st.frozensets(st.integers(), max_size=4)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3).map(MappingProxyType)
        | inner.map(One)
        | st.builds(Two, inner, inner)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_the_quick_text_is_that_of_the_plain_data(value: object) -> None:
    plain = json.dumps(
        canonical.plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert canonical.canonical(value) == plain


def test_the_text_is_the_one_that_is_stored_in_labels_and_ledgers() -> None:
    """Frozen: other bytes would replace every container and break every audit chain."""
    value = {"b": (1, 2.5, None), "a": Two("ü", [Word.YES, Colour.RED, frozenset({2, 1})])}
    assert canonical.canonical(value) == '{"a":{"a":["yes","red",[1,2]],"z":"ü"},"b":[1,2.5,null]}'
    assert canonical.digest(value) == "717092161f17c152"


@pytest.mark.parametrize("value", [object(), b"bytes", float("nan"), [float("inf")]])
def test_what_is_not_data_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        canonical.canonical(value)
