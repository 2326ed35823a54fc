"""When files may be taken over, and in which order, so that nothing can be lost."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.errors import Refused
from botbottle.model import labels
from botbottle.model.plan import Action, CreateVolume, Plan, RestoreVolumes, SaveVolumes
from botbottle.model.resources import ObservedContainer, ObservedVolume, State
from botbottle.planner.adopt import adoption
from botbottle.planner.names import names
from tests.support.worlds import FACTS, World, bottle, declared

OLD = ObservedContainer("a" * 64, "bb-web-00000000-agent", "exited", "img", {})
HOME_ID = FACTS.paths.home_id


def adopt(world: World, source: ObservedContainer = OLD, *, under_way: bool = False) -> Plan:
    want = declared(bottle())
    return adoption(want, world.observed, world.view, FACTS, "web", source, under_way=under_way)


def test_the_files_are_copied_into_new_volumes_and_the_source_is_only_read() -> None:
    made = adopt(World())
    assert [op.id.split(":")[0] for op in made.ops] == [
        "copy", "create", "create", "restore", "remove",
    ]  # fmt: skip
    save, home, work, restore, remove = made.ops
    assert isinstance(save, SaveVolumes) and (save.ref.id, save.snapshot) == (OLD.id, "")
    assert save.paths == ("/home/agent", "/workspace")
    for volume in (home, work):
        assert isinstance(volume, CreateVolume) and volume.after == (save.id,)
        assert dict(volume.labels)[labels.ADOPTED] == OLD.id
        assert dict(volume.labels)[labels.HOME] == HOME_ID
    assert isinstance(restore, RestoreVolumes) and set(restore.after) == {home.id, work.id}
    assert remove.after == (restore.id,), "the copy goes last: its absence means done"
    assert not [op for op in made.ops[1:] if getattr(getattr(op, "ref", None), "id", "") == OLD.id]
    (change,) = made.changes
    assert change.action is Action.ADOPT and OLD.name in change.note


def test_it_needs_no_approval_of_reach() -> None:
    assert adopt(World()).needs == () and adopt(World()).reach == ()


def volumes(adopted: str | None) -> World:
    world, called = World(), names(HOME_ID, "proj-1", "web")
    owner = {labels.HOME: HOME_ID, labels.PROJECT: "proj-1", labels.BOTTLE: "web"}
    marks = owner | ({labels.ADOPTED: adopted} if adopted else {})
    both = tuple(ObservedVolume(n, marks) for n in (called.home, called.workspace))
    world.observed = replace(world.observed, volumes=both)
    return world


def test_done_is_done_and_what_died_on_the_way_goes_on() -> None:
    done = volumes(OLD.id)
    assert adopt(done).empty
    assert not adopt(done, under_way=True).empty, "the image is still there: fill what is empty"


@pytest.mark.parametrize("state", ["running", "paused", "restarting"])
def test_what_runs_is_not_copied(state: State) -> None:
    with pytest.raises(Refused, match="runs") as caught:
        adopt(World(), replace(OLD, state=state))
    assert "docker stop" in caught.value.hint


def test_a_bottle_with_an_agent_keeps_its_own_files() -> None:
    world = World()
    world.converge(declared(bottle()))
    with pytest.raises(Refused, match="has an agent already"):
        adopt(world)


@pytest.mark.parametrize("adopted", [None, "b" * 64])
def test_volumes_with_other_files_are_not_written_over(adopted: str | None) -> None:
    with pytest.raises(Refused, match="files already"):
        adopt(volumes(adopted))


def test_a_stranger_s_volume_under_our_name_is_not_used() -> None:
    world = volumes(None)
    strange = tuple(replace(v, labels={}) for v in world.observed.volumes)
    world.observed = replace(world.observed, volumes=strange)
    with pytest.raises(Refused, match="not ours"):
        adopt(world)


def test_apply_gives_the_volumes_to_the_agent_and_makes_no_others() -> None:
    made = volumes(OLD.id).plan(declared(bottle()))
    assert any(op.id == "create:web/agent" for op in made.ops)
    assert not [op for op in made.ops if isinstance(op, CreateVolume)]
