"""Edited limits and what follows from them are one plan; a raise waits where nobody approves it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from botbottle.model.bottle import Declared, Limit, Policy, Scope, Window
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.plan import Action, Plan, PushConfig, RecordEnforcement, RegisterAccount
from botbottle.model.route import Route
from botbottle.planner.pending import judge
from botbottle.planner.plan import states_of
from tests.support.worlds import FACTS, World, bottle, declared

KEY = "proj-1/web"
WATCH = replace(FACTS, raises=False)
POLICIES: tuple[Policy, ...] = ("cutoff", "freeze", "kill")


def limited(tokens: int | None, shutdown: Policy = "cutoff", **fields: object) -> Declared:
    own = () if tokens is None else (Limit("claude", tokens),)
    scopes = (Scope("agent", "agent:proj-1/web", own), Scope("global", "global"))
    return declared(bottle(scopes=scopes, shutdown=shutdown, **fields))


def spent(tokens: int, shutdown: Policy = "cutoff", *, held: bool) -> World:
    """``web`` with a limit of 1,000 of which ``tokens`` are gone; enforced when ``held``."""
    world = World()
    world.converge(limited(1000, shutdown))
    world.spend("web", tokens)
    if held:
        world.converge(limited(1000, shutdown))
    return world


def registers(made: Plan) -> list[RegisterAccount]:
    return [op for op in made.ops if isinstance(op, RegisterAccount)]


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("tokens", [5000, None])
def test_a_raise_that_frees_a_bottle_frees_it_in_the_same_plan(
    held: bool, tokens: int | None
) -> None:
    world = spent(1000, held=held)
    made = world.plan(limited(tokens))
    assert "budget" in made.needs and not made.held
    world.run(made.ops)
    assert world.plan(limited(tokens)).empty
    assert KEY not in world.view.enforced


def test_what_may_leave_again_comes_after_the_limit_it_counts_by() -> None:
    made = spent(1000, held=True).plan(limited(5000))
    (push,) = (op for op in made.ops if isinstance(op, PushConfig))
    assert registers(made)[0].id in push.after


@pytest.mark.parametrize("policy", POLICIES)
def test_a_lower_limit_that_uses_a_bottle_up_holds_it_in_the_same_plan(policy: Policy) -> None:
    world, now = spent(500, held=False), limited(100, policy)
    made = world.plan(now)
    assert made.needs == () and made.held[0].policy == policy and registers(made)
    world.run(made.ops)
    assert world.plan(now).empty
    (pool,) = (p for p in world.view.pools if p.provider == "claude")
    assert pool.limit == 100, "the ledger counts by the new limit, too"
    (row,) = (op for op in made.ops if isinstance(op, RecordEnforcement))
    assert world.view.enforced[KEY].trigger_id == row.trigger


def test_a_raise_that_is_not_enough_waits_and_is_shown() -> None:
    world = spent(2000, held=True)
    made = world.plan(limited(1500))
    assert made.empty and made.needs == () and made.held
    (change,) = (c for c in made.changes if c.resource == "web/account")
    assert (change.action, change.reason) == (Action.HOLD, "waits")
    assert [(f.old, f.new) for f in change.fields] == [("1,000", "1,500")]


@pytest.mark.parametrize("policy", ["freeze", "kill"])
def test_a_raise_alone_brings_back_nothing_that_was_stopped(policy: Policy) -> None:
    """A freeze stays until it is resumed and a kill until it is released, now with the raise."""
    world, now = spent(1000, policy, held=True), limited(5000, policy)
    if policy == "kill":
        trigger = world.view.enforced[KEY].trigger_id  # a kill becomes an order
        hold = HoldRecord(KEY, "kill", "budget", "", trigger, 0.0)
        world.view = replace(world.view, holds={KEY: hold})
    made = world.plan(now)
    assert made.empty and made.held[0].policy == policy
    assert [c.reason for c in made.changes] == ["waits"]
    bare = replace(world.view, holds={}, enforced={})
    assert judge(now, bare)["web"].standing.free, "bb resume is told that there will be room"
    assert not judge(limited(1000, policy), bare)["web"].standing.free


@pytest.mark.parametrize("held", [False, True])
def test_a_watch_cuts_off_although_a_raise_waits_and_says_so(held: bool) -> None:
    world = spent(1000, held=held)
    made = world.plan(limited(5000), WATCH)
    assert made.needs == () and made.held and not registers(made)
    assert any(n.code == "BB310" and "waits for bb apply" in n.message for n in made.notices)
    world.run(made.ops)
    assert world.plan(limited(5000), WATCH).empty and KEY in world.view.enforced


def test_of_a_free_bottle_a_watch_leaves_out_the_raise_and_nothing_else() -> None:
    world = World()
    world.converge(limited(1000, routes=(Route("one.example"),)))
    edited = limited(5000)
    assert world.plan(edited).needs == ("budget",), "the positive control"
    made = world.plan(edited, WATCH)
    assert made.needs == () and [op.id for op in made.ops] == ["push:web"]
    world.run(made.ops)
    assert world.plan(edited, WATCH).empty and registers(world.plan(edited))


def test_a_watch_lowers_limits_and_registers_new_bottles() -> None:
    world = World()
    assert registers(world.converge(limited(1000), WATCH))
    assert registers(world.converge(limited(900), WATCH)) and world.plan(limited(900), WATCH).empty


@pytest.mark.parametrize("tokens", [5000, 100])
@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_a_bottle_that_is_not_to_run_is_judged_by_the_limits_that_it_has(
    state: str, tokens: int
) -> None:
    """Its edited ones are not registered: a plan that counted with them was never the last."""
    for held in (True, False):
        world = spent(1000 if held else 500, "freeze", held=held)
        edited = limited(tokens, "freeze", state=state)
        made = world.converge(edited)
        assert not registers(made) and bool(made.held) is held
        assert world.plan(edited).empty


def test_an_operators_own_limit_is_not_moved_by_an_edit() -> None:
    world = spent(1000, held=True)
    pools = tuple(replace(p, override=True) for p in world.view.pools)
    world.view = replace(world.view, pools=pools)
    for tokens in (5000, 10):
        verdict = judge(limited(tokens), world.view)["web"]
        assert verdict.standing.policy == "cutoff" and not verdict.registers


def test_a_refusal_for_the_crumbs_ends_with_another_limit() -> None:
    world = spent(999, held=False)
    world.view = replace(
        world.view, pools=tuple(replace(p, refused=True) for p in world.view.pools)
    )
    assert world.plan(limited(1000)).held and not world.plan(limited(1001)).held


PARENT = Scope("bottle", "bottle:dev", (Limit("claude", 1000),))
NEARER = {
    "its agent's": (Scope("agent", "agent:proj-1/web", (Limit("claude", 9000),)), PARENT),
    "a launch's": (
        Scope("launch", "launch:proj-1/web", (Limit("claude", 9000),)),
        Scope("agent", "agent:proj-1/web"),
        PARENT,
    ),
    "another bottle's": (Scope("agent", "agent:proj-1/web"), Scope("bottle", "bottle:big")),
}


def used_up() -> World:
    """``web`` is cut off: the pool of its bottle, which others share, is used up."""
    world = World()
    before = declared(bottle(scopes=(Scope("agent", "agent:proj-1/web"), PARENT)))
    world.converge(before)
    world.view = replace(world.view, pools=tuple(replace(p, spent=1000) for p in world.view.pools))
    assert world.converge(before).held
    return world


@pytest.mark.parametrize("nearer", NEARER)
def test_another_limit_that_governs_frees_a_bottle_in_the_same_plan(nearer: str) -> None:
    world, now = used_up(), declared(bottle(scopes=NEARER[nearer]))
    made = world.plan(now)
    assert "budget" in made.needs and not made.held and registers(made)
    world.run(made.ops)
    assert world.plan(now).empty and KEY not in world.view.enforced


@pytest.mark.parametrize("nearer", NEARER)
def test_a_watch_frees_nobody_by_a_limit_that_waits(nearer: str) -> None:
    """What the ledger has governs until it is given another one."""
    world, now = used_up(), declared(bottle(scopes=NEARER[nearer]))
    made = world.plan(now, WATCH)
    assert made.empty and made.held[0].policy == "cutoff"
    assert [(row.scope, row.spent) for row in made.budgets] == [("bottle:dev", 1000)]
    assert states_of(now, world.view)["web"].policy == "cutoff"


def test_another_limit_that_is_used_up_already_frees_nobody() -> None:
    world, now = used_up(), declared(bottle(scopes=NEARER["its agent's"]))
    world.gone["agent:proj-1/web", "claude", ""] = 9000
    made = world.plan(now)
    assert made.empty and made.needs == () and made.held
    assert [c.reason for c in made.changes] == ["waits"]


@pytest.mark.parametrize("known", [False, True])
def test_a_first_limit_that_is_used_up_already_holds_in_the_same_plan(known: bool) -> None:
    world, now = World(), limited(1000)
    if known:
        world.converge(limited(None))
    world.gone["agent:proj-1/web", "claude", ""] = 1000
    made = world.converge(now)
    assert made.held and world.plan(now).empty and KEY in world.view.enforced


@pytest.mark.parametrize("policy", ["freeze", "kill"])
def test_a_policy_edited_to_a_cutoff_starts_nothing_that_was_stopped(policy: Policy) -> None:
    world = spent(1000, policy, held=True)
    for tokens in (1000, None):
        made = world.plan(limited(tokens, "cutoff"))
        assert made.empty and made.held[0].policy == policy


LIMITS = st.sampled_from((None, 100, 500, 1000, 5000))
WINDOWS: st.SearchStrategy[Window] = st.sampled_from(("", "day"))
EDIT = st.tuples(LIMITS, LIMITS, WINDOWS, st.sampled_from(POLICIES))


def edited(edit: tuple[int | None, int | None, Window, Policy]) -> Declared:
    own, shared, window, policy = edit
    scopes = tuple(
        Scope(kind, key, () if n is None else (Limit("claude", n, window),))  # type: ignore[arg-type]
        for kind, key, n in (("agent", "agent:proj-1/web", own), ("global", "global", shared))
    )
    return declared(bottle(scopes=scopes, shutdown=policy))


@given(first=EDIT, steps=st.lists(st.tuples(EDIT, st.integers(0, 1200)), max_size=5))
def test_after_any_approved_edit_of_limits_a_second_plan_is_empty(
    first: tuple[int | None, int | None, Window, Policy],
    steps: list[tuple[tuple[int | None, int | None, Window, Policy], int]],
) -> None:
    """Also of limits that the ledger does not have yet and that are used up already."""
    world = World()
    world.gone = {(key, "claude", ""): 700 for key in ("agent:proj-1/web", "global")}
    world.converge(edited(first))
    for edit, tokens in steps:
        world.spend("web", tokens)
        world.converge(edited(edit))
        again = world.plan(edited(edit))
        assert again.empty, [op.id for op in again.ops]
