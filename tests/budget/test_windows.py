"""Windows: every moment is in exactly one bucket, and buckets end when the calendar says so."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.budget import windows
from botbottle.model.bottle import WINDOWS

MOMENTS = st.floats(min_value=0, max_value=4e9, allow_nan=False)
SPANS = [w for w in WINDOWS if w]


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("window", "moment", "name"),
    [
        ("", "2026-11-22T18:30:00", ""),
        ("hour", "2026-11-22T18:59:59", "2026-11-22T18"),
        ("day", "2026-12-31T23:59:59", "2026-12-31"),
        ("week", "2026-11-22T23:59:59", "2026-W47"),  # a Sunday: last day of its ISO week
        ("week", "2026-11-23T00:00:00", "2026-W48"),
        ("week", "2027-01-01T12:00:00", "2026-W53"),  # the ISO year is not the calendar year
        ("month", "2028-02-29T12:00:00", "2028-02"),
    ],
)
def test_a_moment_has_the_bucket_of_the_utc_calendar(window, moment, name):
    assert windows.bucket(window, at(moment)) == name


@pytest.mark.parametrize(
    ("window", "moment", "end"),
    [
        ("hour", "2026-11-22T18:30:00", "2026-11-22T19:00:00"),
        ("day", "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        ("week", "2026-11-22T23:59:59", "2026-11-23T00:00:00"),
        ("month", "2026-12-15T00:00:00", "2027-01-01T00:00:00"),
        ("month", "2028-02-01T00:00:00", "2028-03-01T00:00:00"),
    ],
)
def test_a_window_resets_at_its_calendar_end(window, moment, end):
    assert windows.resets_at(window, at(moment)) == at(end)


def test_the_endless_window_never_resets():
    assert windows.resets_at("", 1.0) is None
    assert windows.bounds("", 1.0) is None


@given(MOMENTS, st.sampled_from(SPANS))
def test_a_bucket_is_constant_inside_its_bounds_and_changes_at_them(moment, window):
    first, after = windows.bounds(window, moment)
    assert first <= moment < after
    name = windows.bucket(window, moment)
    assert windows.bucket(window, first) == name
    assert windows.bucket(window, after - 1) == name
    assert windows.bucket(window, after) != name
    assert windows.bucket(window, first - 1) != name or first == 0


@given(MOMENTS, MOMENTS)
def test_day_and_hour_buckets_sort_like_time(a, b):
    early, late = sorted((a, b))
    for window in ("hour", "day"):
        assert windows.bucket(window, early) <= windows.bucket(window, late)


@given(MOMENTS, st.sampled_from(["week", "month", "day"]))
def test_the_days_of_a_window_are_those_whose_bucket_it_shares(moment, window):
    first, last = windows.days(window, moment)
    assert first <= windows.bucket("day", moment) <= last
    start, end = windows.bounds(window, moment)
    assert windows.bucket("day", start) == first
    assert windows.bucket("day", end) > last
    assert round((end - start) / 86400) <= 31


@pytest.mark.parametrize("window", ["", "hour"])
def test_windows_that_are_not_made_of_days_are_refused(window):
    with pytest.raises(ValueError, match="not made of days"):
        windows.days(window, 0.0)
