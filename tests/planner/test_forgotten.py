"""A ledger that was lost is told of, and no budget starts at 0 without somebody's yes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.ledger_view import LedgerView
from botbottle.model.plan import CreateContainer, CreateVolume, Op, Plan
from botbottle.planner.forgotten import GONE, TOLD
from botbottle.watch.select import allowed, left_alone
from tests.support.worlds import FACTS, World, bottle, declared

WANT = declared(bottle("web"), bottle("api"))


def told(plan: Plan) -> list[tuple[str, str]]:
    return [(n.bottle, n.needs) for n in plan.notices if n.code == "BB333"]


@pytest.fixture
def world() -> World:
    made = World()
    assert told(made.plan(WANT)) == [], "nothing is there before the first apply"
    made.converge(WANT)
    return made


def lost(world: World) -> World:
    world.view = LedgerView(now=world.view.now)
    return world


def test_every_bottle_that_is_there_is_named_and_needs_a_yes(world: World) -> None:
    assert told(world.plan(WANT)) == []
    plan = lost(world).plan(WANT)
    assert told(plan) == [("api", "budget"), ("web", "budget")] and "budget" in plan.needs


def test_a_bottle_that_is_new_is_none_of_them(world: World) -> None:
    more = declared(*WANT.bottles, bottle("third"))
    assert told(world.plan(more)) == []
    assert [name for name, _ in told(lost(world).plan(more))] == ["api", "web"]


def test_one_that_only_its_sidecar_is_left_of_is(world: World) -> None:
    kept = (c for c in lost(world).observed.containers if "agent" not in c.labels.values())
    world.observed = replace(world.observed, containers=tuple(kept))
    assert [name for name, _ in told(world.plan(WANT))] == ["api", "web"]


def test_one_that_only_volumes_are_left_of_is(world: World) -> None:
    """The engine was pruned, or set up anew with its volumes."""
    world.observed = replace(lost(world).observed, containers=(), networks=(), sidecars={})
    assert told(world.plan(WANT)) == [("api", "budget"), ("web", "budget")]
    bare = replace(world.observed, volumes=())
    world.observed = bare
    assert told(world.plan(WANT)) == [], "nothing is left"


def test_files_that_were_adopted_before_the_first_apply_say_nothing(world: World) -> None:
    adopted = (replace(v, labels={**v.labels, labels.ADOPTED: "x"}) for v in world.observed.volumes)
    world.observed = replace(
        lost(world).observed, containers=(), sidecars={}, volumes=tuple(adopted)
    )
    assert told(world.plan(WANT)) == []


def test_a_first_apply_that_dies_anywhere_leaves_no_alarm() -> None:
    """The account is there before anything that an alarm would be made of."""
    ops = World().plan(WANT).ops
    for end in range(len(ops)):
        half = World()
        half.run(ops[:end])
        assert told(half.plan(WANT)) == []
    by_id = {op.id: op for op in ops}
    made = [op for op in ops if isinstance(op, CreateContainer | CreateVolume) and op.bottle]
    assert len(made) == 8
    for op in made:
        assert f"register:{op.bottle}" in before(op, by_id)


def before(op: Op, by_id: dict[str, Op]) -> set[str]:
    """Everything that must be done before ``op``."""
    return set(op.after).union(*(before(by_id[i], by_id) for i in op.after))


def test_one_that_stays_stopped_is_told_of_and_asks_for_nothing(world: World) -> None:
    stopped = declared(*(replace(b, state="stopped") for b in WANT.bottles))
    world.converge(stopped)
    assert told(world.plan(stopped)) == []
    assert told(lost(world).plan(stopped)) == [("api", ""), ("web", "")]


def test_where_nothing_at_all_is_left_the_home_tells_it(world: World) -> None:
    """The file was deleted, and the engine was set up anew."""
    gone = replace(FACTS, ledger_gone=True)
    assert told(world.plan(WANT, gone)) == [], "the control: its accounts are in the ledger"
    bare = lost(World())
    assert told(bare.plan(WANT)) == []
    plan = bare.plan(WANT, gone)
    assert told(plan) == [("api", "budget"), ("web", "budget")]
    assert {n.message for n in plan.notices if n.code == "BB333"} == {GONE}
    assert not any(op.bottle for op in allowed(plan, "safe").ops)


def test_whoever_accepts_it_is_asked_once(world: World) -> None:
    lost(world).converge(WANT)
    plan = world.plan(WANT)
    assert told(plan) == [] and plan.ops == ()


def test_on_a_server_no_file_is_put_back(world: World) -> None:
    there = declared(*WANT.bottles, ledger="postgresql://db/bb")
    (first, *_) = [n for n in lost(world).plan(there).notices if n.code == "BB333"]
    assert "database's own tools" in first.message and "bb ledger restore" not in first.message


def test_a_watch_says_it_and_starts_a_budget_anew_only_where_it_applies_everything(
    world: World,
) -> None:
    plan = lost(world).plan(WANT)
    assert any(op.id == "register:web" for op in allowed(plan, "all").ops)
    assert not any(op.bottle for op in allowed(plan, "safe").ops)
    for level in ("none", "safe", "all"):
        assert {("web", TOLD), ("api", TOLD)} <= left_alone(plan, level)


def test_a_selection_is_told_of_its_own_bottles_only(world: World) -> None:
    made = lost(world).plan(WANT, replace(FACTS, only=("api",)))
    assert told(made) == [("api", "budget")]
