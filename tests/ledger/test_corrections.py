"""A correction gives nothing to anybody: not to another window, not to what was forgiven, not to
who booked another's response first."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model.bottle import Limit, Scope
from botbottle.model.usage import Completeness
from tests.ledger.worlds import (
    WEB,
    admit,
    admitted,
    exchange,
    pool,
    register,
    scope_spent,
    scopes,
    spend,
)

DAY = 1_795_046_400.0  # midnight, UTC
ESTIMATED = Completeness.ESTIMATED


def booked(ledger, tokens, now, account=WEB, kind=ESTIMATED, lease="", name="m", **fields):
    e = replace(exchange(tokens, prompt=0, name=name, kind=kind), **fields)
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
    days = [scope_spent(ledger, "bottle:dev", "claude", "day", t) for t in (DAY - 1, DAY + 20)]
    assert days == [0, 400]
    assert scope_spent(ledger, "bottle:dev", "claude", "", DAY + 20) == 400
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
        name: scope_spent(ledger, f"bottle:{name}", "claude", "", now) for name in ("dev", below)
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
    assert scope_spent(ledger, "bottle:dev", "claude", "", now) == 990


def test_an_estimate_with_a_lease_is_corrected_by_its_own_poll_whatever_others_claim(ledger, now):
    register(ledger, "web")
    register(ledger, "thief", bottle="other")
    lease = admitted(admit(ledger, now)).lease
    booked(ledger, 5000, now, "p/thief", Completeness.FINAL)
    booked(ledger, 900, now, WEB, ESTIMATED, lease=lease)
    corrected(ledger, 300, now, WEB)
    assert scope_spent(ledger, "bottle:dev", "claude", "", now) >= 300


def test_a_result_that_another_bottle_fetches_counts_once(ledger, now):
    register(ledger, "web")
    register(ledger, "api")
    booked(ledger, 400, now, kind=Completeness.FINAL)
    assert booked(ledger, 400, now, "p/api", Completeness.FINAL).duplicates == 1


@pytest.mark.parametrize("leased", [True, False])
def test_an_estimate_adds_nothing_to_final_numbers_of_the_same_response(ledger, now, leased):
    """A poll told them; then the connection that the response came over is cut."""
    register(ledger)
    lease = admitted(admit(ledger, now)).lease if leased else ""
    booked(ledger, 1100, now, kind=Completeness.FINAL)
    assert booked(ledger, 8192, now, kind=Completeness.PARTIAL, lease=lease).duplicates == 1
    assert booked(ledger, 1200, now, kind=Completeness.FINAL).recorded == 1, "larger final ones do"
    assert scope_spent(ledger, "bottle:dev", "claude", "", now) == 1200


@pytest.mark.parametrize("leased", [True, False])
def test_final_numbers_of_another_bottle_keep_no_estimate_out(ledger, now, leased):
    register(ledger, "web")
    register(ledger, "thief", bottle="other")
    lease = admitted(admit(ledger, now)).lease if leased else ""
    booked(ledger, 0, now, "p/thief", Completeness.FINAL)
    booked(ledger, 900, now, kind=Completeness.PARTIAL, lease=lease)
    assert scope_spent(ledger, "bottle:dev", "claude", "", now) == 900


@pytest.mark.parametrize("other", [{"dialect": "openai_batch"}, {"host": "files.example"}])
def test_what_a_file_says_about_a_response_neither_amends_nor_ends_it(ledger, now, other):
    """An agent writes a file, uploads it and reads it as results of a batch, before or after the
    response whose id is in it was cut off."""
    register(ledger)
    booked(ledger, 5000, now, kind=Completeness.PARTIAL)
    assert booked(ledger, 0, now, kind=Completeness.FINAL, **other).recorded == 0
    booked(ledger, 0, now, kind=Completeness.FINAL, name="early", **other)
    booked(ledger, 700, now, kind=Completeness.PARTIAL, name="early")
    assert scope_spent(ledger, "bottle:dev", "claude", "", now) == 5700
    corrected(ledger, 300, now)
    assert scope_spent(ledger, "bottle:dev", "claude", "", now) == 300 + 700, "the honest form does"


def join(ledger, *extra):
    ledger.register(
        WEB, [*extra, *scopes()], agent="web", ancestry=("dev", "base")
    )  # as ``worlds.register`` does


LAUNCH = Scope("launch", "launch:p/web", (Limit("claude", 1000),))


def test_a_correction_is_no_credit_for_a_scope_that_never_had_the_estimate(ledger, now):
    """``--budget`` is given when there are estimates already: their corrections widened it."""
    join(ledger)
    for n in range(5):
        booked(ledger, 900, now, name=f"m{n}")
    join(ledger, LAUNCH)
    for n in range(5):
        corrected(ledger, 10, now, name=f"m{n}")
    assert scope_spent(ledger, "launch:p/web", "claude", "", now) == 50
    assert scope_spent(ledger, "bottle:dev", "claude", "", now) == 50, "which had it"
    assert spend(ledger, 950, now).crossed
    assert ledger.check().problems == ()


def test_nor_for_one_that_the_bottle_had_left_meanwhile(ledger, now):
    join(ledger, LAUNCH)
    booked(ledger, 400, now, name="first")
    join(ledger)
    booked(ledger, 900, now)
    join(ledger, LAUNCH)
    corrected(ledger, 10, now)
    assert scope_spent(ledger, "launch:p/web", "claude", "", now) == 400 + 10
    booked(ledger, 300, now, name="after")
    join(ledger, LAUNCH)  # again the same: it has been in it ever since
    corrected(ledger, 20, now, name="after")
    assert scope_spent(ledger, "launch:p/web", "claude", "", now) == 400 + 10 + 20
    assert scope_spent(ledger, "bottle:dev", "claude", "", now) == 400 + 10 + 20


def test_check_finds_sums_that_gave_back_more_than_was_spent(ledger, now):
    join(ledger)
    spend(ledger, 10, now)
    ledger.books.flush()
    for window, bucket in (("", ""), ("day", "2026-01-01")):
        ledger.db.run(
            "INSERT INTO spend VALUES ('bottle:old', 'claude', ?, ?, -5, 0)", window, bucket
        )
    assert ledger.check().problems == ("bottle:old has spent -5 tokens of claude in all",)


@pytest.mark.parametrize("window", ["", "hour"])
@pytest.mark.parametrize("behind", [0, 1, 7200])
def test_a_reset_by_a_clock_that_is_behind_forgives_nothing_later(ledger, now, window, behind):
    """Or one that has waited for the lock: what it forgives is what is there when it has it."""
    register(ledger)
    ledger.set_limit("bottle:dev", Limit("claude", 5000, window), by="t")
    for n in range(5):
        booked(ledger, 900, now, name=f"m{n}")
    assert ledger.reset("bottle:dev", "claude", window, by="t", now=now - behind) == 4500
    assert pool(ledger, now, window=window).spent == 0
    for n in range(5):
        corrected(ledger, 10, now, name=f"m{n}")
    assert pool(ledger, now, window=window).spent == 0
    spend(ledger, 4000, now)
    assert pool(ledger, now, window=window).spent == 4000


def test_a_correction_takes_back_no_request_that_was_another_bottles(ledger, now):
    """Whoever books a response of another bottle, and then corrects its own part of it, leaves no
    report that cannot be: the ledger would be called damaged."""
    register(ledger)
    api = register(ledger, "api")
    booked(ledger, 100, now - 7200, name="theirs")
    more = exchange(300, prompt=0, name="theirs", kind=Completeness.PARTIAL)
    assert ledger.settle(api, "", [more], now=now - 3600).recorded == 1
    lease = admitted(admit(ledger, now, api)).lease
    ledger.settle(api, lease, [exchange(250, prompt=0, name="theirs")], now=now)
    assert ledger.check().problems == ()
    assert ledger.usage([])[0].requests == 1, "one response"
    assert scope_spent(ledger, "agent:p/api", "claude", "", now) == 250, "the control"
