"""``bb ledger restore`` as a user runs it: refused while anything lives, audited when done."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from botbottle.ledger import open_ledger
from botbottle.locking import project_lock
from botbottle.model.paths import HomePaths
from tests.cli_manifests.run import Ran, bb
from tests.ledger.worlds import register, spend


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    ledger = open_ledger(HomePaths(str(made)).ledger_db)
    register(ledger)
    spend(ledger, 10, 1e9)
    ledger.backup(str(tmp_path / "backup.db"))
    ledger.close()
    return made


def ledger_verb(home: Path, *args: str) -> Ran:
    return bb("--home", str(home), "-C", str(home.parent), "ledger", *args)


def restore(home: Path, *args: str) -> Ran:
    return ledger_verb(home, "restore", str(home.parent / "backup.db"), *args)


def test_a_damaged_ledger_is_restored_checked_and_audited(home: Path) -> None:
    db = Path(HomePaths(str(home)).ledger_db)
    db.write_bytes(b"not a database" * 100)
    said = ledger_verb(home, "check")
    assert said.code == 1 and "bb ledger restore" in said.err
    done = restore(home)
    assert done.code == 0, done.err
    assert "1 exchanges" in done.err and ".replaced-" in done.err
    checked = ledger_verb(home, "check", "--json")
    assert checked.code == 0 and json.loads(checked.out)["problems"] == []
    ledger = open_ledger(str(db), read_only=True)
    assert [r.action for r in ledger.audit()] == ["restore"]
    ledger.close()


@pytest.mark.parametrize("name", ["proj.lock", "proj.watch.lock"])
def test_it_is_refused_while_another_bb_works(home: Path, name: str) -> None:
    lock = f"{home}/run/locks/{name}"
    with project_lock(lock, "watch"):
        refused = restore(home)
        assert refused.code == 6 and "bb watch" in refused.err
        assert restore(home, "--force").code == 0
    assert restore(home).code == 0


def test_it_is_refused_while_the_service_answers(home: Path) -> None:
    root = Path(HomePaths(str(home)).socket_root)
    root.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "service.sock"))
        server.listen()
        threading.Thread(target=_hello, args=(server,), daemon=True).start()
        refused = restore(home)
    assert refused.code == 6 and "docker stop" in refused.err
    assert restore(home).code == 0, "the socket alone, with nobody behind it, does not count"


def _hello(server: socket.socket) -> None:
    channel, _ = server.accept()
    with channel:
        channel.recv(4096)
        channel.sendall(b'{"v":1,"id":1,"ok":true}\n')


def test_a_postgresql_ledger_is_left_to_its_own_tools(home: Path) -> None:
    (home / "settings.yml").write_text("ledger: postgresql://db.example/bb\n")
    refused = restore(home)
    assert refused.code == 64 and "PostgreSQL" in refused.err
