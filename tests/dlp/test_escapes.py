"""The fast decoder gives what the standard library's slow one gives."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st

from botbottle.dlp.escapes import percent, unescape, windows

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
