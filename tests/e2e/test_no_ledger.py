"""An emergency stop works without a ledger: damaged, written by a newer bb, or gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from botbottle.model.paths import HomePaths
from tests.support.live import Live


def damage(db: Path) -> None:
    for suffix in ("-wal", "-shm"):
        db.with_name(db.name + suffix).unlink(missing_ok=True)
    with db.open("r+b") as file:
        file.seek(0)
        file.write(b"\xa5" * 4096 * 4)


def newer(db: Path) -> None:
    with sqlite3.connect(db) as connection:
        connection.execute("insert into schema_version values (9999, 0)")
    connection.close()


def gone(db: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        db.with_name(db.name + suffix).unlink(missing_ok=True)


STATES: dict[str, Callable[[Path], None]] = {"damaged": damage, "newer": newer, "gone": gone}


@pytest.mark.parametrize("state", STATES)
def test_a_kill_removes_the_bottle_and_says_what_that_is_worth(running: Live, state: str) -> None:
    STATES[state](Path(HomePaths(str(running.home)).ledger_db))
    done = running.bb("kill", "web", code=None)
    assert done.returncode not in (0, 70), done.stderr
    assert "web: removed; it is not recorded" in done.stderr
    assert running.containers("web") == []


def test_everything_is_destroyed_without_a_ledger(running: Live) -> None:
    damage(Path(HomePaths(str(running.home)).ledger_db))
    done = running.bb("destroy", "--yes", code=None)
    assert done.returncode not in (0, 70), done.stderr
    assert "removed without the ledger" in done.stderr
    assert running.containers("web") == []


def test_a_lost_ledger_is_told_of_and_its_budgets_begin_anew_only_when_told(running: Live) -> None:
    running.bb("status")
    gone(Path(HomePaths(str(running.home)).ledger_db))
    for verb in ("status", "plan"):
        told = running.bb(verb, code=1 if verb == "status" else 0)
        assert "BB333" in told.stdout + told.stderr
    refused = running.bb("apply", "--yes", "--allow", "widen", code=7)
    assert "budget" in refused.stderr
    running.bb("watch", "--once", code=None)
    assert "BB333" in running.bb("status", code=1).stderr, "a watch registers nothing anew"
    running.apply()
    running.bb("status")
    running.bb("plan", "--detailed-exitcode")
    assert running.client("claude")[0]["status"] == 200


def test_where_nothing_is_there_an_order_is_refused(live: Live) -> None:
    done = live.bb("kill", "web", code=7)
    assert "nothing was ever applied here" in done.stderr
