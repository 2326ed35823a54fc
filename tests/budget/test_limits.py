"""Limits as text: what users write is what is enforced, and it reads back the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.budget import limits
from botbottle.model.bottle import WINDOWS, Limit


@pytest.mark.parametrize(
    ("text", "tokens", "window"),
    [
        (5000000, 5_000_000, ""),
        ("5000000", 5_000_000, ""),
        ("5M", 5_000_000, ""),
        ("200k", 200_000, ""),
        ("1.5M/day", 1_500_000, "day"),
        ("1_000_000 / week", 1_000_000, "week"),
        ("2G/month", 2 * 10**9, "month"),
        ("0", 0, ""),
        ("0.001k", 1, ""),
    ],
)
def test_amounts_are_read_with_units_and_windows(text, tokens, window):
    assert limits.parse_amount(text) == (tokens, window)


@pytest.mark.parametrize(
    "text",
    ["", "-1", "5X", "1e6", "5M/fortnight", "0.5", "1.0001k", "NaN", "5M/", "1__0", "٣"],
)
def test_what_is_not_a_budget_is_refused_with_the_text_or_the_reason(text):
    with pytest.raises(ValueError, match=r"token|window|whole|more"):
        limits.parse_amount(text)


def test_a_budget_that_would_overflow_sums_is_refused():
    with pytest.raises(ValueError, match="more tokens"):
        limits.parse_amount("10000000G")


@given(st.integers(0, 10**15), st.sampled_from(WINDOWS))
def test_a_formatted_limit_reads_back_exactly(tokens, window):
    limit = Limit("claude", tokens, window)
    assert limits.parse_limit("claude", limits.format_limit(limit)) == limit


@pytest.mark.parametrize(
    ("tokens", "text"),
    [(0, "0"), (999, "999"), (1000, "1k"), (12_345, "12.35k"), (5_000_000, "5M"), (-1500, "-1.5k")],
)
def test_tokens_for_people_are_short(tokens, text):
    assert limits.format_tokens(tokens) == text
