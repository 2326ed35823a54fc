"""Looking costs at most its share, and is never late without a reason."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from botbottle.ui.top.pace import Pace


def test_a_hint_is_followed_after_the_floor_and_silence_after_the_ceiling() -> None:
    pace = Pace(floor=0.5, ceiling=3.0, share=0.02)
    assert pace.due(0.0, hint=False), "the first look is due at once"
    pace.looked(10.0, 0.001)
    assert not pace.due(10.4, hint=True)
    assert pace.due(10.5, hint=True)
    assert not pace.due(12.9, hint=False)
    assert pace.due(13.0, hint=False)


@given(st.floats(0.0, 2.0), st.floats(0.01, 0.5))
def test_a_dear_look_is_followed_by_a_pause_in_proportion(cost: float, share: float) -> None:
    pace = Pace(floor=0.5, ceiling=1.0, share=share)
    looks, now, end = 0, 0.0, 600.0
    while now < end:
        if pace.due(now, hint=True):
            pace.looked(now, cost)
            looks += 1
        now += 0.1
    assert (looks - 1) * cost <= share * end * 1.001
