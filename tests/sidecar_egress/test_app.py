"""When sidecars report: together, and evenly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from botbottle.sidecar.egress.app import HEARTBEAT, TOGETHER, until_beat

MOMENTS = st.floats(min_value=1.6e9, max_value=4e9)
PLACES = st.floats(min_value=0.0, max_value=TOGETHER)
CLOCK = 1e-5  # what a float of today's seconds cannot tell apart, many times over


@given(MOMENTS, PLACES)
def test_sidecars_that_started_at_any_time_report_in_the_same_quarter_of_a_second(
    now: float, place: float
) -> None:
    due = (now + until_beat(now, place)) % HEARTBEAT
    assert due <= TOGETHER + CLOCK or due >= HEARTBEAT - CLOCK


@given(MOMENTS, PLACES)
def test_no_pause_is_much_shorter_or_longer_than_the_others(now: float, place: float) -> None:
    assert HEARTBEAT / 2 < until_beat(now, place) <= 1.5 * HEARTBEAT + CLOCK


@given(MOMENTS, PLACES, st.floats(min_value=-0.2, max_value=0.2))
def test_one_that_is_woken_early_or_late_keeps_its_turn(
    now: float, place: float, off: float
) -> None:
    turn = now + until_beat(now, place)
    woken = turn + off
    assert abs(woken + until_beat(woken, place) - turn - HEARTBEAT) < 0.01
