"""Somebody kills, removes, disconnects, pauses, renames and updates what is ours while ``bb watch``
runs on a real engine: one resync after the last fault the plan is empty, strangers are untouched,
and the watch has not thrashed (test matrix T13).

The faults follow from the seed alone: the same seed, the same faults in the same order.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from botbottle.ledger import open_ledger
from botbottle.model.paths import HomePaths
from tests.chaos.reconciling import BOTTLES, Fleet, Strangers, check_end, stranger_name
from tests.support.live import Live, docker, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.engine]

FAULTS = 40
OPERATIONS_PER_FAULT = 13  # as many as it takes to make a whole bottle from nothing
PATIENCE = 180


@dataclass
class Vandal:
    """A second actor on the engine. Whatever it does is drawn from ``rng`` before it looks."""

    live: Live
    rng: random.Random
    done: list[str] = field(default_factory=list)

    def strike(self) -> None:
        act = self.rng.choice(ACTS)
        bottle = self.rng.choice(BOTTLES)
        kind = self.rng.choice(("agent", "agent", "egress", "egress", "ledger"))
        number = self.rng.randrange(100)
        pause = self.rng.choice((0.0, 0.0, 0.1, 0.5, 1.5))
        victims = self.live.containers("" if kind == "ledger" else bottle, kind)
        for victim in victims[:1]:
            act(self, victim, number)
        self.done.append(f"{act.__name__} {bottle}/{kind}")
        time.sleep(pause)

    def networks(self, victim: str) -> list[str]:
        text = docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", victim, check=False)
        return sorted(json.loads(text)) if text.startswith("{") else []


def kill(_v: Vandal, victim: str, _n: int) -> None:
    docker("kill", victim, check=False)


def stop(_v: Vandal, victim: str, _n: int) -> None:
    docker("stop", "-t", "0", victim, check=False)


def remove(_v: Vandal, victim: str, _n: int) -> None:
    docker("rm", "-f", victim, check=False)


def pause(_v: Vandal, victim: str, _n: int) -> None:
    docker("pause", victim, check=False)


def restart(_v: Vandal, victim: str, _n: int) -> None:
    docker("restart", "-t", "0", victim, check=False)


def rename(_v: Vandal, victim: str, number: int) -> None:
    docker("rename", victim, f"bb-chaos-renamed-{number}", check=False)


def update(_v: Vandal, victim: str, number: int) -> None:
    docker("update", "--pids-limit", str(50 + number), "--restart", "on-failure", victim,
           check=False)  # fmt: skip


def disconnect(vandal: Vandal, victim: str, number: int) -> None:
    for network in vandal.networks(victim)[: 1 + number % 2]:
        docker("network", "disconnect", "-f", network, victim, check=False)


def connect(vandal: Vandal, victim: str, _n: int) -> None:
    docker("network", "connect", stranger_name(vandal.live), victim, check=False)


def tear_network(vandal: Vandal, victim: str, _n: int) -> None:
    """Everybody off the network, then the network away."""
    for network in vandal.networks(victim):
        if network.startswith("bb-chaos-"):
            continue
        members = json.loads(docker("network", "inspect", network, check=False) or "[]")
        for member in members[0]["Containers"] if members else ():
            docker("network", "disconnect", "-f", network, member, check=False)
        docker("network", "rm", network, check=False)


ACTS: tuple[Callable[[Vandal, str, int], None], ...] = (
    kill, kill, stop, remove, pause, restart, rename, update, disconnect, connect, tear_network,
)  # fmt: skip


def log(fleet: Fleet) -> list[dict[str, object]]:
    path = fleet.home / "run/log/watch-home.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def events(fleet: Fleet, name: str) -> list[dict[str, object]]:
    return [r for r in log(fleet) if r["event"] == name]


def resume_damped(fleet: Fleet, told: set[str]) -> None:
    """What an operator does who reads the log."""
    for record in events(fleet, "damped"):
        stamp = f"{record['ts']} {record['bottle']}"
        if stamp not in told:
            told.add(stamp)
            fleet.bb("resume-watch", str(record["bottle"]), code=None)


@pytest.mark.parametrize("seed", [1, 2])
def test_one_resync_after_the_last_fault_everything_is_as_declared(fleet: Fleet, seed: int) -> None:
    strangers = Strangers(stranger_name(fleet))
    before = strangers.look()
    vandal, told = Vandal(fleet, random.Random(seed)), set[str]()
    watch = fleet.start("watch")
    try:
        eventually(lambda: events(fleet, "pass"), PATIENCE)
        for _ in range(FAULTS):
            vandal.strike()
            resume_damped(fleet, told)
            assert watch.poll() is None, f"seed {seed}: the watch ended after {vandal.done}"
    finally:
        watch.send_signal(signal.SIGTERM)
        watch.communicate(timeout=PATIENCE)
    assert watch.returncode == 0 and not events(fleet, "bug"), (seed, vandal.done)
    outcomes = Counter(r["outcome"] for r in events(fleet, "op"))
    assert outcomes["done"] > FAULTS // 4, "the watch did nothing: this proves nothing"
    assert outcomes["done"] + outcomes["failed"] <= OPERATIONS_PER_FAULT * FAULTS, (seed, outcomes)
    check_end(fleet, strangers, before)
    print(f"seed {seed}: {FAULTS} faults, {dict(outcomes)}, {len(events(fleet, 'pass'))} passes")


@pytest.mark.parametrize("seed", [11])
def test_a_watch_that_is_killed_again_and_again_still_gets_there(fleet: Fleet, seed: int) -> None:
    """SIGKILL at random moments while the vandal goes on; each successor takes over at once."""
    rng = random.Random(seed)
    strangers = Strangers(stranger_name(fleet))
    before = strangers.look()
    vandal = Vandal(fleet, rng)
    for life in range(6):
        started = len(events(fleet, "started"))
        watch = fleet.start("watch")
        eventually(lambda n=started: len(events(fleet, "started")) > n, PATIENCE)
        for _ in range(rng.randrange(2, 6)):
            vandal.strike()
        watch.kill()
        watch.communicate(timeout=PATIENCE)
        assert watch.returncode == -9, (seed, life, vandal.done)
    check_end(fleet, strangers, before)
    ledger = open_ledger(HomePaths(str(fleet.home)).ledger_db, create=False, read_only=True)
    assert ledger.verify_audit().ok
    ledger.close()
