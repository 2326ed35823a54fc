"""Accounts: registration is declarative, retirement keeps history."""

from botbottle.model.bottle import Limit, Scope
from botbottle.model.ledger_view import Registered, registration_digest
from tests.ledger.worlds import WEB, register, scope_spent, scopes, spend


def limits(ledger, now):
    return {(r.scope, r.provider, r.window): r.tokens for r in ledger.limits(now)}


def test_a_registered_account_reads_back(ledger):
    register(ledger, mode="all", count=("output",), agent=5)
    (account,) = ledger.accounts()
    assert (account.name, account.agent, account.mode) == (WEB, "web", "all")
    assert (account.ancestry, account.count) == (("dev", "base"), ("output",))
    assert account.scopes == scopes(agent=5)


def test_the_view_tells_what_is_registered_so_that_nothing_is_written_twice(ledger, now):
    register(ledger, agent=5, mode="all", count=("output",))
    digest = registration_digest(scopes(agent=5), "all", ("output",), "web", ("dev", "base"))
    chain = scopes()
    assert all(scope.limits == () for scope in chain), "limits are pools"
    assert ledger.view(now).registered == {WEB: Registered(digest, chain, "all", ("output",))}


def test_registering_again_replaces_the_declared_limits_of_each_named_scope(ledger, now):
    register(ledger, agent=(Limit("claude", 5), Limit("codex", 6, "day")))
    register(ledger, agent=(Limit("claude", 7),))
    assert limits(ledger, now) == {("agent:p/web", "claude", ""): 7}


def test_a_removed_limit_is_gone(ledger, now):
    register(ledger, agent=5)
    register(ledger)
    assert limits(ledger, now) == {}


def test_a_shared_scope_has_one_limit_for_all(ledger, now):
    register(ledger, "web", bottle="dev")
    ledger.register("p/api", (Scope("bottle", "bottle:dev", (Limit("claude", 9),)),))
    assert limits(ledger, now) == {("bottle:dev", "claude", ""): 9}


def test_an_override_survives_registration(ledger, now):
    register(ledger, agent=5)
    ledger.set_limit("agent:p/web", Limit("claude", 50), by="ann")
    register(ledger, agent=6)
    (row,) = ledger.limits(now)
    assert (row.declared, row.override, row.tokens) == (6, 50, 50)


def test_a_scope_leaves_the_chain_but_keeps_what_was_spent(ledger, now):
    register(ledger)
    spend(ledger, 10, now)
    ledger.register(WEB, (Scope("global", "global"),))
    spend(ledger, 5, now)
    assert scope_spent(ledger, "bottle:dev", "claude", "", now) == 10
    assert scope_spent(ledger, "global", "claude", "", now) == 15


def test_a_retired_account_is_listed_only_when_asked_and_keeps_its_usage(ledger, now):
    register(ledger)
    spend(ledger, 10, now)
    ledger.retire(WEB)
    assert ledger.accounts() == ()
    assert ledger.accounts(retired=True)[0].retired_at is not None
    assert ledger.view(now).registered == {}
    assert ledger.usage(["account"])[0].counted == 10


def test_retiring_what_is_unknown_or_retired_changes_nothing(ledger):
    ledger.retire("p/nobody")
    register(ledger)
    ledger.retire(WEB)
    revision = ledger.revision()
    ledger.retire(WEB)
    assert ledger.revision() == revision


def test_every_change_that_the_gate_must_know_moves_the_revision(ledger, now):
    seen = [ledger.revision()]

    def moved():
        seen.append(ledger.revision())
        return seen[-1] > seen[-2]

    register(ledger)
    assert moved()
    ledger.set_limit("global", Limit("claude", 5), by="t")
    assert moved()
    ledger.reset("global", "claude", "", by="t", now=now)
    assert moved()
    ledger.hold(WEB, "cutoff", by="t", now=now)
    assert moved()
    ledger.release_hold(WEB, by="t", now=now)
    assert moved()
    ledger.retire(WEB)
    assert moved()
    spend(ledger, 1, now)
    assert not moved()


def asks(ledger, now):
    ledger.admit(WEB, "claude", "m", input_tokens=1, allowance=1, now=now)
    return ledger.found()


def test_a_transaction_of_the_gate_tells_the_revision_that_it_found(ledger, second, now):
    assert ledger.found() == -1, "none was begun"
    register(second)
    asks(ledger, now)  # the first one of all reads everything anew and knows nothing before that
    assert asks(ledger, now) == second.revision()
    register(second, agent=5)
    assert asks(ledger, now) == second.revision()
    ledger.heartbeat(WEB, {}, now=now)
    assert ledger.found() == -1, "it did not look"
    ledger.set_limit("global", Limit("claude", 5), by="t")
    assert ledger.found() == -1, "it changed the revision itself"
    with ledger.batch():
        ledger.set_limit("global", Limit("claude", 6), by="t")
        assert asks(ledger, now) == -1, "it may yet be undone"
    assert ledger.found() == -1
    assert asks(ledger, now) == second.revision()
