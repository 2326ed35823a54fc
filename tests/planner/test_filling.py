"""A workspace is copied once: a replaced agent goes on with the work that is there."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.plan import CopyFiles, Plan
from botbottle.model.resources import ObservedContainer
from botbottle.planner.facts import Facts
from botbottle.providers import WORKSPACE
from tests.support.worlds import FACTS, World, bottle, declared

ROOT = replace(FACTS, project_root="/src/p")
FIRST = declared(bottle(workspace="src"))


def filled(made: Plan) -> list[str]:
    """What is copied into the workspace."""
    copies = [op for op in made.ops if isinstance(op, CopyFiles)]
    return [source for op in copies for source, target in op.files if target == WORKSPACE]


def asked(made: Plan) -> list[str]:
    return [n.message for n in made.notices if n.code == "BB322"]


@pytest.fixture
def there() -> World:
    world = World()
    made = world.converge(FIRST, ROOT)
    assert filled(made) == ["/src/p/src"] and not asked(made)
    return world


def test_a_replaced_agent_keeps_its_work(there: World) -> None:
    made = there.plan(declared(bottle(workspace="src", prompt="be brief")), ROOT)
    assert "create:web/agent" in [op.id for op in made.ops]
    assert filled(made) == [] and not asked(made)


def test_another_folder_is_shown_and_asked_for(there: World) -> None:
    made = there.plan(declared(bottle(workspace="lib")), ROOT)
    fields = [(f.path, f.old, f.new) for c in made.changes for f in c.fields]
    assert ("workspace", "src", "lib") in fields
    assert filled(made) == ["/src/p/lib"] and "destroy" in made.needs
    assert asked(made) == ["copies lib over the bottle's /workspace, which has src"]


def test_a_folder_is_not_copied_over_the_work_of_an_agent_that_had_none_unasked() -> None:
    world = World()
    world.converge(declared(bottle()), ROOT)
    made = world.plan(FIRST, ROOT)
    assert filled(made) == ["/src/p/src"] and made.needs == ("destroy",)
    assert asked(made) == [
        "copies src over the bottle's /workspace, which has the work of an agent"
    ]


def test_an_agent_of_an_older_bb_is_replaced_and_keeps_its_work(there: World) -> None:
    """Its variables do not tell the folder; the last generation does."""
    (agent,) = there.by_kind("agent")
    spec = agent.labels[labels.SPEC].replace('["BB_WORKSPACE","src"],', "")
    assert spec != agent.labels[labels.SPEC]
    old = {**agent.labels, labels.SPEC: spec, labels.SPEC_HASH: "older"}
    there.set(agent, labels=old)
    made = there.plan(FIRST, replace(ROOT, workspaces={"web": "src"}))
    assert "create:web/agent" in [op.id for op in made.ops]
    assert filled(made) == [] and made.needs == ()
    assert there.plan(FIRST, ROOT).needs == ("destroy",), "where nothing is known it is asked for"


def gone(world: World, state: str) -> None:
    """Its agent is removed (``gone``), or is one that an interrupted apply made anew."""
    (agent,) = world.by_kind("agent")
    if state == "gone":
        rest: tuple[ObservedContainer, ...] = tuple(
            c for c in world.observed.containers if c.id != agent.id
        )
        world.observed = replace(world.observed, containers=rest)
    else:
        world.set(agent, state=state)


@pytest.mark.parametrize("state", ["gone", "created"])
@pytest.mark.parametrize(
    ("facts", "copied"),
    [
        (replace(ROOT, workspaces={"web": "src"}), []),
        (ROOT, ["/src/p/src"]),  # no apply ever came to its end: it may not have been copied
    ],
)
def test_after_a_crash_it_goes_by_what_an_apply_has_finished(
    there: World, state: str, facts: Facts, copied: list[str]
) -> None:
    gone(there, state)
    made = there.plan(FIRST, facts)
    assert filled(made) == copied and not asked(made)


def test_a_volume_that_is_made_anew_is_filled(there: World) -> None:
    there.converge(declared(bottle(state="absent")), ROOT)
    made = there.plan(FIRST, replace(ROOT, workspaces={"web": "src"}))
    assert filled(made) == ["/src/p/src"]


def test_a_workspace_lies_in_the_project_wherever_bb_is_called(there: World) -> None:
    here = World().plan(FIRST, replace(ROOT, project_root="/else"))
    assert filled(here) == ["/else/src"]
