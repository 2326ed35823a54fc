"""Upkeep: check finds what is wrong, backup restores, retention keeps sums and the audit."""

import json
import sqlite3
import stat

import pytest

from botbottle import errors
from botbottle.ledger.opening import open_ledger
from botbottle.ledger.schema import STEPS
from botbottle.model.bottle import Limit
from tests.ledger.worlds import WEB, exchange, pool, register, spend


@pytest.fixture
def full(ledger, now):
    register(ledger, agent=1000)
    for i in range(5):
        spend(ledger, 10, now - i * 86400)
    ledger.hold(WEB, "cutoff", by="ann", now=now)
    ledger.record_event(WEB, "denial", {"host": "ü"}, now=now - 5 * 86400)
    ledger.intent("r", "p", op="X", op_id="1", resource="web")
    return ledger


def test_a_sound_ledger_has_no_problems(full):
    health = full.check()
    assert health.problems == ()
    assert (health.schema, health.rows["usage"]) == (len(STEPS), 5)
    assert health.size > 0


def test_check_finds_sums_that_lost_usage(full):
    full.db.run("UPDATE rollup SET counted = counted - 1")
    assert "are not what its rows have (-5 counted)" in full.check().problems[0]


def test_check_finds_a_gate_sum_that_was_changed(full):
    full.db.run("UPDATE spend SET tokens = 0 WHERE scope = 'agent:p/web' AND win = ''")
    assert full.check().problems == (
        "the days of agent:p/web for claude do not add up to its total",
    )


def test_check_finds_a_broken_audit_chain(full):
    full.db.run("UPDATE audit SET by_whom = 'eve'")
    assert full.check().problems == ("audit: row 1 was changed",)


def test_retention_drops_hours_that_ended_but_no_window_that_counts(full, now):
    full.set_limit("agent:p/web", Limit("claude", 1000, "month"), by="t")
    full.set_limit("agent:p/web", Limit("claude", 1000, "hour"), by="t")
    before = full.view(now).pools
    full.retain(before=now)
    assert [(p.window, p.spent) for p in full.view(now).pools] == [
        (p.window, p.spent) for p in before
    ]
    assert full.db.value("SELECT count(*) FROM spend WHERE win = 'hour'") == 3


def test_a_backup_is_a_whole_ledger_made_while_others_write(tmp_path, now):
    ledger = open_ledger(str(tmp_path / "l" / "bot-bottle.db"))
    register(ledger)
    spend(ledger, 10, now)
    target = tmp_path / "copy.db"
    ledger.backup(str(target))
    spend(ledger, 10, now)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    copy = open_ledger(str(target))
    assert copy.usage([])[0].counted == 10
    assert copy.check().problems == ()
    spend(copy, 1, now)
    copy.close()
    ledger.close()


def test_an_export_is_every_row_as_a_json_line(full, tmp_path):
    target = tmp_path / "out.jsonl"
    lines = full.export(str(target))
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(rows) == lines == sum(full.check().rows.values())
    assert sum(r["output"] for r in rows if r["table"] == "usage") == 50
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_an_error_that_leaves_nothing(full, tmp_path):
    with pytest.raises(errors.LedgerUnavailable):
        full.export(str(tmp_path / "missing" / "out.jsonl"))
    (tmp_path / "dir").mkdir()
    with pytest.raises(errors.LedgerUnavailable):
        full.backup(str(tmp_path / "dir"))
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []


def test_a_damaged_ledger_takes_the_place_of_no_backup(tmp_path, now, monkeypatch):
    monkeypatch.setattr("botbottle.ledger.opening.QUICK_CHECK_BYTES", 0)  # as one too large for it
    ledger, target = open_ledger(str(tmp_path / "bot-bottle.db")), tmp_path / "copy.db"
    register(ledger)
    spend(ledger, 10, now)
    ledger.vacuum()
    page = int(ledger.db.value("SELECT rootpage FROM sqlite_master WHERE name = 'journal'"))
    ledger.close()
    with (tmp_path / "bot-bottle.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\x0d\xff\xff\xff" * 64)
    target.write_text("an older copy")
    ledger = open_ledger(str(tmp_path / "bot-bottle.db"))
    spend(ledger, 10, now)  # nothing that is asked for here is damaged
    with pytest.raises(errors.LedgerCorrupt):
        ledger.backup(str(target))
    ledger.close()
    assert target.read_text() == "an older copy"


