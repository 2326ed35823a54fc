"""A correction gives nothing to anybody: not to another window, not to what was forgiven, not to
who booked another's response first."""

from __future__ import annotations

import pytest

from botbottle.model.bottle import Limit
from botbottle.model.usage import Completeness
from tests.ledger.worlds import WEB, admit, admitted, exchange, pool, register, spend

DAY = 1_795_046_400.0  # midnight, UTC
ESTIMATED = Completeness.ESTIMATED


def booked(ledger, tokens, now, account=WEB, kind=ESTIMATED, lease="", name="m"):
    e = exchange(tokens, prompt=0, name=name, kind=kind)
    return ledger.settle(account, lease, [e], now=now)


def corrected(ledger, tokens, now, account=WEB, name="m"):
    return booked(ledger, tokens, now, account, Completeness.FINAL, name=name)


@pytest.mark.parametrize("window", ["hour", "day"])
def test_an_estimate_that_is_corrected_in_the_next_window_gives_that_window_nothing(ledger, window):
    register(ledger)
    ledger.set_limit("bottle:dev", Limit("claude", 1000, window), by="t")
    booked(ledger, 5000, DAY - 10)
    corrected(ledger, 0, DAY + 10)
    assert pool(ledger, DAY + 20, window=window).spent == 0
    assert not spend(ledger, 999, DAY + 20).crossed
    assert spend(ledger, 1, DAY + 20).crossed
    assert ledger.check().problems == ()


def test_the_window_of_the_estimate_has_it_taken_back_and_the_final_one_is_charged(ledger):
    register(ledger)
    booked(ledger, 5000, DAY - 10)
    booked(ledger, 6000, DAY - 5)  # more of the same response passed
    corrected(ledger, 400, DAY + 10)
    days = [ledger.scope_spent("bottle:dev", "claude", "day", t) for t in (DAY - 1, DAY + 20)]
    assert days == [0, 400]
    assert ledger.scope_spent("bottle:dev", "claude", "", DAY + 20) == 400
    rows = {r.keys: (r.counted, r.requests, r.estimated) for r in ledger.usage(["day"])}
    assert rows == {("2026-11-18",): (0, 0, 0), ("2026-11-19",): (400, 1, 0)}
    assert sum(r.counted for r in ledger.exchanges()) == 400
    assert ledger.check().problems == ()


@pytest.mark.parametrize(
    ("below", "wanted"), [("dev", {"dev": 10}), ("other", {"dev": 900, "other": 10})]
)
def test_a_correction_gives_nothing_to_a_bottle_that_the_agent_has_moved_to(
    ledger, now, below, wanted
):
    """What was estimated stays where it was booked; the final numbers count here."""
    register(ledger)
    booked(ledger, 900, now - 30)
    register(ledger, bottle=below)
    corrected(ledger, 10, now)
    spent = {
        name: ledger.scope_spent(f"bottle:{name}", "claude", "", now) for name in ("dev", below)
    }
    assert spent == wanted
    assert ledger.check().problems == ()


@pytest.mark.parametrize("final", [0, 300, 1500])
def test_a_correction_of_what_was_forgiven_frees_nothing_that_was_spent_since(ledger, now, final):
    register(ledger)
    ledger.set_limit("bottle:dev", Limit("claude", 1000), by="t")
    booked(ledger, 1000, now - 30)
    assert ledger.reset("bottle:dev", "claude", "", by="t", now=now - 20) == 1000
    spend(ledger, 700, now - 10)
    settled = corrected(ledger, final, now)
    beyond = max(0, final - 1000)  # what was forgiven stays forgiven
    assert pool(ledger, now).spent == 700 + beyond
    assert settled.room == 300 - beyond


def test_what_was_estimated_after_a_reset_is_corrected_as_ever(ledger, now):
    register(ledger)
    ledger.set_limit("bottle:dev", Limit("claude", 1000), by="t")
    spend(ledger, 900, now - 30)
    ledger.reset("bottle:dev", "claude", "", by="t", now=now - 20)
    booked(ledger, 800, now - 10)
    corrected(ledger, 100, now)
    assert pool(ledger, now).spent == 100


def test_another_service_sees_the_correction_of_what_was_forgiven(ledger, second, now):
    register(ledger)
    ledger.set_limit("bottle:dev", Limit("claude", 1000), by="t")
    booked(ledger, 1000, now - 30)
    ledger.reset("bottle:dev", "claude", "", by="t", now=now - 20)
    assert admitted(admit(second, now - 15, output=1)).room == 999
    corrected(ledger, 0, now - 10)
    spend(ledger, 600, now - 5)
    assert admitted(admit(second, now, output=1)).room == 1000 - 600 - 2


def test_the_reports_of_both_models_are_right_when_the_final_one_names_another(ledger, now):
    register(ledger)
    booked(ledger, 500, now)
    e = exchange(70, prompt=0, name="m")
    ledger.settle(WEB, "", [type(e)(e.provider, e.dialect, "model-2", *_rest(e))], now=now)
    found = {r.keys[0]: (r.counted, r.requests) for r in ledger.usage(["model"])}
    assert found == {"model-1": (0, 0), "model-2": (70, 1)}


def _rest(e):
    return e.host, e.response_id, e.tokens, e.completeness, e.at, e.note


def test_who_booked_anothers_response_first_pays_none_of_it(ledger, now):
    """A stolen sidecar learns an id while its response streams, and has tokens to burn."""
    register(ledger, "web")
    register(ledger, "thief", bottle="other")
    ledger.set_limit("bottle:dev", Limit("claude", 1000), by="t")
    lease = admitted(admit(ledger, now)).lease
    booked(ledger, 10**6, now, "p/thief", Completeness.FINAL)
    settled = booked(ledger, 990, now, WEB, Completeness.FINAL, lease=lease)
    assert (settled.recorded, settled.room) == (1, 10)
    assert pool(ledger, now).spent == 990
    assert ledger.check().problems == ()


def test_the_same_settlement_sent_again_counts_once_although_the_first_answer_was_lost(ledger, now):
    register(ledger, "web")
    register(ledger, "thief", bottle="other")
    lease = admitted(admit(ledger, now)).lease
    booked(ledger, 100, now, "p/thief", Completeness.FINAL)
    for recorded in (1, 0, 0):
        again = booked(ledger, 990, now, WEB, Completeness.FINAL, lease=lease)
        assert again.recorded == recorded
    assert ledger.scope_spent("bottle:dev", "claude", "", now) == 990


def test_an_estimate_with_a_lease_is_corrected_by_its_own_poll_whatever_others_claim(ledger, now):
    register(ledger, "web")
    register(ledger, "thief", bottle="other")
    lease = admitted(admit(ledger, now)).lease
    booked(ledger, 5000, now, "p/thief", Completeness.FINAL)
    booked(ledger, 900, now, WEB, ESTIMATED, lease=lease)
    corrected(ledger, 300, now, WEB)
    assert ledger.scope_spent("bottle:dev", "claude", "", now) >= 300


def test_a_result_that_another_bottle_fetches_counts_once(ledger, now):
    register(ledger, "web")
    register(ledger, "api")
    booked(ledger, 400, now, kind=Completeness.FINAL)
    assert booked(ledger, 400, now, "p/api", Completeness.FINAL).duplicates == 1
