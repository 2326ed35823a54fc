"""A new password is tried beside the service's work: a server that does not answer stops nobody."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botbottle import errors
from botbottle.sidecar.ledger.follow import Follower
from botbottle.sidecar.ledger.probe import Probe

pytest.importorskip("psycopg")  # an optional dependency
import psycopg

from botbottle.ledger.postgres import PostgresDb

PATIENCE = 10.0  # seconds until something that should not wait is given up


class Server:
    """A ledger whose server answers a new password only when the test lets it."""

    def __init__(self) -> None:
        self.password, self.transactions = "old", 0
        self.asked, self.answers = threading.Event(), threading.Event()

    def replaced(self) -> bool:
        return False

    def revision(self) -> int:
        return -1  # as the follower has seen it: nothing to do for sockets

    def forget_leases(self, now: float) -> None:
        """None here."""

    def rekey(self, password: str) -> None:
        self.asked.set()
        if not self.answers.wait(PATIENCE):
            raise errors.LedgerUnavailable("nobody answered")
        self.password = password


def test_while_the_server_does_not_answer_the_loop_goes_on(tmp_path: Path) -> None:
    server, said, probe = Server(), list[str](), Probe(tmp_path)

    async def scenario() -> None:
        stop = asyncio.Event()
        ledger: Any = server
        doors: Any = None
        follower = Follower(ledger, doors, probe, lambda event, data: said.append(event))
        probe._answer({"v": 1, "id": 1, "op": "unlock", "password": "new"})
        running = asyncio.create_task(follower.run(stop))
        while not server.asked.is_set():
            await asyncio.sleep(0)
        server.answers.set()  # the very loop that the follower is on does this
        while not said:
            await asyncio.sleep(0)
        stop.set()
        await running

    asyncio.run(scenario())
    assert said == ["password changed"]
    assert server.password == probe.used == "new"


def test_the_ledger_can_be_used_until_the_new_connection_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free: list[bool] = []

    def tries() -> None:
        free.append(db._lock.acquire(timeout=1))
        if free[-1]:
            db._lock.release()

    made: list[SimpleNamespace] = []

    def connect(url: str, **options: Any) -> SimpleNamespace:
        if made:
            other = threading.Thread(target=tries)
            other.start()
            other.join()
            assert db._c is made[0]
        info = SimpleNamespace(password=options["password"], server_version=160000)
        made.append(SimpleNamespace(info=info, closed=False, close=lambda: None))
        return made[-1]

    monkeypatch.setattr(psycopg, "connect", connect)
    db = PostgresDb("postgresql://nowhere", "old")
    db.rekey("new")
    assert free == [True]
    assert db._c is made[1] and db.password == "new"


def test_beside_batches_the_revision_is_asked_for_only_where_none_of_them_looked(
    tmp_path: Path,
) -> None:
    asked, updated = list[int](), list[int]()
    told = SimpleNamespace(
        transactions=0,
        found=lambda: told.known,
        known=-1,
        revision=lambda: asked.append(told.transactions) or 7,
        accounts=tuple,
    )

    async def update(names: set[str], failed: object) -> None:
        updated.append(told.transactions)

    follower = Follower(
        told, SimpleNamespace(update=update), Probe(tmp_path), lambda event, data: None
    )

    def look(transactions: int, known: int) -> None:
        told.transactions, told.known = transactions, known
        asyncio.run(follower._accounts())

    look(0, -1)
    assert (asked, updated) == ([0], [0]), "the first look"
    look(5, 7)
    assert (asked, updated) == ([0], [0]), "a batch has looked: nothing is new"
    look(6, 8)
    assert (asked, updated) == ([0], [0, 6]), "a batch has found a new bottle"
    look(6, 8)
    assert asked == [0, 6], "no batch since: what it found is old"
    look(7, -1)
    assert asked == [0, 6, 7], "the batch since has not looked"
