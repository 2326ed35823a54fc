"""Opening: made as a whole and private, checked, and clear about what is wrong."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest

from botbottle import errors
from botbottle.ledger import open_ledger
from botbottle.ledger import opening as opening_module
from tests.ledger.worlds import register, spend


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger" / "bot-bottle.db"


def made(path, now=1e9):
    """A ledger with something in it, closed."""
    ledger = open_ledger(str(path))
    register(ledger)
    spend(ledger, 10, now)
    ledger.close()
    return path


def test_a_new_ledger_is_private(path):
    made(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_its_wal_files_are_private_too(path):
    ledger = open_ledger(str(path))
    register(ledger)
    for suffix in ("-wal", "-shm"):
        mode = path.with_name(path.name + suffix).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
    ledger.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_made_by_root_in_anothers_directory_everything_belongs_to_the_other(path):
    path.parent.mkdir(mode=0o700)
    os.chown(path.parent, 65532, 65532)
    ledger = open_ledger(str(path))
    register(ledger)
    owners = {p.name: p.stat().st_uid for p in path.parent.iterdir() if p.name != ".create.lock"}
    ledger.close()
    assert owners == {path.name + s: 65532 for s in ("", "-wal", "-shm")}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_ledger_made_before_its_directory_was_given_away_follows_at_the_next_open(path):
    first = open_ledger(str(path))
    register(first)
    os.chown(path.parent, 65532, 65532)
    open_ledger(str(path)).close()
    owners = {path.with_name(path.name + s).stat().st_uid for s in ("", "-wal", "-shm")}
    first.close()
    assert owners == {65532}


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_a_link_planted_in_the_ledgers_place_is_refused_and_not_followed(path, suffix, link):
    made(path)
    victim = path.parent / "victim"
    victim.write_bytes(b"keep me")
    planted = path.with_name(path.name + suffix)
    planted.unlink(missing_ok=True)
    getattr(planted, link)(victim)
    for read_only in (False, True):
        with pytest.raises(errors.Refused, match="link or special file"):
            open_ledger(str(path), read_only=read_only)
    assert victim.read_bytes() == b"keep me"


def test_two_that_create_at_once_end_with_one_whole_ledger(path):
    opened, failures = [], []

    def create():
        try:
            opened.append(open_ledger(str(path)))
        except errors.LedgerError as error:
            failures.append(error)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    register(opened[0])
    assert all(len(ledger.accounts()) == 1 for ledger in opened)
    for ledger in opened:
        ledger.close()


def test_a_half_made_file_of_a_crash_is_simply_replaced(path):
    path.parent.mkdir()
    path.with_name(path.name + ".new").write_bytes(b"half")
    made(path)
    assert not path.with_name(path.name + ".new").exists()


def test_without_create_a_missing_ledger_is_an_error_with_the_way_out(path):
    with pytest.raises(errors.LedgerUnavailable) as caught:
        open_ledger(str(path), create=False)
    assert caught.value.hint == "run `bb apply`"
    assert not path.parent.exists()


def test_reading_creates_nothing(path):
    with pytest.raises(errors.LedgerUnavailable):
        open_ledger(str(path), read_only=True)
    assert not path.exists()


def test_an_empty_database_is_no_older_ledger(path):
    path.parent.mkdir(mode=0o700)
    path.touch(0o600)
    with pytest.raises(errors.LedgerOutdated, match="there is no ledger yet"):
        open_ledger(str(path), read_only=True)
    made(path)
    with sqlite3.connect(path) as older:
        older.execute("DELETE FROM schema_version WHERE version > 1")
    with pytest.raises(errors.LedgerOutdated, match="written by an older bb"):
        open_ledger(str(path), read_only=True)


def test_a_read_only_ledger_reads_and_cannot_write(path, now):
    made(path)
    reader = open_ledger(str(path), read_only=True)
    assert reader.usage([])[0].counted == 10
    with pytest.raises(errors.LedgerUnavailable, match="readonly"):
        spend(reader, 1, now)
    reader.close()


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 500, b"SQLite format 3\0" + b"\xff" * 9000]
)
def test_a_file_that_is_no_ledger_is_named_with_the_way_back(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(errors.LedgerCorrupt) as caught:
        open_ledger(str(path))
    assert str(path) in str(caught.value)
    assert "backup" in caught.value.hint


def test_damage_inside_is_found_at_open(path):
    made(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name='usage'"
        ).fetchone()
    handle = os.open(path, os.O_WRONLY)
    os.pwrite(handle, b"\x0d\xff\xff\xff" * 64, (root[0] - 1) * 4096)
    os.close(handle)
    with pytest.raises(errors.LedgerCorrupt):
        open_ledger(str(path))


def test_an_empty_file_becomes_a_ledger(path):
    """What a crash between open and the first write leaves."""
    path.parent.mkdir()
    path.touch()
    open_ledger(str(path)).close()
    assert open_ledger(str(path), read_only=True).accounts() == ()


def test_a_ledger_of_a_newer_bb_is_refused_untouched(path):
    made(path)
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO schema_version VALUES (99, 0)")
    for read_only in (False, True):
        with pytest.raises(errors.LedgerTooNew, match="schema 99") as caught:
            open_ledger(str(path), read_only=read_only)
        assert "upgrade bb" in caught.value.hint


def test_a_ledger_in_a_directory_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.LedgerUnavailable, match="cannot be created"):
        open_ledger(str(tmp_path / "file" / "x" / "bot-bottle.db"))


def test_a_ledger_that_somebody_else_locks_is_unavailable_in_bounded_time(path):
    made(path)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    ledger = opening_module.open_ledger(str(path), busy_seconds=0.1)
    with pytest.raises(errors.LedgerUnavailable, match="locked") as caught:
        register(ledger)
    assert "another process" in caught.value.hint
    blocker.execute("ROLLBACK")
    register(ledger)
    ledger.close()
    blocker.close()


def test_a_big_ledger_opens_without_being_read_as_a_whole(path, monkeypatch):
    made(path)
    monkeypatch.setattr(opening_module, "QUICK_CHECK_BYTES", 0)
    monkeypatch.setattr(
        opening_module.SqliteDb, "quick_check", lambda self: pytest.fail("was checked")
    )
    open_ledger(str(path)).close()


def test_a_ledger_can_live_in_memory(now):
    ledger = open_ledger(":memory:")
    register(ledger)
    spend(ledger, 5, now)
    assert ledger.usage([])[0].counted == 5


def test_an_unreachable_server_is_unavailable_and_its_password_stays_secret():
    pytest.importorskip("psycopg")
    url = "postgresql://bb:hunter2@127.0.0.1:1/nowhere?connect_timeout=1"
    with pytest.raises(errors.LedgerUnavailable) as caught:
        open_ledger(url)
    assert "hunter2" not in str(caught.value) + caught.value.hint
    assert "PostgreSQL" in str(caught.value)


def test_the_planning_path_imports_no_driver():
    code = (
        "import sys, botbottle.ledger, botbottle.ledger.records, botbottle.budget.admission;"
        "print([m for m in ('sqlite3', 'psycopg') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
