"""Projection: a straight line, honest about windows and about never."""

import pytest

from botbottle.budget import projection
from botbottle.model.ledger_view import Pool


def pool(spent, burn, limit=1000, resets_at=None):
    return Pool("s", "claude", "", limit, spent, 0, burn, resets_at)


def test_a_steady_burn_empties_the_rest_of_the_pool():
    assert projection.seconds_left(pool(400, 2.0)) == 300.0
    assert projection.exhausted_at(pool(400, 2.0), 1000.0) == 1300.0


def test_a_spent_pool_is_exhausted_now():
    assert projection.exhausted_at(pool(1000, 0.0), 7.0) == 7.0


def test_without_burn_there_is_no_end():
    assert projection.exhausted_at(pool(999, 0.0), 7.0) is None


def test_a_window_that_ends_first_saves_the_pool():
    assert projection.exhausted_at(pool(400, 2.0, resets_at=1299.0), 1000.0) is None
    assert projection.exhausted_at(pool(400, 2.0, resets_at=1301.0), 1000.0) == 1300.0


@pytest.mark.parametrize(("spent", "limit", "share"), [(0, 10, 0), (5, 10, 50), (15, 10, 150)])
def test_percent_shows_overruns_too(spent, limit, share):
    assert projection.percent(pool(spent, 0, limit)) == share


def test_a_limit_of_zero_is_full():
    assert projection.percent(pool(0, 0, 0)) == 100.0


def test_burn_is_never_negative_or_infinite():
    assert projection.burn_rate(600) == 1.0
    assert projection.burn_rate(-600) == 0.0
    assert projection.burn_rate(600, 0.0) == 0.0
