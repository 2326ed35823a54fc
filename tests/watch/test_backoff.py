"""Waiting longer after each failure, and giving up a fight."""

from __future__ import annotations

import math

from botbottle.watch.backoff import LONGEST, Backoff, Damper


def test_waits_double_up_to_a_minute_and_end_with_success() -> None:
    backoff = Backoff(random=lambda: 0.5)
    delays = [backoff.failed("a", 0.0) for _ in range(10)]
    assert delays[:4] == [0.5, 1.0, 2.0, 4.0] and delays[-1] == LONGEST
    assert not backoff.ready("a", 59.0) and backoff.ready("a", 60.0) and backoff.ready("b", 0.0)
    backoff.forget("a")
    assert backoff.ready("a", 0.0) and backoff.failed("a", 0.0) == 0.5


def test_jitter_stays_within_a_fifth() -> None:
    low, high = Backoff(lambda: 0.0), Backoff(lambda: 0.999)
    assert math.isclose(low.failed("a", 0), 0.4) and high.failed("a", 0) < 0.6


def test_a_permanent_failure_waits_for_new_input() -> None:
    backoff = Backoff(lambda: 0.5)
    backoff.failed("a", 0.0, permanent=True)
    assert not backoff.ready("a", 1e12) and backoff.next_due() is None
    backoff.forget_all()
    assert backoff.ready("a", 0.0)


def test_the_damper_trips_on_the_fourth_repair_of_one_thing() -> None:
    damper = Damper()
    assert [damper.repaired("web", "network", t) for t in (0, 1, 2, 3)] == [
        False,
        False,
        False,
        True,
    ]
    assert damper.tripped("web") == "network" and damper.tripped("other") == ""
    damper.resume("web")
    assert damper.tripped("web") == "" and not damper.repaired("web", "network", 4)


def test_slow_drift_does_not_trip_the_damper() -> None:
    damper = Damper()
    assert not any(damper.repaired("web", "network", 400.0 * i) for i in range(20))
