"""What governs an account counts from the very next request, whoever changed it."""

import pytest

from botbottle.ledger.records import Refusal
from botbottle.model.bottle import Limit
from botbottle.model.usage import Tokens
from tests.ledger.worlds import WEB, admit, admitted, pool, register, spend


@pytest.mark.parametrize("policy", ["cutoff", "freeze", "kill"])
def test_a_hold_refuses_the_next_request_and_cuts_the_running_one(ledger, second, now, policy):
    register(ledger)
    lease = admitted(admit(ledger, now)).lease
    second.hold(WEB, policy, by="ann", reason="odd", now=now)
    refusal = admit(ledger, now)
    assert (refusal.code, refusal.policy) == ("held", policy)
    assert "odd" in refusal.message
    assert ledger.progress(WEB, lease, Tokens(), now=now).cut
    second.release_hold(WEB, by="ann", now=now)
    admitted(admit(ledger, now))


def test_a_limit_set_on_another_connection_counts_from_the_very_next_request(ledger, second, now):
    register(ledger)
    admitted(admit(ledger, now))
    second.set_limit("global", Limit("claude", 0), by="ann")
    assert admit(ledger, now).code == "budget-exhausted"


def test_a_limit_that_was_undone_is_forgotten_whoever_sets_the_next(ledger, second, now):
    register(ledger)
    admitted(admit(ledger, now))
    with pytest.raises(RuntimeError), ledger.batch():
        ledger.set_limit("bottle:dev", Limit("claude", 1), by="t")
        assert isinstance(admit(ledger, now, prompt=500), Refusal)
        raise RuntimeError("undone")
    second.set_limit("bottle:dev", Limit("claude", 1000), by="t")
    assert admitted(admit(ledger, now, prompt=500)).limit == 1000
    admitted(admit(ledger, now))
    second.set_limit("bottle:dev", Limit("claude", 1), by="t")
    assert isinstance(admit(ledger, now), Refusal)


def test_an_own_change_of_a_limit_counts_at_once_and_in_every_later_transaction(ledger, now):
    register(ledger)
    for limit in (1, 10_000, 1):
        ledger.set_limit("bottle:dev", Limit("claude", limit), by="t")
        for _ in range(2):
            assert isinstance(admit(ledger, now, prompt=5, output=5), Refusal) == (limit == 1)


def test_in_all_mode_a_shared_pool_stops_a_bottle_that_has_its_own_budget(ledger, now):
    register(ledger, "near", agent=1000)
    register(ledger, "strict", mode="all", agent=1000)
    ledger.set_limit("global", Limit("claude", 100), by="t")
    spend(ledger, 100, now, "p/near")
    admitted(admit(ledger, now, "p/near"))
    assert admit(ledger, now, "p/strict").scope == "global"


def test_what_one_bottle_spends_is_gone_for_all_that_share_the_pool(ledger, now):
    register(ledger, "web")
    register(ledger, "api")
    ledger.set_limit("bottle:dev", Limit("claude", 100), by="t")
    spend(ledger, 100, now, "p/web")
    assert admit(ledger, now, "p/api").code == "budget-exhausted"


def test_a_window_that_begins_again_gives_the_budget_back(ledger):
    noon = 1_795_003_200.0  # 2026-11-18 12:00 UTC
    register(ledger, agent=(Limit("claude", 100, "day"),))
    spend(ledger, 100, noon)
    assert isinstance(admit(ledger, noon + 43_199), Refusal)
    admitted(admit(ledger, noon + 43_200))


@pytest.mark.parametrize("window", ["hour", "day", "week", "month", ""])
def test_every_window_counts_what_was_spent_in_it(ledger, window):
    monday = 1_795_392_000.0  # 2026-11-23, a Monday
    register(ledger, agent=(Limit("claude", 1000, window),))
    spend(ledger, 100, monday - 1)
    spend(ledger, 10, monday + 60)
    spend(ledger, 1, monday + 7 * 3600)
    expected = {"hour": 1, "day": 11, "week": 11, "month": 111, "": 111}
    state = pool(ledger, monday + 7 * 3600 + 5, "agent:p/web", window=window)
    assert state.spent == expected[window]


def limit_of(ledger, now):
    return next(p for p in ledger.view(now).pools if p.scope == "agent:p/web")


def test_crumbs_that_no_request_fits_into_count_as_spent(ledger, now):
    register(ledger, agent=1000)
    spend(ledger, 960, now)
    assert not limit_of(ledger, now).exhausted
    assert admit(ledger, now, prompt=50).code == "budget-exhausted"
    assert limit_of(ledger, now).exhausted, "or the policy would never be carried out"
    ledger.set_limit("agent:p/web", Limit("claude", 5000), by="t")
    assert not limit_of(ledger, now).exhausted


def test_a_request_that_is_too_large_for_half_a_budget_does_not_end_it(ledger, now):
    register(ledger, agent=1000)
    spend(ledger, 500, now)
    assert admit(ledger, now, prompt=600).code == "budget-exhausted"
    assert not limit_of(ledger, now).exhausted


def test_a_reset_forgets_the_refusal(ledger, now):
    register(ledger, agent=1000)
    spend(ledger, 960, now)
    admit(ledger, now, prompt=50)
    ledger.reset("agent:p/web", "claude", "", by="t", now=now)
    spend(ledger, 960, now)
    assert not limit_of(ledger, now).exhausted
    admit(ledger, now, prompt=50)
    assert limit_of(ledger, now).exhausted
