"""A frozen bottle continues; from its snapshot only when its container is gone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model import canonical
from botbottle.model.bottle import Declared
from botbottle.model.plan import (
    Action,
    CommitImage,
    CopyFiles,
    CreateContainer,
    Plan,
    RecordEnforcement,
    Ref,
    RemoveContainer,
    StartContainer,
)
from botbottle.planner.facts import Facts
from botbottle.planner.resume import MARK
from tests.support.worlds import FACTS, World, bottle, declared

WORK = "/src/work"
KEY = "proj-1/web"


@pytest.fixture
def want() -> Declared:
    return declared(bottle(shutdown="freeze", workspace=WORK))


@pytest.fixture
def frozen(want: Declared) -> World:
    world = World()
    world.converge(want)
    world.spend("web", 1000)
    made = world.converge(want)
    assert any(isinstance(op, CommitImage) for op in made.ops)
    world.spend("web", -1000)
    assert world.plan(want).empty, "a freeze stays until it is resumed"
    return world


def tag(world: World, want: Declared) -> str:
    fresh = World()
    fresh.converge(want)
    fresh.spend("web", 1000)
    return next(op.tag for op in fresh.plan(want).ops if isinstance(op, CommitImage))


def facts(*tags: str) -> Facts:
    return replace(FACTS, snapshots={"web": tags})


def ask(world: World) -> None:
    record = replace(world.view.enforced[KEY], resume=True)
    world.view = replace(world.view, enforced={KEY: record})


def remove_agent(world: World) -> None:
    for agent in world.by_kind("agent"):
        world.apply(
            RemoveContainer(
                id="x", resource="web/agent", bottle="web", reason="t", ref=Ref("", agent.id)
            )
        )


def created(plan: object, kind: str = "agent") -> list[CreateContainer]:
    ops = getattr(plan, "ops", ())
    return [op for op in ops if isinstance(op, CreateContainer) and op.spec.kind == kind]


def test_a_frozen_container_is_started_again_without_its_snapshot(
    frozen: World, want: Declared
) -> None:
    ask(frozen)
    known = facts(tag(frozen, want))
    made = frozen.converge(want, known)
    assert not created(made) and any(isinstance(op, StartContainer) for op in made.ops)
    assert [op.lift for op in made.ops if isinstance(op, RecordEnforcement)] == [True]
    assert KEY not in frozen.view.enforced and frozen.plan(want, known).empty


def test_a_lost_container_comes_back_from_the_snapshot_and_keeps_its_workspace(
    frozen: World, want: Declared
) -> None:
    known = facts(tag(frozen, want))
    remove_agent(frozen)
    assert frozen.plan(want, known).empty, "nothing comes back before somebody asks"
    ask(frozen)
    made = frozen.converge(want, known)
    (agent,) = created(made)
    assert agent.spec.image == tag(frozen, want)
    assert dict(agent.spec.env)[MARK] == FACTS.images["agent-claude"]
    copied = [source for op in made.ops if isinstance(op, CopyFiles) for source, _ in op.files]
    assert WORK not in copied, "the frozen work would be overwritten"
    assert frozen.plan(want, known).empty


def test_without_an_existing_snapshot_it_comes_back_from_its_recipe(
    frozen: World, want: Declared
) -> None:
    remove_agent(frozen)
    ask(frozen)
    (agent,) = created(frozen.converge(want))
    assert agent.spec.image == FACTS.images["agent-claude"]


def test_a_fresh_apply_never_uses_an_old_snapshot(want: Declared) -> None:
    world = World()
    (agent,) = created(world.converge(want, facts("botbottle/snapshot-web:old")))
    assert agent.spec.image == FACTS.images["agent-claude"]


def test_a_resumed_bottle_is_resumed_under_todays_manifest(frozen: World, want: Declared) -> None:
    known = facts(tag(frozen, want))
    remove_agent(frozen)
    ask(frozen)
    changed = declared(replace(want.bottles[0], prompt="be brief"))
    made = frozen.converge(changed, known)
    texts = [text for op in made.ops if isinstance(op, CopyFiles) for _, text in op.texts]
    assert any("be brief" in text for text in texts)
    assert created(made)[0].spec.image == tag(frozen, want)


def test_a_newer_snapshot_does_not_replace_the_container_made_from_an_older(
    frozen: World, want: Declared
) -> None:
    old = tag(frozen, want)
    remove_agent(frozen)
    ask(frozen)
    frozen.converge(want, facts(old))
    assert frozen.plan(want, facts("botbottle/snapshot-web:newer", old)).empty


def test_a_new_base_image_replaces_what_was_resumed(frozen: World, want: Declared) -> None:
    known = facts(tag(frozen, want))
    remove_agent(frozen)
    ask(frozen)
    frozen.converge(want, known)
    upgraded = replace(known, images={**FACTS.images, "agent-claude": "botbottle/claude:2"})
    (agent,) = created(frozen.converge(want, upgraded))
    assert agent.spec.image == "botbottle/claude:2" and MARK not in dict(agent.spec.env)
    assert frozen.plan(want, upgraded).empty


def test_resume_auto_continues_by_itself_when_the_budget_allows() -> None:
    want = declared(bottle(shutdown="freeze", resume_auto=True))
    world = World()
    world.converge(want)
    world.spend("web", 1000)
    world.converge(want)
    assert world.by_kind("agent")[0].state == "exited"
    world.spend("web", -1000)
    world.converge(want)
    assert world.by_kind("agent")[0].state == "running" and world.plan(want).empty


def test_two_homes_never_write_the_same_snapshot_tag(want: Declared) -> None:
    other = replace(FACTS, paths=replace(FACTS.paths, home="/home/v/.bot-bottle"))
    tags = []
    for here in (FACTS, other):
        world = World()
        world.converge(want, here)
        world.spend("web", 1000)
        tags += [op.tag for op in world.plan(want, here).ops if isinstance(op, CommitImage)]
    assert len(set(tags)) == 2, canonical.canonical(tags)


def starts(made: Plan) -> dict[str, tuple[str, bool]]:
    return {c.resource: (c.reason, c.drift) for c in made.changes if c.action is Action.START}


BOTH = {"web/egress": ("resumed", False), "web/agent": ("resumed", False)}


def test_what_a_resume_starts_is_an_order_and_no_drift(frozen: World, want: Declared) -> None:
    """We have stopped it ourselves. Also where the next run finishes it."""
    ask(frozen)
    made = frozen.plan(want)
    assert starts(made) == BOTH and not [c for c in made.changes if c.drift]
    reasons = {op.id: op.reason for op in made.ops if isinstance(op, StartContainer)}
    assert reasons == {"start:web/egress": "resumed", "start:web/agent": "resumed"}
    frozen.apply(next(op for op in made.ops if op.id == "start:web/egress"))
    assert starts(frozen.plan(want)) == {"web/agent": ("resumed", False)}
    frozen.converge(want)
    for part in ("agent", "egress"):
        world, (found,) = frozen, frozen.by_kind(part)
        world.stop(found)
        again = starts(world.converge(want))
        assert again == {f"web/{part}": ("not-running", True)}, "the control: this time it is drift"


def test_a_bottle_that_resumes_by_itself_does_not_drift_either() -> None:
    want = declared(bottle(shutdown="freeze", resume_auto=True))
    world = World()
    world.converge(want)
    world.spend("web", 1000)
    world.converge(want)
    world.spend("web", -1000)
    assert starts(world.plan(want)) == BOTH


def test_a_killed_bottle_that_was_released_is_made_anew_and_does_not_drift() -> None:
    want, world = declared(bottle(shutdown="kill")), World()
    world.converge(want)
    world.spend("web", 1000)
    world.converge(want)
    world.spend("web", -1000)
    world.view = replace(world.view, enforced={}, holds={})
    made = world.plan(want)
    assert made.ops and not [c for c in made.changes if c.drift]
