"""A service whose database asks for a password: it waits, refuses, and keeps what it is told in
memory only."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botbottle import errors
from botbottle.control.adapter import ControlClient
from botbottle.ledger.opening import ledger_exists, open_ledger
from botbottle.model.sidecar_config import fingerprint
from botbottle.watch.world import LiveWorld
from tests.ledger.guarded import Guarded, guarded
from tests.ledger.worlds import register
from tests.sidecar_ledger.support import Raw, World, row, wait_for

pytestmark = pytest.mark.postgres


@pytest.fixture
def database() -> Iterator[Guarded]:
    server = os.environ.get("BB_TEST_POSTGRES")
    if not server:
        pytest.skip("BB_TEST_POSTGRES is not set")
    with guarded(server) as made:
        yield made


@contextmanager
def service(root: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """The service as a container runs it: no password in arguments or environment."""
    argv = [sys.executable, "-m", "botbottle.sidecar.ledger", "--db", url, "--sockets", str(root)]
    env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    log = (root.parent / "log").open("ab")
    child = subprocess.Popen(argv, stderr=log, env=env)
    try:
        yield child
    finally:
        child.kill()
        child.wait(10)
        log.close()


def test_nothing_is_served_until_the_right_password_was_handed_over(
    home: Path, database: Guarded
) -> None:
    world, control = World(home, None), ControlClient(str(home / "s"))
    with service(world.root, database.url):
        wait_for(control.ledger_locked)
        control.unlock_ledger("wrong")
        control.unlock_ledger("x" * 5000)
        assert control.ledger_locked() and not control.ledger_answers()
        ledger = open_ledger(database.url, password=database.password)
        register(ledger, "web")
        assert not world.path("web").exists(), "no bottle has a socket"
        control.unlock_ledger(database.password)
        wait_for(control.ledger_answers)
        assert not control.ledger_locked()
        with Raw(world.socket("web")) as raw:
            assert raw.admit()["ok"]
        ledger.close()


def test_the_password_is_nowhere_but_in_memory(home: Path, database: Guarded) -> None:
    control = ControlClient(str(home / "s"))
    with service(home / "s", database.url) as child:
        wait_for(control.ledger_locked)
        control.unlock_ledger(database.password)
        wait_for(control.ledger_answers)
        secret = database.password.encode()
        for name in ("environ", "cmdline"):
            seen = Path(f"/proc/{child.pid}/{name}").read_bytes()
            assert seen and secret not in seen
        files = [p for p in home.rglob("*") if p.is_file()]
        assert files and not any(secret in p.read_bytes() for p in files)


def test_a_service_that_was_killed_waits_for_the_password_again(
    home: Path, database: Guarded
) -> None:
    control = ControlClient(str(home / "s"))
    with service(home / "s", database.url) as child:
        wait_for(control.ledger_locked)
        control.unlock_ledger(database.password)
        wait_for(control.ledger_answers)
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        assert not control.ledger_answers() and not control.ledger_locked()
    with service(home / "s", database.url):
        wait_for(control.ledger_locked)
        control.unlock_ledger(database.password)
        wait_for(control.ledger_answers)


@pytest.fixture
def unlocked(home: Path, database: Guarded) -> Iterator[tuple[World, ControlClient]]:
    """A service with the password and one bottle."""
    world, control = World(home, None), ControlClient(str(home / "s"))
    ledger = open_ledger(database.url, password=database.password)
    register(ledger, "web")
    ledger.close()
    with service(world.root, database.url):
        wait_for(control.ledger_locked)
        control.unlock_ledger(database.password)
        wait_for(lambda: control.ledger_answers(database.password))
        yield world, control


def test_a_changed_password_reaches_the_running_service_and_is_used_from_then_on(
    unlocked: tuple[World, ControlClient], database: Guarded
) -> None:
    world, control = unlocked
    with Raw(world.socket("web")) as raw:
        new = database.changed()
        assert raw.admit()["ok"], "a connection that is open goes on"
        assert control.ledger_locked(new.password) and not control.ledger_answers(new.password)
        assert control.ledger_answers() and not control.ledger_locked(database.password)
        control.unlock_ledger(new.password)
        wait_for(lambda: control.ledger_answers(new.password))
        assert not control.ledger_locked(new.password)
        new.hang_up()
        wait_for(lambda: raw.admit()["ok"])


def test_with_the_old_password_alone_nothing_is_admitted_once_the_connection_is_lost(
    unlocked: tuple[World, ControlClient], database: Guarded
) -> None:
    world, control = unlocked
    with Raw(world.socket("web")) as raw:
        assert raw.settle(row(response_id="before"))["ok"]
        new = database.changed()
        new.hang_up()
        wait_for(control.ledger_locked)
        assert raw.admit()["code"] == "unavailable"
        control.unlock_ledger(database.password)
        control.unlock_ledger("wrong")
        assert raw.settle(row(response_id="lost"))["code"] == "unavailable"
        control.unlock_ledger(new.password)
        wait_for(lambda: control.ledger_answers(new.password))
        wait_for(lambda: raw.settle(row(response_id="after"))["ok"])
    ledger = open_ledger(database.url, password=new.password)
    assert {x.response_id for x in ledger.exchanges()} == {"before", "after"}
    ledger.close()


def test_a_wrong_password_harms_no_service_that_works(
    unlocked: tuple[World, ControlClient], database: Guarded
) -> None:
    world, control = unlocked
    with Raw(world.socket("web")) as raw:
        control.unlock_ledger("wrong")
        for _ in range(20):
            assert raw.admit()["ok"] and control.ledger_answers(database.password)
        database.hang_up()
        wait_for(lambda: raw.admit()["ok"])


def test_hello_shows_a_password_only_as_a_mark_that_depends_on_the_question(
    unlocked: tuple[World, ControlClient], database: Guarded
) -> None:
    world, _ = unlocked
    marks = set()
    for nonce in ("", "a", "b"):
        with Raw(world.root / "service.sock") as raw:
            answer = raw.ask("hello", nonce=nonce)
        assert database.password not in json.dumps(answer)
        marks.add(answer["password"])
    assert len(marks) == 3 and all(len(mark) == 8 for mark in marks)


def test_malformed_callers_hand_over_nothing_and_end_nothing(home: Path, database: Guarded) -> None:
    control = ControlClient(str(home / "s"))
    frames = (b"", b"\n", b"[]\n", b"{}\n", b'{"v":1,"op":"unlock","password":7}\n', b"x" * 20_000)
    with service(home / "s", database.url) as child:
        wait_for(control.ledger_locked)
        for frame in frames:
            with socket.socket(socket.AF_UNIX) as channel:
                channel.settimeout(10)
                channel.connect(str(home / "s" / "service.sock"))
                channel.sendall(frame)
                channel.shutdown(socket.SHUT_WR)
                with pytest.raises((json.JSONDecodeError, ConnectionError)):
                    json.loads(channel.makefile("rb").readline())
        assert child.poll() is None and control.ledger_locked()


def test_the_socket_is_the_owners_alone(home: Path, database: Guarded) -> None:
    with service(home / "s", database.url):
        wait_for(ControlClient(str(home / "s")).ledger_locked)
        assert (home / "s" / "service.sock").stat().st_mode & 0o777 == 0o600


def test_an_empty_database_is_no_ledger_yet_and_looking_makes_none(
    database: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", database.password)
    assert not ledger_exists(database.url) and not ledger_exists(database.url)
    made = open_ledger(database.url)
    assert made.password == database.password, "as libpq found it: for the service"
    made.close()
    assert ledger_exists(database.url)


def watching(database: Guarded, control: ControlClient) -> LiveWorld:
    """A running ``bb watch``, as far as it has to do with the ledger."""
    session: Any = SimpleNamespace(control=control)
    rest: Any = None
    return LiveWorld(
        session=session, engine=rest, control=control, manifests=rest, project="p", emit=rest,
        cancelled=rest, resume_dir=rest,
        ledger=open_ledger(database.url, password=database.password),
    )  # fmt: skip


def test_a_running_watch_takes_over_the_password_that_an_apply_handed_to_the_service(
    unlocked: tuple[World, ControlClient], database: Guarded
) -> None:
    _, control = unlocked
    watch = watching(database, control)
    assert watch.renew() and watch.ledger.password == database.password
    new = database.changed()
    assert watch.renew(), "its connection goes on"
    control.unlock_ledger(new.password)
    wait_for(lambda: control.ledger_answers(new.password))
    new.hang_up()
    # The service may lose its connection while it is asked for the password.
    wait_for(lambda: not _fails(watch.renew))
    assert watch.renew() and watch.ledger.password == new.password
    control.unlock_ledger(watch.ledger.password)  # as its plans do for a service that waits
    wait_for(lambda: control.ledger_answers(new.password))  # it may see only now who hung up
    watch.close()


def test_only_who_knew_an_earlier_password_is_told_the_present_one(
    unlocked: tuple[World, ControlClient], database: Guarded
) -> None:
    world, control = unlocked
    assert control.newer_password(database.password) == "", "it is the present one"
    new = database.changed()
    control.unlock_ledger(new.password)
    wait_for(lambda: control.ledger_answers(new.password))
    assert control.newer_password(database.password) == new.password
    for other in ("", "wrong", new.password):
        assert control.newer_password(other) == ""
    for mark in ("", "0" * 64, "\u00fc", fingerprint(b"n", database.password)):
        with Raw(world.root / "service.sock") as raw:
            answer = raw.ask("renew", nonce="n", mark=mark)
        assert (answer["ok"], answer["code"]) == (False, "unknown-account")
        assert new.password not in json.dumps(answer)


def test_a_password_file_is_read_again_when_the_connection_was_lost(
    database: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pgpass"
    file.touch(0o600)
    file.write_text(f"*:*:*:*:{database.password}\n")
    monkeypatch.setenv("PGPASSFILE", str(file))
    ledger = open_ledger(database.url)
    assert ledger.password == database.password
    new = database.changed()
    file.write_text(f"*:*:*:*:{new.password}\n")
    new.hang_up()
    wait_for(lambda: not _fails(ledger.accounts))
    assert ledger.password == new.password
    newer = new.changed()
    file.write_text(f"*:*:*:*:{newer.password}\n")
    ledger.rekey("")
    assert ledger.password == newer.password
    ledger.close()


def _fails(call: Callable[[], Any]) -> bool:
    try:
        call()
    except errors.LedgerUnavailable:
        return True
    return False
