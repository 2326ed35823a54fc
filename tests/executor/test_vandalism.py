"""Somebody else works on our containers and networks: whatever they did, applying repairs it, and
a run that dies halfway through the repair is repaired, too."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from botbottle.engine.fake import Container, Crash, Faults
from botbottle.errors import BBError
from botbottle.model import labels as lb
from botbottle.model.plan import Ref
from botbottle.model.resources import Attachment, Limits
from tests.executor.test_with_planner import hold, other_env, two
from tests.support.fleet import Fleet

type Act = Callable[[Fleet, Container, random.Random], None]


def ref(container: Container) -> Ref:
    return Ref(container.name, container.id)


def kill(fleet: Fleet, c: Container, _rng: random.Random) -> None:
    fleet.engine.kill(ref(c))


def remove(fleet: Fleet, c: Container, _rng: random.Random) -> None:
    fleet.engine.remove_container(ref(c), kill=True)


def pause(fleet: Fleet, c: Container, _rng: random.Random) -> None:
    fleet.engine.pause(ref(c))


def rename(fleet: Fleet, c: Container, rng: random.Random) -> None:
    fleet.engine.rename(ref(c), f"renamed-{rng.randrange(100)}")


def update(fleet: Fleet, c: Container, rng: random.Random) -> None:
    fleet.engine.update(ref(c), Limits(pids=rng.randrange(1, 50), restart="on-failure"))


def disconnect(fleet: Fleet, c: Container, rng: random.Random) -> None:
    for name in sorted(c.endpoints):
        if rng.random() < 0.7:
            fleet.engine.disconnect(ref(c), Ref(name))


def connect(fleet: Fleet, c: Container, rng: random.Random) -> None:
    network = rng.choice(sorted(fleet.engine.world.networks.values(), key=lambda n: n.id))
    fleet.engine.connect(ref(c), Ref(network.name, network.id), Attachment(network.name))


def drop_network(fleet: Fleet, c: Container, _rng: random.Random) -> None:
    """Stop everything on it, then remove it."""
    for name in sorted(c.endpoints):
        network = fleet.engine.world.network(Ref(name))
        for other in list(fleet.engine.world.attached(network.id)):
            fleet.engine.kill(ref(other))
        fleet.engine.remove_network(Ref(name, network.id))
        return


def restart(fleet: Fleet, c: Container, _rng: random.Random) -> None:
    if c.alive:  # what never ran may lack its files: starting that is not ours to repair
        fleet.engine.kill(ref(c))
        fleet.engine.start(ref(c))


ACTS: tuple[Act, ...] = (
    kill, remove, pause, rename, update, disconnect, connect, drop_network, restart,
)  # fmt: skip


def vandalise(fleet: Fleet, rng: random.Random) -> list[str]:
    """One to five acts on random containers of ours; what Docker refuses does not happen."""
    done = []
    for _ in range(rng.randrange(1, 6)):
        ours = [c for c in fleet.engine.world.containers.values() if c.labels.get(lb.HOME)]
        if not ours:
            break
        victim, act = rng.choice(sorted(ours, key=lambda c: c.id)), rng.choice(ACTS)
        try:
            act(fleet, victim, rng)
            done.append(f"{act.__name__} {victim.name}")
        except BBError:
            continue
    fleet.engine.restart()
    return done


def repaired(fleet: Fleet, done: list[str], limit: int) -> None:
    """Applying ``limit`` times at most gives an empty plan."""
    for _ in range(limit):
        result = fleet.apply(two())
        fleet.check_safe(running_agents_only=True)
    left = fleet.plan(two())
    assert left.empty, (done, left.ops, result.failed)
    fleet.engine.restart()
    fleet.apply(two())
    assert fleet.engine.calls == []


def seeds(usual: int) -> list[object]:
    """A few always, many more in a chaos run."""
    more = range(usual, 400)
    return [*range(usual), *(pytest.param(n, marks=pytest.mark.chaos) for n in more)]


@pytest.mark.parametrize("seed", seeds(30))
def test_whatever_somebody_did_is_repaired(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    fleet = Fleet(str(tmp_path))
    assert fleet.apply(two()).ok
    done = vandalise(fleet, rng)
    repaired(fleet, done, limit=1)


@pytest.mark.parametrize("seed", seeds(20))
def test_a_repair_that_dies_and_more_vandalism_are_repaired(tmp_path: Path, seed: int) -> None:
    rng = random.Random(1000 + seed)
    fleet = Fleet(str(tmp_path))
    assert fleet.apply(rng.choice([two, other_env])()).ok
    if rng.random() < 0.3:
        hold("freeze")(fleet)
    done = vandalise(fleet, rng)
    fleet.engine.restart(Faults(crash_at=rng.randrange(1, 12), crash_after=rng.random() < 0.5))
    try:
        fleet.apply(two(), parallel=rng.choice([1, 3]))
    except Crash:
        done.append("crash")
    fleet.engine.restart()
    done += vandalise(fleet, rng)
    repaired(fleet, done, limit=2)
