"""An edit of what a used-up budget makes of a bottle is shown, approved and kept like any other;
and nobody deletes by one that was not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model.bottle import Declared, Policy
from botbottle.model.diagnostic import Origin
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.plan import ChangePolicy, Plan, RemoveVolume
from botbottle.planner.approved import kept_policies
from botbottle.planner.facts import Facts
from tests.support.worlds import FACTS, World, bottle, declared

PLACE = {"shutdown": (Origin("home", "bottles/base.md", 3, 1),)}
POLICIES: tuple[Policy, ...] = ("cutoff", "freeze", "kill")


def want(policy: Policy) -> Declared:
    return declared(bottle("web", shutdown=policy, origins=PLACE))


def applied(policy: Policy, **more: object) -> Facts:
    return replace(FACTS, policies={"web": policy}, **more)


@pytest.fixture
def world() -> World:
    made = World()
    made.converge(want("cutoff"))
    return made


def spent() -> World:
    made = World()
    made.converge(want("cutoff"))
    made.spend("web", 1000)
    return made


def asked(plan: Plan) -> list[str]:
    return [n.needs for n in plan.notices if n.code == "BB323"]


def deletes(plan: Plan) -> bool:
    return any(isinstance(op, RemoveVolume) for op in plan.ops)


@pytest.mark.parametrize("before", POLICIES)
@pytest.mark.parametrize("now", POLICIES)
def test_every_edit_is_an_operation_and_one_to_kill_needs_an_approval(
    world: World, before: Policy, now: Policy
) -> None:
    made = world.plan(want(now), applied(before))
    found = [(op.before, op.policy) for op in made.ops if isinstance(op, ChangePolicy)]
    assert found == ([(before, now)] if before != now else [])
    assert made.empty == (before == now)
    assert asked(made) == (["destroy"] if now == "kill" != before else [])


def test_it_is_shown_with_its_place_and_the_digest_covers_it(world: World) -> None:
    made = world.plan(want("kill"), applied("cutoff"))
    (field,) = (f for c in made.changes if c.reason == "policy-changed" for f in c.fields)
    assert (field.path, field.old, field.new) == ("shutdown", "cutoff", "kill")
    assert field.origins == PLACE["shutdown"]
    digests = {world.plan(want(p), applied("cutoff")).digest for p in POLICIES}
    assert len(digests) == 3


def test_a_bottle_of_which_nothing_was_applied_has_no_edit(world: World) -> None:
    made = world.plan(want("kill"), FACTS)
    assert made.empty and asked(made) == []


def test_a_watch_does_nothing_worse_than_what_was_approved() -> None:
    world = spent()
    assert deletes(world.plan(want("kill"), applied("kill", raises=False))), "the control"
    made = world.plan(want("kill"), applied("cutoff", raises=False))
    assert not deletes(made) and not any(isinstance(op, ChangePolicy) for op in made.ops)
    assert [h.policy for h in made.held] == ["cutoff"] and asked(made) == [""]


def test_what_is_milder_holds_at_once() -> None:
    made = spent().plan(want("cutoff"), applied("kill", raises=False))
    assert not deletes(made) and [h.policy for h in made.held] == ["cutoff"]


def test_of_a_held_bottle_a_kill_waits_and_holds_up_no_order() -> None:
    world = spent()
    made = world.plan(want("kill"), applied("cutoff"))
    assert not deletes(made) and made.needs == () and asked(made) == [""]
    order = HoldRecord("proj-1/web", "freeze", "operator", "now", "h1", 0.0)
    world.view = replace(world.view, holds={"proj-1/web": order})
    made = world.plan(want("kill"), applied("cutoff"))
    assert made.needs == () and not any(isinstance(op, ChangePolicy) for op in made.ops)


def test_a_stopped_bottle_has_data_too(world: World) -> None:
    edited = declared(bottle("web", shutdown="kill", state="stopped"))
    world.converge(declared(bottle("web", state="stopped")))
    assert asked(world.plan(edited, applied("cutoff"))) == ["destroy"]


@pytest.mark.parametrize(
    ("held", "left", "kept"),
    [((), (), "kill"), (("web",), (), "cutoff"), ((), ("web",), "cutoff")],
)
def test_what_an_apply_keeps(held: tuple[str, ...], left: tuple[str, ...], kept: Policy) -> None:
    before = {"policies": {"web": "cutoff", "gone": "kill"}}
    assert kept_policies(before, want("kill"), held, left) == {"web": kept}


def test_an_older_set_tells_it_with_the_bottles() -> None:
    before = {"bottles": [{"name": "web", "shutdown": "freeze"}]}
    assert kept_policies(before, want("kill"), (), ("web",)) == {"web": "freeze"}
