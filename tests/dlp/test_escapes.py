"""The fast decoder gives what the standard library's slow one gives."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.dlp.compiled import matcher
from botbottle.dlp.escapes import percent, unescape, windows
from botbottle.dlp.triggers import TRIGGERS

PERCENT = matcher(TRIGGERS[:1])
PIECES = (b"%41", b"%fF", b"%25", b"%4", b"%", b"\\", b"\\u0041", b"\\n", b"u", b"0", b"g", b"\xff")


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_percent_escapes_are_undone_once_whatever_surrounds_them(data: bytes) -> None:
    assert percent(data) == unquote_to_bytes(data)


@given(st.lists(st.integers(1, 200_000), max_size=20), st.integers(1, 200_000))
def test_windows_cover_every_escape_and_stay_inside(ends: list[int], size: int) -> None:
    inside = sorted(end for end in ends if end <= size)
    pieces = list(windows(inside, size))
    assert all(any(low < end <= high for low, high in pieces) for end in inside)
    assert all(0 <= low < high <= size for low, high in pieces)


_TEXT = st.text(
    st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="&"), max_size=40
)
_FORMS = (
    lambda c: f"&#{c};",
    lambda c: f"&#{c:04};",
    lambda c: f"&#x{c:x};",
    lambda c: f"&#X{c:02X};",
)


def test_references_that_move_up_are_undone_too() -> None:
    coded = "&#9731;" + "x" * 1924 + "&#48;" * 18 + "&#49;"
    assert unescape(3, coded.encode())[1].endswith(b"x" + b"0" * 18 + b"1")


@given(st.lists(st.tuples(_TEXT, st.sampled_from(_FORMS)), max_size=8), st.integers(0, 2100))
def test_numeric_references_are_undone_wherever_they_stand(
    parts: list[tuple[str, Callable[[int], str]]], lead: int
) -> None:
    data = (
        "&#9731;" + "x" * lead + "".join("".join(map(form, map(ord, t))) + t for t, form in parts)
    )
    name, undone = unescape(3, data.encode())
    assert name == "html"
    assert undone.decode() == "&#9731;" + "x" * lead + "".join(t + t for t, _ in parts)


@pytest.mark.parametrize(
    "text", [b"H4sIA%2F0v", b"ab%2B9", b"x%3D%3D", b"%67%68%70", b"%2567%2568", b"a%3Ab"]
)
def test_an_escape_that_can_be_of_encoded_data_fires_the_trigger(text: bytes) -> None:
    assert PERCENT.find(text, 1).hits


@pytest.mark.parametrize("text", [b"100%", b"%d of %d", b"%2d0", b"50%20off", b"%s%s"])
def test_formats_and_blanks_do_not(text: bytes) -> None:
    assert not PERCENT.find(text, 1).hits
