"""Rows that the database refuses, or that retention has left in pieces, sent by a compromised
sidecar again and again: whoever shares its batches goes on."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from botbottle.model.usage import Completeness
from botbottle.sidecar.ledger import wire
from botbottle.sidecar.ledger.connection import Connection
from botbottle.sidecar.ledger.handlers import Caller
from botbottle.sidecar.ledger.rates import Rates
from botbottle.sidecar.ledger.service import Service
from tests.ledger.worlds import exchange, register
from tests.sidecar_ledger.support import row

DAY = 86400.0
ROUNDS = 20


class Batches:
    """The real service, which two bottles' frames always reach in one batch."""

    def __init__(self, ledger):
        self.logged = []
        self._ledger = ledger
        self._service = Service(ledger, rates=Rates(), log=lambda *event: self.logged.append(event))
        self._replies = {}

    def _connection(self, account):
        caller = Caller(account, self._service.allowance(account))
        made = Connection(caller, self._service.ready, lambda c: True, print)
        self._replies[account] = []
        made.send = self._replies[account].append
        return made

    def run(self, op, **fields):
        """``op`` of ``p/thief`` and an admission of ``p/web`` in each of some rounds: replies."""

        async def rounds():
            thief, web = self._connection("p/thief"), self._connection("p/web")
            ask = {"op": "admit", "provider": "claude", "model": "m", "input": 1, "output": 1}
            for number in range(ROUNDS):
                begun = self._ledger.transactions
                thief.data_received(wire.encode({"v": 1, "id": number, "op": op, **fields}))
                web.data_received(wire.encode({"v": 1, "id": number, **ask}))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                assert self._ledger.transactions > begun

        asyncio.run(rounds())
        return {a: _lines(b"".join(sent)) for a, sent in self._replies.items()}


def _lines(sent):
    return [json.loads(line) for line in sent.splitlines()]


@pytest.fixture
def ledger(world):
    register(world.ledger, "web")
    register(world.ledger, "thief", bottle="other")
    return world.ledger


def reports(ledger, retained):
    """Two reports of a response, an estimate and a correction; retention in between."""
    now = time.time()
    for at, tokens, kind in ((now - 3 * DAY, 8192, "partial"), (now - DAY, 100, "final")):
        e = exchange(tokens, prompt=0, name="x", kind=Completeness(kind), at=at)
        ledger.settle("p/thief", "", [e], now=at)
    retained(now - 2 * DAY)


def older_retention(ledger):
    """What it did until it learned to keep responses whole."""
    return lambda before: ledger.db.run("DELETE FROM usage WHERE recorded_at < ?", before)


@pytest.mark.parametrize("old", [False, True])
def test_a_response_that_retention_has_met_half_way_stops_nobody(ledger, old):
    retain = older_retention(ledger) if old else lambda before: ledger.retain(before=before)
    reports(ledger, retain)
    service = Batches(ledger)
    replies = service.run("append", exchanges=[row(7000, response_id="x")])
    assert [r["ok"] for r in replies["p/web"]] == [True] * ROUNDS
    assert [r["recorded"] for r in replies["p/thief"]] == [1] + [0] * (ROUNDS - 1)
    assert service.logged == []


def test_rows_that_the_database_refuses_cost_only_who_sent_them(ledger):
    ledger.db.run("CREATE UNIQUE INDEX one ON usage (note) WHERE note = 'poison'")
    ledger.settle("p/thief", "", [exchange(1, name="first")], now=time.time())
    ledger.db.run("UPDATE usage SET note = 'poison'")
    replies = Batches(ledger).run("append", exchanges=[row(note="poison"), row()])
    assert [r["ok"] for r in replies["p/web"]] == [True] * ROUNDS
    assert [r.get("code") for r in replies["p/thief"]] == ["unavailable"] * ROUNDS
    assert [r["id"] for r in replies["p/thief"]] == list(range(ROUNDS)), "one answer each"
    assert len(ledger.exchanges()) == 1
    assert ledger.check().problems == ()


def test_nobody_is_told_yes_of_what_the_commit_undoes(ledger):
    """Rows are written at the end of a transaction: an answer before that was a promise."""
    ledger.db.run(
        "CREATE TRIGGER refuse BEFORE INSERT ON reservation WHEN NEW.account = 'p/thief'"
        " BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    asked = {"provider": "claude", "model": "m", "input": 1, "output": 1}
    replies = Batches(ledger).run("admit", **asked)
    assert [r.get("code") for r in replies["p/thief"]] == ["unavailable"] * ROUNDS
    assert [r["ok"] for r in replies["p/web"]] == [True] * ROUNDS


@pytest.mark.parametrize("own", [True, False], ids=["its own", "another's"])
def test_replays_are_counted_once_and_keep_nobody_waiting(ledger, own):
    """A batch presumes that what it is told is new. Where that is wrong it is done again, with a
    look; and one that was met is looked for from then on, so a flood of them costs one batch."""
    who, tokens = ("p/thief", 7000) if own else ("p/web", 400)
    ledger.settle(who, "", [exchange(tokens, name="x")], now=time.time())
    service = Batches(ledger)
    begun = ledger.transactions
    told = [row(tokens, response_id="x"), row(1, response_id="y"), row(1, response_id="y")]
    replies = service.run("settle", lease="", exchanges=told)
    assert [r["ok"] for r in replies["p/web"]] == [True] * ROUNDS
    assert [r["recorded"] for r in replies["p/thief"]] == [1] + [0] * (ROUNDS - 1)
    assert [r["duplicates"] for r in replies["p/thief"]] == [2] + [3] * (ROUNDS - 1)
    assert ledger.transactions - begun == ROUNDS + 1
    assert ledger.usage([])[0].counted == tokens + 50 + 51
    assert ledger.check().problems == () and service.logged == []
