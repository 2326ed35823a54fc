"""The SQLite backend: durable by its settings, patient but not for ever, errors in our words."""

import sqlite3
import threading
import time

import pytest

from botbottle import errors
from botbottle.ledger.sqlite import SqliteDb, mapped


@pytest.fixture
def db(tmp_path):
    (tmp_path / "x.db").touch()
    opened = SqliteDb(str(tmp_path / "x.db"), busy_seconds=60.0)
    opened.run("CREATE TABLE t (n BIGINT)")
    yield opened
    opened.close()


def test_writes_are_synced_to_disk_before_they_are_acknowledged(db):
    assert db.value("PRAGMA journal_mode") == "wal"
    assert db.value("PRAGMA synchronous") == 2


def test_writers_begin_as_writers_so_that_waiting_works(db):
    """A deferred transaction that turns into a writing one would fail at once."""
    other = SqliteDb(db.path, busy_seconds=60.0)
    entered = threading.Event()

    def hold():
        with other.write():
            entered.set()
            time.sleep(0.2)
            other.run("INSERT INTO t VALUES (1)")

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    with db.write():
        seen = db.value("SELECT count(*) FROM t")
        db.run("INSERT INTO t VALUES (2)")
    thread.join()
    other.close()
    assert seen == 1


def test_a_busy_writer_cannot_starve_another(db):
    """Two writers, one of them without a pause: both get their turns. SQLite's own waiting sleeps
    a hundred times longer than a transaction takes, and would lose nearly every race."""
    other, stop, theirs = SqliteDb(db.path, busy_seconds=60.0), threading.Event(), [0]

    def greedy():
        while not stop.is_set():
            with other.write():
                other.run("INSERT INTO t VALUES (1)")
            theirs[0] += 1

    thread = threading.Thread(target=greedy)
    thread.start()
    for _ in range(50):
        with db.write():
            db.run("INSERT INTO t VALUES (2)")
    stop.set()
    thread.join()
    other.close()
    assert db.value("SELECT count(*) FROM t") == 50 + theirs[0]


def test_nested_transactions_join_and_an_error_undoes_all(db):
    with pytest.raises(ZeroDivisionError), db.write():
        db.run("INSERT INTO t VALUES (1)")
        with db.write():
            db.run("INSERT INTO t VALUES (2)")
        raise ZeroDivisionError
    assert db.value("SELECT count(*) FROM t") == 0
    with db.write():
        db.run("INSERT INTO t VALUES (3)")
    assert db.value("SELECT count(*) FROM t") == 1


def test_a_read_transaction_sees_one_snapshot(db):
    other = SqliteDb(db.path)
    with db.read():
        assert db.value("SELECT count(*) FROM t") == 0
        other.run("INSERT INTO t VALUES (1)")
        assert db.value("SELECT count(*) FROM t") == 0
    assert db.value("SELECT count(*) FROM t") == 1
    other.close()


def test_the_version_moves_with_commits_of_both_connections(db):
    other = SqliteDb(db.path)
    versions = [db.version()]
    other.run("INSERT INTO t VALUES (1)")
    versions.append(db.version())
    db.run("INSERT INTO t VALUES (2)")
    versions.append(db.version())
    assert versions == sorted(set(versions))
    assert db.version() == versions[-1]
    other.close()


def alone(db):
    """The rows that are in the file itself, without its log."""
    with sqlite3.connect(f"file:{db.path}?immutable=1", uri=True) as file:
        return file.execute("SELECT count(*) FROM t").fetchone()[0]


def test_relieving_copies_the_log_beside_an_open_transaction_and_loses_nothing(db):
    for n in range(50):
        db.run("INSERT INTO t VALUES (?)", n)
    with db.write():
        db.run("INSERT INTO t VALUES (50)")
        relieving = threading.Thread(target=db.relieve)
        relieving.start()
        relieving.join(60)
        assert not relieving.is_alive(), "it waits for no writer"
        assert alone(db) == 50, "what was committed, and no more"
    db.relieve()
    assert alone(db) == 51 == db.value("SELECT count(*) FROM t")


def test_relieving_is_not_taken_for_anothers_commit(db):
    with db.write():
        before = db.others()
        db.run("INSERT INTO t VALUES (1)")
    db.relieve()
    with db.write():
        assert db.others() == before, "what the gate keeps in memory is still true"


def test_a_ledger_in_memory_has_no_log_to_relieve():
    memory = SqliteDb(":memory:")
    memory.relieve()
    memory.close()


@pytest.mark.parametrize(
    ("code", "kind", "hint"),
    [
        (sqlite3.SQLITE_CORRUPT, errors.LedgerCorrupt, "backup"),
        (sqlite3.SQLITE_NOTADB, errors.LedgerCorrupt, "backup"),
        (sqlite3.SQLITE_BUSY, errors.LedgerUnavailable, "another process"),
        (sqlite3.SQLITE_READONLY, errors.LedgerUnavailable, "writable"),
        (sqlite3.SQLITE_FULL, errors.LedgerUnavailable, "disk is full"),
        (sqlite3.SQLITE_CANTOPEN, errors.LedgerUnavailable, "exist"),
        (sqlite3.SQLITE_IOERR, errors.LedgerUnavailable, "ledger check"),
    ],
)
def test_every_driver_error_becomes_one_of_ours_with_a_way_out(code, kind, hint):
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode = code | (3 << 8)
    found = mapped(error, "/x/bot-bottle.db")
    assert type(found) is kind
    assert hint in found.hint
    assert found.where == "/x/bot-bottle.db"