def test_a_backup_without_room_names_the_backup_not_the_ledger(tmp_path, now, monkeypatch):
    ledger = open_ledger(str(tmp_path / "bot-bottle.db"))
    register(ledger)
    connect = sqlite3.connect

    def small(path):
        connection = connect(path)
        connection.execute("PRAGMA max_page_count=4")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(errors.LedgerUnavailable) as caught:
        ledger.backup(str(tmp_path / "copy.db"))
    ledger.close()
    assert caught.value.where == str(tmp_path / "copy.db")
    assert "full" in str(caught.value) and "room" in caught.value.hint
    assert not list(tmp_path.glob("copy*"))


def test_retention_deletes_rows_and_keeps_every_sum(full, now):
    before = full.usage(["day"])
    deleted = full.retain(before=now - 86400 * 1.5)
    assert deleted == 3 + 1
    assert len(full.exchanges()) == 2
    assert full.usage(["day"]) == before
    assert pool(full, now, "agent:p/web").spent == 50
    assert full.verify_audit().rows == 1
    assert full.check().problems == ()
    assert full.retain(before=now - 86400 * 1.5) == 0


@pytest.mark.parametrize("reopened", [False, True])
def test_no_id_of_a_row_that_retention_deleted_comes_again(where, now, reopened):
    ledger = open_ledger(where)
    register(ledger)
    ledger.settle(WEB, "", [exchange() for _ in range(3)], now=now - 9)
    spend(ledger, 1, now - 99)  # the clock went back: the newest row is the oldest
    newest = ledger.exchanges(limit=1)[0].id
    for before in (now - 50, now):
        ledger.retain(before=before)
        if reopened:
            ledger.close()
            ledger = open_ledger(where)
        spend(ledger, 1, now)
        (row, *_) = ledger.exchanges(account=WEB)
        assert row.id == newest + 1, "nor is one skipped"
        newest = row.id
    assert ledger.retain(before=now + 1) == 2
    ledger.retain(before=now + 1)
    spend(ledger, 1, now)
    assert [r.id for r in ledger.exchanges(account=WEB)] == [newest + 1]
    assert ledger.check().problems == ()
    ledger.close()


def test_retention_works_in_many_small_transactions(ledger, now, monkeypatch):
    from botbottle.ledger import upkeep

    monkeypatch.setattr(upkeep, "PAGE", 7)
    register(ledger)
    ledger.settle(WEB, "", [exchange() for _ in range(30)], now=now)
    assert ledger.retain(before=now + 1) == 30
    assert ledger.usage([])[0].requests == 30


def test_an_export_of_many_pages_misses_nothing(ledger, now, monkeypatch, tmp_path):
    from botbottle.ledger import upkeep

    monkeypatch.setattr(upkeep, "PAGE", 7)
    register(ledger)
    ledger.settle(WEB, "", [exchange() for _ in range(30)], now=now)
    ledger.export(str(tmp_path / "out"))
    ids = [json.loads(x).get("response_id") for x in (tmp_path / "out").read_text().splitlines()]
    assert len({i for i in ids if i}) == 30


def test_vacuum_leaves_everything_as_it_was(full, now):
    before = full.view(now).pools
    full.vacuum()
    assert full.view(now).pools == before
    full.set_limit("global", Limit("claude", 5), by="t")


def test_calls_from_many_threads_are_serialised(full, now):
    import threading

    failures = []

    def work(number):
        try:
            for i in range(20):
                entry = full.intent(f"run{number}", "p", op="X", op_id=str(i), resource="r")
                full.view(now)
                full.outcome(entry, "done")
        except Exception as error:  # noqa: BLE001  # whatever it is fails the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(full.journal(limit=1000)) == 121
