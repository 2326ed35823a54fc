"""The gate: check and reserve in one transaction, follow, settle, give back on every path."""

from pathlib import Path

import pytest

from botbottle import errors
from botbottle.budget.admission import ALLOWANCE
from botbottle.ledger.gate import FORGET_SECONDS, LEASE_SECONDS, MAX_IN_FLIGHT
from botbottle.ledger.records import Refusal
from botbottle.model.bottle import Limit
from botbottle.model.usage import Tokens
from tests.ledger.worlds import WEB, admit, admitted, exchange, pool, register, scope_spent, spend


def test_an_admission_tells_what_governs_and_what_is_left(ledger, now):
    register(ledger)
    ledger.set_limit("bottle:dev", Limit("claude", 1000), by="t")
    answer = admitted(admit(ledger, now, prompt=100, output=400))
    assert (answer.scope, answer.limit, answer.spent) == ("bottle:dev", 1000, 0)
    assert (answer.reserved, answer.room) == (500, 500)
    assert answer.expires == now + LEASE_SECONDS


def test_a_lease_is_as_long_as_the_documents_say():
    text = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text("utf-8")
    assert f"or {LEASE_SECONDS:.0f} seconds after the request last" in text
    assert f"at most {ALLOWANCE:,} tokens (not `max_tokens`)" in " ".join(text.split())


def test_a_bottle_without_a_budget_is_admitted_and_still_counted(ledger, now):
    register(ledger)
    assert admitted(admit(ledger, now)).room is None
    spend(ledger, 70, now)
    assert scope_spent(ledger, "global", "claude", "", now) == 70


def test_an_unknown_bottle_is_refused(ledger, now):
    assert admit(ledger, now, "p/nobody").code == "unknown-account"


def test_a_retired_bottle_is_refused_and_registering_again_lets_it_in(ledger, now):
    register(ledger)
    ledger.retire(WEB)
    assert admit(ledger, now).code == "unknown-account"
    register(ledger)
    admitted(admit(ledger, now))


def test_a_budget_for_one_provider_does_not_touch_another(ledger, now):
    register(ledger, agent=10)
    spend(ledger, 10, now)
    assert isinstance(admit(ledger, now), Refusal)
    admitted(admit(ledger, now, provider="codex"))


def test_a_spent_budget_refuses_with_everything_the_client_needs(ledger, now):
    register(ledger, agent=(Limit("claude", 100, "day"),))
    spend(ledger, 130, now)
    refusal = admit(ledger, now)
    assert refusal.code == "budget-exhausted"
    assert (refusal.scope, refusal.provider, refusal.window) == ("agent:p/web", "claude", "day")
    assert (refusal.limit, refusal.spent, refusal.room) == (100, 130, 0)
    assert 0 < refusal.retry_after <= 86400
    assert "130 of 100 tokens per day" in refusal.message


def test_a_refusal_is_told_also_where_its_first_transaction_was_undone(ledger, now):
    """It is written once: what was undone was not."""
    register(ledger, agent=100)
    spend(ledger, 130, now)
    with pytest.raises(RuntimeError), ledger.batch():
        assert admit(ledger, now).code == "budget-exhausted"
        raise RuntimeError
    assert ledger.db.value("SELECT count(*) FROM refused") == 0
    assert admit(ledger, now).code == "budget-exhausted"
    assert ledger.db.value("SELECT count(*) FROM refused") == 1


def test_reservations_count_against_everybody_in_the_pool(ledger, now):
    register(ledger, "web")
    register(ledger, "api")
    ledger.set_limit("bottle:dev", Limit("claude", 1000), by="t")
    admitted(admit(ledger, now, "p/web", output=700))
    assert admitted(admit(ledger, now, "p/api", output=700)).reserved == 300
    assert admit(ledger, now, "p/web").code == "budget-reserved"


def test_settling_gives_the_reservation_back_and_books_the_truth(ledger, now):
    register(ledger, agent=1000)
    lease = admitted(admit(ledger, now, output=800)).lease
    settled = ledger.settle(WEB, lease, [exchange(60, prompt=40)], now=now)
    assert (settled.recorded, settled.duplicates, settled.room, settled.crossed) == (
        1,
        0,
        900,
        False,
    )
    assert pool(ledger, now, "agent:p/web").reserved == 0


def test_releasing_gives_the_reservation_back_unused(ledger, now):
    register(ledger, agent=1000)
    lease = admitted(admit(ledger, now, output=1000)).lease
    assert admit(ledger, now).code == "budget-reserved"
    ledger.release(WEB, lease)
    assert admitted(admit(ledger, now)).room == 900


def test_a_lease_that_nobody_settles_expires_and_is_forgotten(ledger, now):
    register(ledger, agent=1000)
    admitted(admit(ledger, now, output=1000))
    assert admit(ledger, now + LEASE_SECONDS - 1).code == "budget-reserved"
    later = now + LEASE_SECONDS + 1
    admitted(admit(ledger, later, output=1000))
    assert ledger.forget_leases(later) == 0
    assert ledger.forget_leases(later + FORGET_SECONDS) == 1


