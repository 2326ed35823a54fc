"""``bb watch`` as a process, when others die, engines go and ledgers fail."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time

from botbottle.ledger import open_ledger
from botbottle.model.paths import HomePaths
from tests.support.live import eventually
from tests.watch.conftest import PATIENCE, Watching
from tests.watch.processes import lease


def test_the_successor_of_a_killed_one_enforces_at_once(watching: Watching) -> None:
    first = watching.start("watch")
    first.saw("pass")
    assert first.end(signal.SIGKILL) == -9
    left = lease(watching)
    second = watching.start("watch")
    second.saw("pass")
    now = lease(watching)
    assert now.epoch > left.epoch  # type: ignore[attr-defined]
    assert now.holder.endswith(f":{second.run.pid}") and second.end() == 0  # type: ignore[attr-defined]


def test_another_machines_lease_is_respected(watching: Watching) -> None:
    assert watching.bb("watch", "--once").returncode == 0
    ledger = open_ledger(HomePaths(str(watching.home)).ledger_db, create=False, read_only=False)
    assert ledger.acquire_lease("watch/home", "elsewhere:1", ttl=3600, now=time.time())
    ran = watching.bb("watch", "--once")
    assert ran.returncode == 6 and "elsewhere:1" in ran.stderr
    held = ledger.lease("watch/home")
    assert held is not None and held.holder == "elsewhere:1"
    ledger.close()


def test_a_lease_that_is_taken_away_ends_it_without_another_look(watching: Watching) -> None:
    watch = watching.start("watch")
    watch.saw("pass")
    ledger = open_ledger(HomePaths(str(watching.home)).ledger_db, create=False, read_only=False)
    mine = ledger.lease("watch/home")
    assert mine is not None
    with ledger.batch():  # it renews every few seconds: nothing may come in between
        ledger.drop_lease("watch/home", mine.epoch)
        assert ledger.acquire_lease("watch/home", "elsewhere:1", ttl=3600, now=time.time())
    assert watch.run.wait(PATIENCE) == 6
    assert watch.records("lease-lost")
    held = ledger.lease("watch/home")
    assert held is not None and held.holder == "elsewhere:1" and held.expires > time.time()
    ledger.close()


def test_an_engine_that_goes_and_comes_back_is_enforced_again(watching: Watching) -> None:
    watch = watching.start("watch")
    watch.saw("engine-connected")
    watch.saw("pass")
    watching.engine.stop()
    watch.saw("engine-lost")
    watch.tell(signal.SIGHUP)
    watch.saw("failed")
    before = len(watch.records("pass"))
    watching.engine.start()
    watch.saw("engine-connected", 2)
    watch.saw("pass", before + 1)
    assert watch.end() == 0


def test_it_waits_for_an_engine_that_is_not_there_yet(watching: Watching) -> None:
    watching.engine.stop()
    watch = watching.start("watch")
    assert watch.saw("failed")[0]["code"] == "BB8001"
    watching.engine.start()
    watch.saw("pass")
    assert watch.end() == 0


def test_a_failing_engine_is_no_empty_engine(watching: Watching) -> None:
    watching.engine.status = 500
    watch = watching.start("watch")
    watch.saw("failed", 2)
    assert not watch.records("pass")
    watching.engine.status = 200
    watch.saw("pass")
    assert watch.end() == 0


def test_a_ledger_outage_is_survived_and_said(watching: Watching) -> None:
    """Somebody holds the database for longer than a writer waits: the lease cannot be renewed,
    which is no reason to end and none to write."""
    watch = watching.start("watch")
    watch.saw("pass")
    holder = sqlite3.connect(HomePaths(str(watching.home)).ledger_db, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    failed = watch.saw("failed")[0]
    assert failed["key"] == "lease" and failed["code"] == "BB3001"
    holder.execute("ROLLBACK")
    holder.close()
    assert watch.saw("recovered")[0]["key"] == "lease"
    before = len(watch.records("pass"))
    watch.tell(signal.SIGHUP)
    watch.saw("pass", before + 1)
    assert watch.end() == 0


def test_a_second_signal_ends_a_watch_that_an_engine_holds_up(watching: Watching) -> None:
    watching.engine.hanging.set()
    watch = watching.start("watch")
    eventually(lambda: watching.engine.reads, PATIENCE)

    def ended() -> bool:  # one signal may stand for several, so one is sent until two arrived
        watch.tell(signal.SIGTERM)
        return watch.run.poll() is not None

    eventually(ended, PATIENCE)
    assert watch.run.returncode == 130


def test_a_terminal_that_is_gone_does_not_end_enforcement(watching: Watching) -> None:
    beat = watching.work / "beat"
    run = subprocess.Popen(
        watching.argv("watch", "--heartbeat", str(beat)), env=watching.environ, cwd=watching.work,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    watching.running.append(run)  # type: ignore[arg-type]
    assert run.stderr is not None
    run.stderr.close()
    eventually(beat.exists, PATIENCE)
    log = watching.home / "run/log/watch-home.jsonl"
    eventually(lambda: '"pass"' in log.read_text(), PATIENCE)
    run.send_signal(signal.SIGHUP)
    eventually(lambda: log.read_text().count('"event": "pass"') >= 2, PATIENCE)
    run.terminate()
    assert run.wait(PATIENCE) == 0
