"""Governing pools of a reading: limits as declared now, spending as read, operators first."""

from dataclasses import replace

from botbottle.budget.enforcement import STRENGTH, governing_pools
from botbottle.model.bottle import POLICIES, Limit, Scope
from botbottle.model.ledger_view import Pool

SPENT = Pool("bottle:dev", "claude", "day", 100, 120)
FREE = Pool("agent:p/web", "claude", "", 100, 20)


def test_policies_are_ordered_by_what_they_take_away():
    assert sorted(POLICIES, key=STRENGTH.__getitem__) == ["cutoff", "freeze", "kill"]


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
