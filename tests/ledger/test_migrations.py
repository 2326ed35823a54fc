"""Migrations: forward only, all or nothing, the same history for both databases."""

import pytest

from botbottle import errors
from botbottle.ledger import migrations
from botbottle.ledger.opening import open_ledger
from botbottle.ledger.schema import STEPS
from botbottle.model.bottle import Limit
from botbottle.model.usage import Completeness
from tests.ledger.worlds import WEB, admit, age, pool, register, scope_spent, spend

NEXT = (*STEPS, ("ALTER TABLE account ADD COLUMN colour TEXT NOT NULL DEFAULT ''",))
BROKEN = (*STEPS, ("CREATE TABLE extra (x BIGINT)", "SELECT no_such_function()"))


def test_a_new_ledger_has_the_newest_schema(ledger):
    assert migrations.current(ledger.db) == len(STEPS)


def test_migrating_again_changes_nothing(ledger):
    tables = ledger.db.tables()
    assert migrations.migrate(ledger.db, "x") == 0
    assert ledger.db.tables() == tables


def test_the_next_step_keeps_everything_there_is(ledger, now):
    register(ledger)
    spend(ledger, 10, now)
    assert migrations.migrate(ledger.db, "x", NEXT) == 1
    assert ledger.db.value("SELECT colour FROM account") == ""
    assert ledger.usage([])[0].counted == 10
    assert migrations.migrate(ledger.db, "x", NEXT) == 0


@pytest.mark.parametrize("version", range(1, len(STEPS)))
def test_a_ledger_of_any_earlier_version_keeps_everything_there_is(where, now, version):
    old = open_ledger(where)
    register(old)
    spend(old, 10, now)
    age(old.db.run, version)
    assert migrations.current(old.db) == version
    old.close()
    ledger = open_ledger(where)
    assert migrations.current(ledger.db) == len(STEPS)
    ledger.set_limit("bottle:dev", Limit("claude", 10), by="t")
    assert admit(ledger, now).code == "budget-exhausted"
    assert [r.counted for r in ledger.exchanges(account=WEB)] == [10]
    assert pool(ledger, now, window="").spent == 10
    spend(ledger, 5, now)
    spend(ledger, 7, now + 3600)
    assert ledger.usage([])[0].counted == 22
    assert [r.counted for r in ledger.exchanges(account=WEB)] == [7, 5, 10]
    assert pool(ledger, now + 3600).spent == 22
    assert ledger.check().problems == ()
    ledger.close()


def aged(where, now, moved):
    """A ledger of before the hours were checked, upgraded within the hour; its bottle was
    registered anew this hour, or two hours ago at the latest."""
    old = open_ledger(where)
    register(old)
    spend(old, 10, now)
    if moved:
        register(old, bottle="other")
    else:
        old.db.run("UPDATE account SET registered_at = ?", now - 7200)
    age(old.db.run, 5)
    old.close()
    ledger = open_ledger(where)
    spend(ledger, 5, now)
    return ledger


def test_a_bottle_that_moved_before_the_upgrade_is_no_alarm(where, now):
    ledger = aged(where, now, moved=True)
    assert ledger.check().problems == ()
    ledger.close()


def test_an_upgrade_hides_no_wrong_hour_where_no_bottle_can_have_moved(where, now):
    ledger = aged(where, now, moved=False)
    assert ledger.check().problems == ()
    ledger.db.run("UPDATE spend_open SET tokens = tokens + 1 WHERE scope = 'global'")
    (problem,) = ledger.check().problems
    assert "of global for claude is not what its bottles have spent" in problem
    ledger.close()


def test_an_upgrade_takes_estimates_back_only_where_their_bottle_has_been_since(where, now):
    """Registered anew after the estimate, it may have other scopes. Resets: of what was before."""
    old = open_ledger(where)
    for name in ("web", "api"):
        register(old, name)
        spend(old, 900, now - 20, f"p/{name}", name=name, kind=Completeness.PARTIAL)
        old.db.run("UPDATE account SET registered_at = ? WHERE name = ?", now - 30, f"p/{name}")
    old.db.run("UPDATE account SET registered_at = ? WHERE name = 'p/api'", now - 10)
    old.set_limit("global", Limit("claude", 5000), by="t")
    old.reset("global", "claude", "", by="t", now=now - 15)
    age(old.db.run, 6)
    old.close()
    ledger = open_ledger(where)
    for name in ("web", "api"):
        spend(ledger, 10, now, f"p/{name}", name=name)
    spent = {a: scope_spent(ledger, f"agent:p/{a}", "claude", "", now) for a in ("web", "api")}
    assert spent == {"web": 10, "api": 910}
    assert pool(ledger, now, "global").spent == 10
    assert ledger.check().problems == ()
    ledger.close()


def test_a_step_that_fails_leaves_the_old_schema_whole(ledger):
    with pytest.raises(errors.LedgerUnavailable):
        migrations.migrate(ledger.db, "x", BROKEN)
    assert migrations.current(ledger.db) == len(STEPS)
    assert "extra" not in ledger.db.tables()
    register(ledger)


def test_two_that_migrate_at_once_do_it_once(ledger, second):
    assert migrations.migrate(ledger.db, "x", NEXT) + migrations.migrate(second.db, "x", NEXT) == 1


def test_an_older_bb_refuses_the_newer_schema(ledger):
    migrations.migrate(ledger.db, "x", NEXT)
    with pytest.raises(errors.LedgerTooNew):
        migrations.migrate(ledger.db, "here", STEPS)


def test_both_databases_have_the_same_tables_and_columns(ledger):
    reference = open_ledger(":memory:")
    assert ledger.db.tables() == reference.db.tables()
    for table in reference.db.tables():
        assert ledger.db.columns(table) == reference.db.columns(table)
    reference.close()
