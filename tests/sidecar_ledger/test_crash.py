"""Crashes: what was acknowledged is there, meanwhile nothing is admitted, and it comes back."""

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from botbottle import errors
from botbottle.ledger.opening import open_ledger
from botbottle.ledger.records import Admitted
from botbottle.ledger.restoring import restore
from botbottle.model.bottle import Limit
from botbottle.sidecar.ledger.client import LedgerClient
from tests.ledger.worlds import exchange, register, spend
from tests.sidecar_ledger.support import Raw, row, wait_for


def test_kill_9_under_load_loses_no_acknowledged_row(world, process):
    """Several sidecars write as fast as they can while the service is killed four times."""
    names = ["a", "b", "c"]
    for name in names:
        register(world.ledger, name)
        world.socket(name)
    acknowledged, stop = set(), threading.Event()

    def sidecar(name):
        number = 0
        while not stop.is_set():
            with suppress(OSError, AssertionError), Raw(world.path(name)) as raw:
                while not stop.is_set():
                    number += 1
                    if raw.settle(row(response_id=f"{name}-{number}")).get("recorded") == 1:
                        acknowledged.add(f"{name}-{number}")
            time.sleep(0.01)

    threads = [threading.Thread(target=sidecar, args=(n,)) for n in names]
    for thread in threads:
        thread.start()
    for number in range(1, 5):
        wait_for(lambda wanted=40 * number: len(acknowledged) >= wanted)
        process.kill()
        process.start()
    stop.set()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    stored = {name for (name,) in world.ledger.db.query("SELECT response_id FROM usage")}
    assert acknowledged <= stored
    assert world.ledger.check().problems == ()
    total = world.ledger.usage([])[0]
    assert total.counted == 100 * total.requests >= 100 * len(acknowledged)


def test_a_client_delivers_over_a_crash_exactly_once(world, process):
    register(world.ledger, "web")
    world.socket("web")

    async def scenario():
        client = LedgerClient(str(world.path("web")), timeout=2.0)
        await client.start()
        assert await client.hello()
        told = [asyncio.ensure_future(client.append([exchange(name=f"r{i}")])) for i in range(200)]
        process.kill()
        refusal = await client.admit("claude", "m", input_tokens=1, allowance=1)
        assert refusal.code == "unavailable"
        await asyncio.to_thread(process.start)
        await asyncio.wait_for(asyncio.gather(*told), 120)
        assert (await client.admit("claude", "m", input_tokens=1, allowance=1)).lease
        assert await client.close(drain=60) == 0

    asyncio.run(scenario())
    assert world.ledger.usage([])[0].requests == 200


def test_reservations_survive_a_restart(world, process):
    register(world.ledger, "web")
    world.ledger.set_limit("bottle:dev", Limit("claude", 1000), by="t")
    with Raw(world.socket("web")) as raw:
        lease = raw.admit(input=0, output=1000)["lease"]
    process.kill()
    process.start()
    with Raw(world.socket("web")) as raw:
        assert raw.admit()["code"] == "budget-reserved"
        assert raw.settle(row(), lease=lease)["recorded"] == 1
        assert raw.admit()["ok"]


def test_an_orderly_stop_removes_the_sockets_and_ends_with_success(world, process):
    register(world.ledger, "web")
    world.socket("web")
    assert process.stop() == 0
    assert not world.path("web").exists()
    assert not (world.root / "service.sock").exists()


