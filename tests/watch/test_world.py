"""The right to enforce, on a real ledger: who has it, who took it over, and when to stop."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botbottle.errors import LedgerUnavailable
from botbottle.executor import Result
from botbottle.ledger import open_ledger
from botbottle.ledger.api import Ledger
from botbottle.model.bottle import Declared, Project
from botbottle.watch import world as module
from botbottle.watch.world import LiveWorld
from tests.watch.lives import live

LEASE = "watch/p"


@pytest.fixture
def other(tmp_path: Path, ledger: Ledger) -> Iterator[Ledger]:
    """Another process's connection."""
    made = open_ledger(str(tmp_path / "bot-bottle.db"), create=False, read_only=False)
    yield made
    made.close()


@pytest.fixture
def world(ledger: Ledger, tmp_path: Path) -> LiveWorld:
    return live(ledger, tmp_path)


def test_a_free_lease_is_taken_and_given_back(world: LiveWorld, other: Ledger) -> None:
    assert world.take() == "" and world.fence()
    held = other.lease(LEASE)
    assert held is not None and held.holder == f"{socket.gethostname()}:{os.getpid()}"
    other.drop_lease(LEASE, held.epoch)
    assert not world.fence(), "what was given away is not ours any more"


def test_a_living_holder_is_named_and_left_alone(world: LiveWorld, other: Ledger) -> None:
    mine = f"{socket.gethostname()}:1"  # the first process lives as long as the machine
    assert other.acquire_lease(LEASE, mine, ttl=3600, now=time.time())
    assert mine in world.take() and not world.fence()
    held = other.lease(LEASE)
    assert held is not None and held.holder == mine


@pytest.mark.parametrize("host", ["elsewhere", "other:host", ""])
def test_a_holder_elsewhere_is_never_taken_for_dead(
    world: LiveWorld, other: Ledger, host: str
) -> None:
    assert other.acquire_lease(LEASE, f"{host}:{2**22}", ttl=3600, now=time.time())
    assert world.take() != "" and not world.fence()


def test_a_dead_process_of_this_machine_leaves_its_lease_with_a_new_epoch(
    world: LiveWorld, other: Ledger
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = other.acquire_lease(
        LEASE, f"{socket.gethostname()}:{gone.pid}", ttl=3600, now=time.time()
    )
    assert left is not None and world.take() == "" and world.fence()
    assert not other.check_lease(LEASE, left.epoch, now=time.time())


def test_our_own_renewal_is_no_change_and_anybody_elses_write_is(
    world: LiveWorld, other: Ledger
) -> None:
    world.take()
    world.ledger_changed()
    for _ in range(3):
        assert world.renew() and not world.ledger_changed()
    other.note_audit("test", "p", by="test")
    assert world.renew(), "a change right before a renewal is not swallowed by it"
    assert world.ledger_changed() and not world.ledger_changed()
    assert world.changes == 2


def test_a_ledger_that_cannot_be_asked_means_no(
    world: LiveWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.take()

    def broken(*_args: object, **_more: object) -> bool:
        raise LedgerUnavailable("locked")

    monkeypatch.setattr(world.ledger, "check_lease", broken, raising=False)
    assert not world.fence()
    monkeypatch.setattr(world.ledger, "drop_lease", broken, raising=False)
    world.close()


def run(world: LiveWorld, monkeypatch: pytest.MonkeyPatch, act: Callable[[Any], Result]) -> Result:
    """``execute`` with ``act`` in the place of the executor; it gets the fence."""
    monkeypatch.setattr(module, "carry_out", lambda *_a, fence, **_k: act(fence))
    return world.execute(None, None)  # type: ignore[arg-type]


def test_a_long_operation_does_not_cost_the_lease(
    world: LiveWorld, other: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop cannot renew while it carries out; somebody does it for it."""
    monkeypatch.setattr(module, "RENEW", 0.01)
    world.take()
    before = other.lease(LEASE)
    assert before is not None

    def act(fence: Callable[[], bool]) -> Result:
        for _ in range(3000):
            now = other.lease(LEASE)
            assert now is not None
            if now.expires > before.expires:
                assert now.epoch == before.epoch and fence()
                return Result()
            time.sleep(0.01)
        raise AssertionError("nobody renewed")

    assert run(world, monkeypatch, act).ok


def test_a_lease_that_ran_out_unnoticed_is_taken_again_unless_somebody_had_it(
    world: LiveWorld, other: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nap(by: str = "") -> Callable[[Callable[[], bool]], Result]:
        def act(fence: Callable[[], bool]) -> Result:
            held = other.lease(LEASE)
            assert held is not None
            other.drop_lease(LEASE, held.epoch)  # as if it had run out
            if by:
                taken = other.acquire_lease(LEASE, by, ttl=3600, now=time.time())
                assert taken is not None
                other.drop_lease(LEASE, taken.epoch)
            world.renew()
            return Result(seconds=float(fence()))

        return act

    world.take()
    assert run(world, monkeypatch, nap()).seconds == 1.0
    assert run(world, monkeypatch, nap("elsewhere:1")).seconds == 0.0, "its plan is an old one"
    assert run(world, monkeypatch, lambda fence: Result(seconds=float(fence()))).seconds == 1.0


def test_marks_of_resume_watch_are_taken_once(world: LiveWorld) -> None:
    assert world.resumed() == ()
    world.resume_dir.mkdir()
    for name in ("web", "db"):
        (world.resume_dir / name).touch()
    assert world.resumed() == ("db", "web") and world.resumed() == ()


class Moved:
    """A ledger whose database is down; counts the attempts to connect anew."""

    password = "old"

    def __init__(self, newer: str) -> None:
        self.control, self.tried = self, list[str]()
        self._newer = newer

    def ledger_locked(self, _password: str) -> bool:
        return True

    def newer_password(self, _password: str) -> str:
        return self._newer

    def rekey(self, password: str) -> None:
        self.tried.append(password)
        raise LedgerUnavailable("the server does not answer")


@pytest.mark.parametrize(("newer", "tried"), [("", 1), ("new", 9)])
def test_a_dead_server_is_not_asked_at_each_renewal(
    world: LiveWorld, newer: str, tried: int
) -> None:
    """Each attempt may wait for seconds, and the lease lasts ten."""
    moved: Any = Moved(newer)
    world.ledger = world.session = moved
    for _ in range(9):
        world._follow_password()
    assert moved.tried == [newer] * tried


class Found:
    """A session that finds the manifests of one project."""

    def __init__(self, project: str) -> None:
        self.project = project

    def load(self) -> SimpleNamespace:
        found = Declared(project=Project(self.project, f"/src/{self.project}", "/home/op"))
        return SimpleNamespace(declared=found, errors=())


@pytest.mark.parametrize("other", ["home", "q"])
def test_manifests_of_another_project_are_never_enforced_in_place_of_its_own(
    world: LiveWorld, other: str
) -> None:
    """A branch without .bot-bottle: the search goes on upwards, and ends at home."""
    world.session = Found(other)  # type: ignore[assignment]
    declared, why = world.load()
    assert declared is None and other in why and "gone" in why
    world.session = Found("p")  # type: ignore[assignment]
    declared, why = world.load()
    assert declared is not None and not why