def test_a_lease_of_a_clock_that_was_set_back_ends_as_any_other(ledger, second, now):
    register(ledger, agent=100)
    day = 86_400
    lost = admitted(admit(ledger, now + day, output=100))  # its sidecar dies
    assert admit(ledger, now, output=10).code == "budget-reserved"
    ledger.forget_leases(now + 1)
    for seen in (ledger, second):
        assert admit(seen, now + 2, output=10).code == "budget-reserved", "not given back at once"
    assert admitted(admit(second, now + 2 + LEASE_SECONDS, output=10)).reserved == 10
    assert ledger.progress(WEB, lost.lease, Tokens(output=1), now=now + 3).reason != "unknown-lease"


def test_crossing_is_told_to_whoever_crosses(ledger, now):
    register(ledger, agent=100)
    lease = admitted(admit(ledger, now)).lease
    settled = ledger.settle(WEB, lease, [exchange(90, prompt=20)], now=now)
    assert settled.crossed
    assert settled.room == -10


def test_a_running_request_is_cut_when_its_pool_is_used_up(ledger, now):
    register(ledger, agent=10_000)
    lease = admitted(admit(ledger, now, output=100)).lease
    assert not ledger.progress(WEB, lease, Tokens(output=9_999), now=now).cut
    answer = ledger.progress(WEB, lease, Tokens(output=10_000), now=now)
    assert (answer.cut, answer.reason) == (True, "budget-exhausted")


def test_a_request_grows_its_reservation_so_that_others_see_it(ledger, now):
    register(ledger, "web")
    register(ledger, "api")
    ledger.set_limit("bottle:dev", Limit("claude", 10_000), by="t")
    lease = admitted(admit(ledger, now, "p/web", output=100)).lease
    ledger.progress("p/web", lease, Tokens(output=9_000), now=now)
    assert pool(ledger, now).reserved >= 9_000
    assert admit(ledger, now, "p/api", prompt=1_000).code == "budget-reserved"


def test_a_request_within_its_reservation_is_never_cut_by_others(ledger, now):
    register(ledger, "web")
    register(ledger, "api")
    ledger.set_limit("bottle:dev", Limit("claude", 1000), by="t")
    first = admitted(admit(ledger, now, "p/web", output=600))
    second = admitted(admit(ledger, now, "p/api", output=600))
    assert second.reserved == 400
    assert ledger.progress("p/api", second.lease, Tokens(output=400), now=now).cut
    assert not ledger.progress("p/web", first.lease, Tokens(output=599), now=now).cut


def test_progress_renews_the_lease_even_after_it_expired(ledger, now):
    register(ledger, agent=1000)
    lease = admitted(admit(ledger, now, output=1000)).lease
    late = now + LEASE_SECONDS * 2
    assert not ledger.progress(WEB, lease, Tokens(output=10), now=late).cut
    assert admit(ledger, late + 1).code == "budget-reserved"


def test_progress_without_a_valid_lease_cuts(ledger, now):
    register(ledger, "web")
    register(ledger, "api")
    lease = admitted(admit(ledger, now, "p/web")).lease
    assert ledger.progress("p/api", lease, Tokens(), now=now).cut
    assert ledger.progress("p/web", "ff", Tokens(), now=now).cut
    assert not ledger.progress("p/web", lease, Tokens(), now=now).cut


def test_one_bottle_cannot_give_back_anothers_reservation(ledger, now):
    register(ledger, "web", agent=1000)
    register(ledger, "api")
    lease = admitted(admit(ledger, now, "p/web", output=1000)).lease
    ledger.release("p/api", lease)
    ledger.settle("p/api", lease, [], now=now)
    assert admit(ledger, now, "p/web").code == "budget-reserved"


def test_an_undone_batch_leaves_nothing_in_what_the_gate_knows(ledger, now):
    register(ledger, agent=1000)
    admitted(admit(ledger, now, output=1))  # the gate has read its pools
    with pytest.raises(RuntimeError), ledger.batch():
        spend(ledger, 500, now)
        admitted(admit(ledger, now, output=400))
        raise RuntimeError
    assert admitted(admit(ledger, now, output=1)).room == 998


def test_a_bottle_has_a_bounded_number_of_requests_in_flight(ledger, now):
    register(ledger, "web")
    register(ledger, "api")
    with ledger.batch():
        for _ in range(MAX_IN_FLIGHT):
            admitted(admit(ledger, now, "p/web", output=1))
    assert admit(ledger, now, "p/web").code == "too-many-in-flight"
    admitted(admit(ledger, now, "p/api"))


def test_usage_of_an_unknown_bottle_is_refused_not_dropped(ledger, now):
    with pytest.raises(errors.Refused, match="unknown account"):
        spend(ledger, 1, now, "p/nobody")
