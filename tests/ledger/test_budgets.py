"""Limits and the planner's reading: overrides, resets, burn, all on one snapshot."""

import pytest
from msgspec.structs import replace

from botbottle.budget.projection import BURN_SECONDS
from botbottle.model.bottle import WINDOWS, Limit
from tests.ledger.worlds import WEB, admit, admitted, pool, register, scope_spent, spend

KEY = ("agent:p/web", "claude", "")


def test_raising_a_limit_lets_the_next_request_through(ledger, now):
    register(ledger, agent=100)
    spend(ledger, 100, now)
    assert admit(ledger, now).code == "budget-exhausted"
    ledger.set_limit("agent:p/web", Limit("claude", 500), by="ann", reason="needed")
    assert admitted(admit(ledger, now, output=10)).room == 390


def test_lowering_a_limit_stops_the_next_request(ledger, now):
    register(ledger, agent=1000)
    spend(ledger, 100, now)
    ledger.set_limit("agent:p/web", Limit("claude", 100), by="ann")
    assert admit(ledger, now).code == "budget-exhausted"


def test_clearing_an_override_brings_the_declared_limit_back(ledger, now):
    register(ledger, agent=100)
    ledger.set_limit("agent:p/web", Limit("claude", 500), by="ann")
    assert ledger.clear_limit(*KEY, by="ann")
    assert not ledger.clear_limit(*KEY, by="ann")
    assert pool(ledger, now, "agent:p/web").limit == 100


def test_an_override_tells_which_declared_limit_it_stands_in_for(ledger, now):
    register(ledger, agent=100)
    ledger.set_limit("agent:p/web", Limit("claude", 500), by="ann")
    ledger.set_limit("global", Limit("claude", 900), by="ann")
    assert pool(ledger, now, "agent:p/web").declared == 100
    assert pool(ledger, now, "global").declared is None


@pytest.mark.parametrize("window", WINDOWS)
def test_what_is_gone_of_a_limit_that_is_none_yet_is_told(ledger, now, window):
    """As the pool has it once the limit is there: a plan knows what follows from it."""
    register(ledger)
    spend(ledger, 120, now - 40 * 86_400)
    spend(ledger, 70, now)
    ledger.set_limit("global", Limit("claude", 900), by="ann")
    asked = ("agent:p/web", "claude", window), ("global", "claude", "")
    (coming,) = ledger.view(now, frozenset(asked)).coming
    assert ledger.view(now).coming == ()
    register(ledger, agent=(Limit("claude", 1000, window),))
    assert replace(coming, limit=1000) == replace(pool(ledger, now, *asked[0]), burn=0.0)
    assert coming.spent == (190 if window == "" else 70)


def test_an_override_is_marked_as_such_in_the_view(ledger, now):
    register(ledger, agent=100)
    assert not pool(ledger, now, "agent:p/web").override
    ledger.set_limit("agent:p/web", Limit("claude", 500), by="ann")
    assert pool(ledger, now, "agent:p/web").override


def test_a_reset_forgives_the_current_window_only_and_hides_nothing(ledger, now):
    register(ledger, agent=(Limit("claude", 100, "hour"), Limit("claude", 1000)))
    spend(ledger, 100, now)
    assert ledger.reset("agent:p/web", "claude", "hour", by="ann", now=now) == 100
    assert pool(ledger, now, "agent:p/web", window="hour").spent == 0
    assert pool(ledger, now, "agent:p/web").spent == 100
    assert scope_spent(ledger, "agent:p/web", "claude", "hour", now) == 100
    assert ledger.usage([])[0].counted == 100
    spend(ledger, 30, now)
    assert pool(ledger, now, "agent:p/web", window="hour").spent == 30


def test_a_second_reset_forgives_only_what_came_since(ledger, now):
    register(ledger, agent=100)
    spend(ledger, 60, now)
    ledger.reset(*KEY, by="ann", now=now)
    spend(ledger, 25, now)
    assert ledger.reset(*KEY, by="ann", now=now) == 25
    assert pool(ledger, now, "agent:p/web").spent == 0


def test_a_reset_of_one_window_says_nothing_about_the_next(ledger, now):
    register(ledger, agent=(Limit("claude", 100, "hour"),))
    spend(ledger, 80, now)
    ledger.reset("agent:p/web", "claude", "hour", by="ann", now=now)
    later = now + 3600
    spend(ledger, 40, later)
    assert pool(ledger, later, "agent:p/web", window="hour").spent == 40


def test_changes_are_audited_with_before_and_after(ledger, now):
    register(ledger, agent=100)
    spend(ledger, 70, now)
    ledger.set_limit("agent:p/web", Limit("claude", 500), by="ann", reason="needed")
    ledger.clear_limit(*KEY, by="bob")
    ledger.reset(*KEY, by="cy", now=now)
    rows = [(r.action, r.account, r.by, r.before, r.after, r.detail) for r in ledger.audit()]
    assert rows == [
        ("limit", "agent:p/web", "ann", "100", "500", "needed"),
        ("limit", "agent:p/web", "bob", "500", "100", ""),
        ("reset", "agent:p/web", "cy", "70", "0", ""),
    ]


def test_the_view_shows_reservations_and_the_end_of_the_window(ledger, now):
    register(ledger, agent=(Limit("claude", 1000, "hour"),))
    admitted(admit(ledger, now, output=300))
    state = pool(ledger, now, "agent:p/web", window="hour")
    assert (state.spent, state.reserved, state.exhausted) == (0, 300, False)
    assert 0 < state.resets_at - now <= 3600


def test_burn_is_the_mean_of_the_last_minutes(ledger, now):
    register(ledger, agent=10**6)
    spend(ledger, 5000, now - BURN_SECONDS - 1)
    spend(ledger, 600, now - 10)
    spend(ledger, 600, now)
    assert pool(ledger, now, "agent:p/web").burn == pytest.approx(2.0)


def test_pools_of_retired_bottles_leave_the_view_but_shared_ones_stay(ledger, now):
    register(ledger, "web", agent=5)
    register(ledger, "api", **{"global": 9})
    ledger.retire(WEB)
    assert [p.scope for p in ledger.view(now).pools] == ["global"]


def test_a_bottle_sees_the_pools_that_govern_it_and_no_others(ledger, now):
    register(ledger, "web", agent=5)
    register(ledger, "api", agent=7, **{"global": 9})
    assert [p.scope for p in ledger.account_pools("p/web", now)] == ["agent:p/web"]
    assert ledger.account_pools("p/nobody", now) == ()


def test_the_version_moves_with_every_write_of_anybody(ledger, second, now):
    register(ledger)
    before = second.version()
    assert second.version() == before
    spend(ledger, 1, now)
    assert second.version() != before
    own = second.version()
    second.hold(WEB, "cutoff", by="t", now=now)
    assert second.version() != own
