"""What waits for what: a stray is cut off before anything starts on its network, and a new copy
starts as soon as the old one is stopped."""

from __future__ import annotations

from collections.abc import Iterable

from botbottle.model import labels
from botbottle.model.plan import (
    DisconnectNetwork,
    Op,
    RemoveContainer,
    RenameContainer,
    StartContainer,
)
from botbottle.model.resources import Endpoint
from tests.support.worlds import World, bottle, declared

WANT = declared(bottle("api"), bottle("web"))


def test_a_start_waits_for_the_cut_of_a_stray_on_its_network() -> None:
    """``web``'s agent sits on ``api``'s network, perhaps under the address of ``api``'s agent."""
    world = World()
    world.converge(WANT)
    agents = {c.labels[labels.BOTTLE]: c for c in world.by_kind("agent")}
    (inner,) = agents["api"].endpoints
    network = next(n for n in world.observed.networks if n.id == inner.network_id)
    world.stop(agents["api"])
    stray = Endpoint(network.id, network.name, inner.address)
    world.set(agents["web"], endpoints=(*agents["web"].endpoints, stray))
    world.endpoint(network, agents["web"].id, True)
    made = world.plan(WANT)
    cut = next(op for op in made.ops if isinstance(op, DisconnectNetwork))
    start = next(op for op in made.ops if isinstance(op, StartContainer))
    assert (cut.bottle, start.bottle) == ("web", "api")
    assert cut.id in start.after and cut.after == ()
    world.run(made.ops)  # the simulator refuses two live copies of one address
    assert world.plan(WANT).empty


def test_a_new_copy_starts_when_the_old_one_is_stopped_not_when_its_name_is_free() -> None:
    """What keeps the bottle down is done first: removing and renaming go on beside the start."""
    world = World()
    world.converge(WANT)
    made = world.plan(declared(bottle("api"), bottle("web", prompt="another")))
    ops = {type(op).__name__: op for op in made.ops}
    start, stop = ops["StartContainer"], ops["StopContainer"]
    before = ancestors(start, made.ops)
    assert stop.id in before and ops["CopyFiles"].id in before
    assert not before & {ops["RemoveContainer"].id, ops["RenameContainer"].id}
    assert stop.id in ancestors(ops["CopyFiles"], made.ops)  # nobody writes there any more


def test_a_crash_before_the_new_copy_has_its_name_is_repaired_without_stopping_it() -> None:
    world, want = World(), declared(bottle("api"), bottle("web", prompt="another"))
    world.converge(WANT)
    late = (RemoveContainer, RenameContainer)
    world.run(op for op in world.plan(want).ops if not isinstance(op, late))
    running = [c.id for c in world.by_kind("agent") if c.state == "running"]
    made = world.converge(want)
    assert {type(op) for op in made.ops} == set(late)
    assert [c.id for c in world.by_kind("agent")] == running and world.plan(want).empty


def ancestors(op: Op, ops: Iterable[Op]) -> set[str]:
    """Ids of everything that must be done before ``op``."""
    after = {o.id: o.after for o in ops}
    found: set[str] = set()
    todo = list(op.after)
    while todo:
        if (one := todo.pop()) not in found:
            found.add(one)
            todo += after[one]
    return found
