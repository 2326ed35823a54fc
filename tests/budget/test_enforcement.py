"""Verdicts: what a crossing or a command asks for, once for each, the stronger first."""

from dataclasses import replace

from botbottle.budget.enforcement import governing_pools, trigger_id, verdict
from botbottle.model.bottle import Limit, Scope
from botbottle.model.ledger_view import EnforcementRecord, HoldRecord, LedgerView, Pool

NOW = 1_795_000_000.0
SPENT = Pool("bottle:dev", "claude", "day", 100, 120)
FREE = Pool("agent:p/web", "claude", "", 100, 20)
ORDER = HoldRecord("p/web", "freeze", "operator", "looks odd", "operator:1", NOW, "ann")


def view(**fields):
    return LedgerView(now=NOW, **fields)


def test_a_bottle_with_room_is_not_held():
    assert verdict(view(), "p/web", (FREE,), "kill") is None


def test_a_crossed_pool_asks_for_the_bottles_own_policy():
    found = verdict(view(), "p/web", (FREE, SPENT), "kill")
    assert found is not None
    assert (found.policy, found.reason, found.pools) == ("kill", "budget-exhausted", (SPENT,))
    assert "120 of 100 tokens per day" in found.message


def test_a_command_holds_without_any_budget():
    found = verdict(view(holds={"p/web": ORDER}), "p/web", (), "cutoff")
    assert (found.policy, found.reason, found.trigger) == ("freeze", "operator", "operator:1")


def test_of_two_triggers_the_stronger_policy_wins():
    both = view(holds={"p/web": ORDER})
    assert verdict(both, "p/web", (SPENT,), "cutoff").policy == "freeze"
    assert verdict(both, "p/web", (SPENT,), "kill").policy == "kill"


def test_an_order_for_another_bottle_says_nothing():
    assert verdict(view(holds={"p/other": ORDER}), "p/web", (FREE,), "kill") is None


def test_the_trigger_is_the_same_at_every_look_and_new_after_a_raise_or_a_new_window():
    first = trigger_id(SPENT, NOW)
    assert trigger_id(replace(SPENT, spent=500), NOW + 60) == first
    assert trigger_id(replace(SPENT, limit=200), NOW) != first
    assert trigger_id(SPENT, NOW + 86400) != first


def test_an_enforced_trigger_keeps_its_name_when_another_pool_runs_out_too():
    other = Pool("agent:p/web", "claude", "", 100, 100)
    done = EnforcementRecord("p/web", "kill", trigger_id(SPENT, NOW), NOW)
    found = verdict(view(enforced={"p/web": done}), "p/web", (other, SPENT), "kill")
    assert found.trigger == done.trigger_id


def test_limits_are_taken_as_declared_now_and_spending_as_read():
    scopes = (Scope("bottle", "bottle:dev", (Limit("claude", 500, "day"),)),)
    assert governing_pools((SPENT,), scopes, "nearest") == (replace(SPENT, limit=500),)


def test_an_operators_limit_beats_a_newly_declared_one():
    scopes = (Scope("bottle", "bottle:dev", (Limit("claude", 500, "day"),)),)
    override = replace(SPENT, override=True)
    assert governing_pools((override,), scopes, "nearest") == (override,)


def test_a_limit_that_is_no_longer_declared_governs_no_more():
    assert governing_pools((SPENT,), (Scope("bottle", "bottle:dev"),), "nearest") == ()


def test_a_limit_that_is_not_registered_yet_counts_as_unspent():
    scopes = (Scope("agent", "agent:p/new", (Limit("claude", 7),)),)
    assert governing_pools((), scopes, "nearest") == (Pool("agent:p/new", "claude", "", 7, 0),)


def test_an_operators_limit_on_a_nearer_scope_governs_in_nearest_mode():
    scopes = (
        Scope("agent", "agent:p/web"),
        Scope("bottle", "bottle:dev", (Limit("claude", 500, "day"),)),
    )
    nearer = replace(FREE, override=True)
    assert governing_pools((SPENT, nearer), scopes, "nearest") == (nearer,)
    assert len(governing_pools((SPENT, nearer), scopes, "all")) == 2
