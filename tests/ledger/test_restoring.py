"""Restoring: the backup is checked first, what was there is kept, nothing half is left."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from botbottle import errors
from botbottle.ledger import open_ledger, restoring
from botbottle.ledger.restoring import restore
from botbottle.ledger.schema import STEPS
from tests.ledger.worlds import WEB, age, register, spend

NOW = 1_000_000_000.0


@pytest.fixture
def place(tmp_path):
    """A ledger with one exchange, backed up, then one more; nobody has it open."""
    path = tmp_path / "ledger" / "bot-bottle.db"
    ledger = open_ledger(str(path))
    register(ledger, agent=1000)
    spend(ledger, 10, NOW)
    ledger.backup(str(tmp_path / "backup.db"))
    spend(ledger, 10, NOW)
    ledger.close()
    return path


@pytest.fixture
def backup(place, tmp_path):
    return tmp_path / "backup.db"


def rows(path):
    ledger = open_ledger(str(path))
    found = len(ledger.exchanges(account=WEB))
    assert ledger.check().problems == ()
    ledger.close()
    return found


def names(place):
    return sorted(p.name for p in place.parent.iterdir() if p.name != ".create.lock")


def test_the_backup_takes_the_place_of_a_damaged_ledger_which_is_kept(place, backup):
    place.write_bytes(b"not a database" * 100)
    with pytest.raises(errors.LedgerCorrupt) as caught:
        open_ledger(str(place))
    assert "bb ledger restore" in caught.value.hint
    done = restore(str(place), str(backup), now=NOW)
    assert done.exchanges == 1 and rows(place) == 1
    assert done.kept == f"{place}.replaced-20010909T014640Z"
    assert Path(done.kept).read_bytes() == b"not a database" * 100
    assert stat.S_IMODE(place.stat().st_mode) == 0o600 and place.stat().st_nlink == 1


def test_the_old_log_goes_with_the_old_file(place, backup):
    place.with_name(place.name + "-wal").write_bytes(b"pages of another database")
    done = restore(str(place), str(backup))
    assert Path(f"{done.kept}-wal").read_bytes() == b"pages of another database"
    assert names(place) == [
        place.name,
        *sorted(Path(done.kept).name + s for s in ("", "-wal")),
    ]


def test_without_a_ledger_the_backup_becomes_it(place, backup):
    place.unlink()
    assert restore(str(place), str(backup)).kept == ""
    assert rows(place) == 1


@pytest.mark.parametrize("step", ["link", "rename"])
def test_what_the_log_holds_is_not_lost_where_the_place_takes_nothing_new(
    place, backup, monkeypatch, step
):
    """A full disk, or a file system without links: the log goes back beside its database."""
    ledger = open_ledger(str(place))
    spend(ledger, 10, NOW)
    for suffix in ("", *restoring.SIDE_FILES):
        shutil.copy(f"{place}{suffix}", f"{place}{suffix}.as-it-was")
    ledger.close()
    for suffix in ("", *restoring.SIDE_FILES):  # as a service that was killed leaves them
        place.with_name(f"{place.name}{suffix}.as-it-was").rename(f"{place}{suffix}")

    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, "no space")

    if step == "link":
        monkeypatch.setattr(restoring.os, "link", full)
    else:
        monkeypatch.setattr(Path, "rename", refusing(Path.rename, place))
    with pytest.raises(errors.LedgerUnavailable, match="cannot be restored"):
        restore(str(place), str(backup))
    monkeypatch.undo()
    assert rows(place) == 3
    restore(str(place), str(backup))
    assert rows(place) == 1, "the control"


def refusing(rename, target):
    """``Path.rename`` on a disk that is full when the ledger's place is to be taken."""

    def renamed(path, to):
        if Path(to) == target:
            raise OSError(errno.ENOSPC, "no space")
        return rename(path, to)

    return renamed


def test_restoring_twice_in_a_second_keeps_both(place, backup):
    first = restore(str(place), str(backup), now=NOW).kept
    second = restore(str(place), str(backup), now=NOW).kept
    assert first != second and rows(first) == 2 and rows(second) == 1


def broken(backup):
    backup.write_bytes(b"not a database" * 100)


def cut_short(backup):
    backup.write_bytes(backup.read_bytes()[:-8192])


def wrong_sums(backup):
    with sqlite3.connect(backup) as db:
        assert db.execute("UPDATE spend_open SET tokens = 0").rowcount


def forged_audit(backup):
    ledger = open_ledger(str(backup))
    ledger.hold(WEB, "cutoff", by="ann", now=NOW)
    ledger.close()
    with sqlite3.connect(backup) as db:
        db.execute("UPDATE audit SET by_whom = 'bob'")


@pytest.mark.parametrize("damage", [broken, cut_short, wrong_sums, forged_audit])
def test_a_damaged_backup_is_refused_and_nothing_changes(place, backup, damage):
    damage(backup)
    before = names(place)
    with pytest.raises(errors.LedgerCorrupt, match="nothing was changed") as caught:
        restore(str(place), str(backup))
    assert caught.value.where == str(backup) and "restore" not in caught.value.hint
    assert names(place) == before and rows(place) == 2


def test_a_backup_of_a_newer_bb_is_refused(place, backup):
    with sqlite3.connect(backup) as db:
        db.execute("INSERT INTO schema_version VALUES (99, 0)")
    with pytest.raises(errors.LedgerTooNew):
        restore(str(place), str(backup))
    assert rows(place) == 2


def test_a_backup_of_an_older_bb_is_brought_up_to_date_and_itself_left_alone(place, backup):
    with sqlite3.connect(backup) as db:
        age(db.execute, 1)
    db.close()
    before = backup.read_bytes()
    restore(str(place), str(backup))
    ledger = open_ledger(str(place), read_only=True)
    assert ledger.check().schema == len(STEPS)
    ledger.close()
    assert backup.read_bytes() == before


def test_a_copy_with_its_log_beside_is_restored_with_what_the_log_holds(place, tmp_path):
    ledger = open_ledger(str(place))
    spend(ledger, 10, NOW)
    for suffix in ("", "-wal", "-shm"):
        shutil.copy(f"{place}{suffix}", tmp_path / f"copied.db{suffix}")
    ledger.close()
    assert restore(str(place), str(tmp_path / "copied.db")).exchanges == 3


def test_a_missing_backup_and_the_ledger_itself_are_refused(place, tmp_path):
    with pytest.raises(errors.LedgerUnavailable, match="no such backup"):
        restore(str(place), str(tmp_path / "none"))
    with pytest.raises(errors.UsageError, match="same file"):
        restore(str(place), str(place))


def test_stopped_before_the_last_step_no_open_ledger_is_made_of_it_and_again_works(
    place, backup, monkeypatch
):
    """Whatever remains after a crash is the whole old ledger or a refusal, never an empty one."""

    def crash(_path):
        raise KeyboardInterrupt

    monkeypatch.setattr(restoring, "require_plain_file", crash)
    with pytest.raises(KeyboardInterrupt):
        restore(str(place), str(backup))
    monkeypatch.undo()
    with pytest.raises(errors.Refused):
        open_ledger(str(place))
    restore(str(place), str(backup))
    assert rows(place) == 1
