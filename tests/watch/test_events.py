"""An event is a hint: whichever are lost, doubled, delayed, out of order or about nothing, all is
as it should be within one resync, and no work is done for them again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.bottle import Policy
from botbottle.model.ledger_view import HoldRecord
from botbottle.planner.plan import states_of
from botbottle.watch.loop import RESYNC
from botbottle.watch.sources import CONNECTED, PROJECT
from tests.support.worlds import FACTS, bottle, declared
from tests.watch.looping import APPROVED, Fake, Rig

NAMES = ("db", "web")
FAULTS = tuple(
    (what, name)
    for name in NAMES
    for what in ("stop agent", "stop egress", "remove agent", "limits", "deaf", "spend", "cutoff")
)
NOISE = st.lists(st.sampled_from((*NAMES, PROJECT, CONNECTED, "nobody")), max_size=2)
# What becomes of the event of a fault: how often it comes, and after how many later faults.
FATE = st.tuples(st.integers(0, 3), st.integers(0, 3))


def rig() -> Rig:
    want = declared(*(bottle(name) for name in NAMES))
    fake = Fake(manifests=want)
    fake.world.converge(want)
    return Rig(fake=fake)


def break_(found: Rig, what: str, name: str) -> None:
    world = found.fake.world
    kind = "egress" if what in ("stop egress", "deaf") else "agent"
    mine = [c for c in world.by_kind(kind) if c.labels[labels.BOTTLE] == name]
    if what == "spend":
        world.spend(name, 1000)
    elif what == "cutoff":
        order(found, name, "cutoff")
    elif mine and what == "deaf":
        world.status(mine[0].id, None)
    elif mine and what == "limits":
        world.set(mine[0], limits=replace(mine[0].limits, pids=7))
    elif mine:
        world.stop(mine[0])
        if what == "remove agent":
            rest = tuple(c for c in world.observed.containers if c.id != mine[0].id)
            world.observed = replace(world.observed, containers=rest)


def order(found: Rig, name: str, policy: Policy) -> None:
    world = found.fake.world
    hold = HoldRecord(world.key(name), policy, "operator", "", f"op:{name}", 0.0)
    world.view = replace(world.view, holds={**world.view.holds, world.key(name): hold})


def is_as_it_should_be(found: Rig) -> None:
    """Nothing is left to do; who is held is cut off and has its row, the others run on."""
    world, want = found.fake.world, found.fake.manifests or declared()
    facts = replace(FACTS, approved=dict.fromkeys(NAMES, APPROVED))
    assert world.plan(want, facts).empty
    running = {c.labels[labels.BOTTLE] for c in world.by_kind("agent") if c.state == "running"}
    assert running == set(NAMES)
    active = {s.config.bottle: s.config for s in world.observed.sidecars.values() if s and s.config}
    for name, state in states_of(want, world.view).items():
        assert bool(active[world.key(name)].routes) == state.free
        assert (world.key(name) in world.view.enforced) != state.free


@given(
    faults=st.lists(
        st.tuples(st.sampled_from(FAULTS), FATE, NOISE, st.booleans()),
        unique_by=lambda fault: fault[0],
        max_size=8,
    )
)
@settings(max_examples=60)
def test_whatever_becomes_of_events_all_is_right_within_one_resync(
    faults: list[tuple[tuple[str, str], tuple[int, int], list[str], bool]],
) -> None:
    found, late = rig(), list[tuple[int, str]]()
    for number, ((what, name), (times, delay), noise, pause) in enumerate(faults):
        break_(found, what, name)
        late += [(number + delay, name)] * times
        for key in [*noise, *reversed([key for due, key in late if due <= number])]:
            found.watch.queue.add(key)
        late = [(due, key) for due, key in late if due > number]
        found.settle(0.5 if pause else 0.0)
    found.settle(1.2 * RESYNC)
    is_as_it_should_be(found)
    writes = found.fake.writes
    for key in (*NAMES, PROJECT, CONNECTED, "nobody"):
        found.watch.queue.add(key)
        found.settle(0.25)
    assert found.fake.writes == writes, "an event about nothing was written for"


@given(st.lists(st.sampled_from(FAULTS), unique=True, max_size=8))
@settings(max_examples=20)
def test_writes_are_bounded_by_what_was_broken(chosen: list[tuple[str, str]]) -> None:
    """Not by how many events told of it: at most a bottle's whole set of operations a fault."""
    found = rig()
    before = found.fake.writes
    for what, name in chosen:
        break_(found, what, name)
        for _ in range(5):
            found.watch.queue.add(name)
            found.settle(0.25)
    found.settle(1.2 * RESYNC)
    assert found.fake.writes - before <= 12 * len(chosen)
