"""Bars and words say exactly what they should, at exactly their width."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.ui.top import text


@given(st.floats(0, 5), st.integers(1, 40))
def test_a_bar_has_its_width_and_is_full_only_when_the_pool_is(share: float, width: int) -> None:
    drawn = text.bar(share, width)
    assert len(drawn) == width
    assert (drawn == "█" * width) == (share >= 1.0)
    assert (drawn == "░" * width) == (share == 0)


@given(st.floats(0, 1e6), st.integers(1, 20))
def test_a_meter_always_has_the_same_width(share: float, width: int) -> None:
    drawn = text.meter(share, width)
    assert len(drawn) == width + 6
    assert drawn[-1] == ("!" if share >= 1 else "▲" if share >= 0.8 else " ")


@given(st.lists(st.integers(0, 10**9), max_size=60), st.integers(1, 6))
def test_charts_are_blank_exactly_where_nothing_was_spent(values: list[int], height: int) -> None:
    lines = text.columns(values, height)
    assert [len(line) for line in lines] == [len(values)] * height
    for place, value in enumerate(values):
        assert (lines[-1][place] == " ") == (value == 0)
    if any(values):
        assert "█" in lines[0]


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0"), (999, "999"), (1000, "1.00k"), (41_210, "41.2k"), (999_999, "1.00M"),
     (500_000, "500k"), (5e6, "5.00M"), (2.5e9, "2.50G")],
)  # fmt: skip
def test_amounts_are_short(count: float, words: str) -> None:
    assert text.tokens(count) == words


@given(st.floats(0, 9e11))
def test_amounts_fit_five_characters(count: float) -> None:
    assert len(text.tokens(count)) <= 5


@given(st.one_of(st.none(), st.floats(-5, 1e9)))
def test_durations_fit_six_characters(seconds: float | None) -> None:
    assert len(text.span(seconds)) <= 6


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (3 * 3600 + 720, "3h12m"),
        (446_400, "5d4h"),
    ],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert text.span(seconds) == words


@given(st.text(max_size=60))
def test_nothing_that_draws_survives(raw: str) -> None:
    safe = text.plain(raw)
    assert len(safe) == len(raw)
    assert all(c.isprintable() or unicodedata.category(c) == "Zs" for c in safe)


def test_plain_text_is_left_alone_and_cut_to_width() -> None:
    assert text.plain("GET example.org/ä 漢") == "GET example.org/ä 漢"
    assert text.plain("a\x1b[31mb\u202ec\r\n") == "a·[31mb·c··"
    assert text.plain("abcdef", 4) == "abc…"
