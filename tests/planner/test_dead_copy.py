"""A copy that can never start holds up no replacement, whatever name it has."""

from __future__ import annotations

from msgspec.structs import replace

from botbottle.model.plan import CreateContainer
from tests.support.worlds import World, bottle, declared


def test_a_dead_copy_under_the_name_of_the_new_one_is_gone_round() -> None:
    before, after = declared(bottle()), declared(bottle(prompt="be brief"))
    world = World()
    world.converge(before)
    (new,) = (op for op in world.plan(after).ops if isinstance(op, CreateContainer))
    (mine,) = world.by_kind("agent")
    dead = replace(mine, id="dead1", name=new.name, state="dead")
    world.observed = replace(world.observed, containers=(*world.observed.containers, dead))
    made = world.converge(after)
    (again,) = (op for op in made.ops if isinstance(op, CreateContainer))
    assert again.name not in {c.name for c in (mine, dead)}
    assert "remove:web/agent:dead1" in {op.id for op in made.ops}
    assert world.plan(after).empty
    assert [c.name for c in world.by_kind("agent")] == [mine.name]