def test_a_second_service_for_the_same_sockets_is_refused(world, process, monkeypatch):
    command = [sys.executable, "-c", (
        "import sys; from botbottle.sidecar.ledger import __main__ as m; from pathlib import Path;"
        "\ntry: m.only_one(Path(sys.argv[1]), 0.1)"
        "\nexcept Exception as e: print(type(e).__name__)")]  # fmt: skip
    out = subprocess.run([*command, str(world.root)], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "Locked"
    process.stop()
    out = subprocess.run([*command, str(world.root)], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""


def test_a_locked_ledger_refuses_in_bounded_time_and_recovers(world, process):
    register(world.ledger, "web")
    with Raw(world.socket("web")) as raw:
        assert raw.admit()["ok"]
        blocker = sqlite3.connect(world.db, isolation_level=None)
        blocker.execute("BEGIN EXCLUSIVE")
        assert raw.settle(row())["code"] == "unavailable"
        blocker.execute("ROLLBACK")
        blocker.close()
        assert raw.settle(row())["recorded"] == 1


def test_a_ledger_that_cannot_be_written_refuses_and_recovers(world, process):
    """A full disk, as SQLite sees it: no page may be added."""
    register(world.ledger, "web")
    with Raw(world.socket("web")) as raw:
        assert raw.admit()["ok"]
        world.ledger.db.run("CREATE TRIGGER full BEFORE INSERT ON reservation"
                            " BEGIN SELECT RAISE(ABORT, 'disk full'); END")  # fmt: skip
        assert raw.admit()["code"] == "unavailable"
        assert raw.ask("hello")["ok"]
        world.ledger.db.run("DROP TRIGGER full")
        assert raw.admit()["ok"]


def test_a_disk_without_room_refuses_and_what_was_acknowledged_stays(world, process):
    """No file of the service may grow: the next page of the log cannot be written."""
    register(world.ledger, "web")
    with Raw(world.socket("web")) as raw:
        assert raw.settle(row(response_id="before"))["recorded"] == 1
        log = world.db.with_name(world.db.name + "-wal").stat().st_size
        _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (log, most))
        codes = {raw.settle(row(response_id=f"no-{n}")).get("code") for n in range(5)}
        assert codes == {"unavailable"} == {raw.admit()["code"]}
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
        assert raw.settle(row(response_id="after"))["recorded"] == 1
        assert raw.admit()["ok"]
    assert {x.response_id for x in world.ledger.exchanges()} == {"before", "after"}
    assert world.ledger.check().problems == ()


def test_a_ledger_that_was_replaced_is_written_no_more_and_its_successor_is_opened(world, process):
    register(world.ledger, "web")
    backup = world.home / "backup.db"
    world.ledger.backup(str(backup))
    with Raw(world.socket("web")) as raw:
        assert raw.settle(row(response_id="old"))["recorded"] == 1
        restore(str(world.db), str(backup))
        with suppress(OSError, AssertionError):  # refused, or hung up on: never acknowledged
            assert raw.settle(row(response_id="between"))["code"] == "unavailable"
    with pytest.raises(errors.LedgerUnavailable, match="place"):
        register(world.ledger, "other")

    def told():
        with suppress(OSError, AssertionError), Raw(world.path("web")) as again:
            return again.settle(row(response_id="new")).get("ok")

    wait_for(told)
    successor = open_ledger(str(world.db))
    assert {x.response_id for x in successor.exchanges()} == {"new"}
    assert successor.check().problems == ()
    successor.close()


def test_a_ledger_that_was_taken_away_refuses_and_none_is_made_in_its_place(world, process):
    register(world.ledger, "web")
    with Raw(world.socket("web")) as raw:
        assert raw.admit()["ok"]
        aside = world.home / "aside.db"
        world.db.rename(aside)
        wait_for(lambda: not process.answers())
        wait_for(lambda: not world.path("web").exists())
        assert not world.db.exists()
        aside.rename(world.db)
    wait_for(process.answers)
    with Raw(world.socket("web")) as raw:
        assert raw.admit()["ok"]


def test_a_clock_that_goes_back_admits_no_more_than_the_pool_has(world):
    """Reservations of what is the future now still count, and so does what was spent in it."""
    account = register(world.ledger, "web")
    world.ledger.set_limit("bottle:dev", Limit("claude", 1000), by="t")
    now = time.time()
    gate = open_ledger(str(world.db))

    def asked(at):
        answer = gate.admit(account, "claude", "m", input_tokens=0, allowance=600, now=at)
        return answer.reserved if isinstance(answer, Admitted) else 0

    assert [asked(now), asked(now - 3600), asked(now - 7200)] == [600, 400, 0]
    spend(gate, 1000, now)
    assert [asked(now - 3600), asked(now - 86400)] == [0, 0]
    gate.close()


def test_a_damaged_ledger_refuses_and_does_not_hang(world, process):
    register(world.ledger, "web")
    with Raw(world.socket("web")) as raw:
        assert raw.admit()["ok"]
        world.ledger.db.query("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = world.db.stat().st_size // 4096
        handle = os.open(world.db, os.O_WRONLY)
        for page in range(1, pages):
            os.pwrite(handle, b"\xa5" * 4096, page * 4096)
        os.close(handle)
        answers = [raw.settle(row()).get("code") for _ in range(20)]
        assert answers[-1] == "unavailable"


def test_a_ledger_damaged_at_start_gives_no_sockets_until_it_is_restored(world, process):
    register(world.ledger, "web")
    world.socket("web")
    backup = str(world.home / "backup.db")
    world.ledger.backup(backup)
    process.stop()
    world.ledger.close()
    for suffix in ("-wal", "-shm"):
        world.db.with_name(world.db.name + suffix).unlink(missing_ok=True)
    world.db.write_bytes(b"not a database" * 1000)
    child = subprocess.Popen(
        [sys.executable, "-m", "botbottle.sidecar.ledger", "--db", str(world.db),
         "--sockets", str(world.root)],
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        line = child.stderr.readline().decode()
        assert "BB3002" in line
        assert not world.path("web").exists()
        shutil.copy(backup, world.db)
        wait_for(world.path("web").exists)
        with Raw(world.path("web")) as raw:
            assert raw.admit()["ok"]
    finally:
        child.terminate()
        child.wait(60)
        child.stderr.close()


def test_a_newer_ledger_ends_the_service_with_a_clear_message(world):
    world.ledger.db.run("INSERT INTO schema_version VALUES (99, 0)")
    done = subprocess.run(
        [sys.executable, "-m", "botbottle.sidecar.ledger", "--db", str(world.db),
         "--sockets", str(world.root)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "schema 99" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--sockets", "/nowhere"]])
def test_a_wrong_command_line_is_a_usage_error(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "botbottle.sidecar.ledger", *arguments],
        capture_output=True, timeout=120, check=False, env={**os.environ, "BB_LEDGER": ""},
    )  # fmt: skip
    assert done.returncode in (2, 64)


def test_a_service_that_finds_no_ledger_makes_one(home):
    from tests.sidecar_ledger.support import Process, World

    empty = World(home, None)
    child = Process(empty)
    child.start()
    try:
        assert open_ledger(str(empty.db)).accounts() == ()
    finally:
        child.stop()
