"""Fifty crashes in the middle of group commits, and a real disk that is full (``make chaos``)."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from botbottle.ledger.opening import open_ledger
from botbottle.model.bottle import Limit
from tests.ledger.worlds import register
from tests.sidecar_ledger.support import Process, Raw, World, row, wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]
KILLS = 50
SIDECARS = ("a", "b", "c", "d")
SMALL = 4 * 1024 * 1024  # bytes of the disk that fills


class Sidecar(threading.Thread):
    """Admits and settles as fast as it can, in bursts, so that a batch is always in flight."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(daemon=True)
        self.acknowledged: set[str] = set()
        self.told: set[str] = set()  # sent, whatever became of it
        self.stop = threading.Event()
        self._world, self._name = world, name

    def run(self) -> None:
        while not self.stop.is_set():
            with suppress(OSError, AssertionError), Raw(self._world.path(self._name)) as raw:
                while not self.stop.is_set():
                    self._burst(raw)
            time.sleep(0.005)

    def _burst(self, raw: Raw) -> None:
        names = [f"{self._name}-{len(self.told) + n}" for n in range(8)]
        self.told.update(names)
        lease = raw.admit(input=0, output=100).get("lease", "")
        for name in names:
            raw.send(raw.frame("settle", lease=lease, exchanges=[row(response_id=name)]))
        for name in names:
            reply = raw.receive()
            if reply is None:
                raise OSError("hung up")
            if reply.get("recorded") == 1:
                self.acknowledged.add(name)


def test_fifty_kills_in_the_middle_of_group_commits_lose_and_double_nothing(
    world: World, process: Process
) -> None:
    for name in SIDECARS:
        register(world.ledger, name)
        world.socket(name)
    sidecars, rng = [Sidecar(world, name) for name in SIDECARS], random.Random(50)
    for sidecar in sidecars:
        sidecar.start()
    for _ in range(KILLS):
        before = sum(len(s.acknowledged) for s in sidecars)
        wait_for(lambda n=before: sum(len(s.acknowledged) for s in sidecars) > n + 20)
        time.sleep(rng.random() / 50)
        process.kill()
        process.start()
    for sidecar in sidecars:
        sidecar.stop.set()
        sidecar.join(120)
        assert not sidecar.is_alive()
    acknowledged = set().union(*(s.acknowledged for s in sidecars))
    stored = [n for (n,) in world.ledger.db.query("SELECT response_id FROM usage")]
    assert acknowledged <= set(stored) <= set().union(*(s.told for s in sidecars))
    assert len(stored) == len(set(stored)), "one row a response"
    assert world.ledger.check().problems == ()
    (total,) = world.ledger.usage([])
    assert total.counted == 100 * total.requests == 100 * len(stored)


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    place.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={SMALL},mode=700", "tmpfs", str(place)]
    if subprocess.run(argv, capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_refuses_and_recovers_when_there_is_room_again(home: Path) -> None:
    with small_disk(home / "l"):
        world = World(home, open_ledger(str(home / "l" / "bot-bottle.db")))
        register(world.ledger, "web")
        world.ledger.set_limit("bottle:dev", Limit("claude", 10**9), by="t")
        process = Process(world)
        process.start()
        try:
            acknowledged = _fill_and_free(world, home / "l" / "filler")
        finally:
            process.stop()
        stored = {n for (n,) in world.ledger.db.query("SELECT response_id FROM usage")}
        assert stored == acknowledged
        assert world.ledger.check().problems == ()
        world.ledger.close()


def _fill_and_free(world: World, filler: Path) -> set[str]:
    """Until the disk is full, while it is, and after: the rows that were acknowledged."""
    acknowledged: set[str] = set()
    with Raw(world.socket("web")) as raw:
        assert raw.admit()["ok"]
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)

        def told(number: int) -> str:
            reply = raw.settle(row(response_id=f"r{number}"))
            if reply["ok"]:
                acknowledged.add(f"r{number}")
            return str(reply.get("code", ""))

        refused = next(n for n in range(5000) if told(n) == "unavailable")
        assert {told(refused + n) for n in range(1, 6)} == {"unavailable"}
        assert raw.admit()["code"] == "unavailable"
        filler.unlink()
        assert told(refused + 6) == "" and raw.admit()["ok"]
    return acknowledged
