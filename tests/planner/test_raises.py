"""An edit that gives a bottle more room than it has is asked for, wherever it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from botbottle.model.bottle import Declared, Limit, Scope, Window
from botbottle.model.plan import Action, RegisterAccount
from botbottle.watch.select import allowed
from tests.support.worlds import FACTS, World, bottle, declared

type Limits = tuple[Limit, ...]

WATCH = replace(FACTS, raises=False)
DEV = "bottle:dev"
AGENT = "agent:proj-1/web"


def scopes(agent: Limits = (), dev: Limits = (), launch: Limits = (), own: str = DEV) -> Declared:
    chain = [Scope("agent", AGENT, agent), Scope("bottle", own, dev), Scope("global", "global")]
    if launch:
        chain.insert(0, Scope("launch", "launch:proj-1/web", launch))
    return declared(bottle(scopes=tuple(chain)))


def claude(tokens: int, window: Window = "") -> Limits:
    return (Limit("claude", tokens, window),)


LIMITED = scopes(dev=claude(1000))
RAISES = {
    "larger": (LIMITED, scopes(dev=claude(9000))),
    "gone": (LIMITED, scopes()),
    "its own, larger": (LIMITED, scopes(claude(10**9), claude(1000))),
    "of a launch": (LIMITED, scopes(dev=claude(1000), launch=claude(10**9))),
    "another bottle without one": (LIMITED, scopes(own="bottle:big")),
    "another bottle with a larger one": (LIMITED, scopes(dev=claude(9000), own="bottle:big")),
    "every day": (LIMITED, scopes(claude(1000, "day"), claude(1000))),
    "a shorter window": (scopes(dev=claude(1000, "month")), scopes(dev=claude(1000, "day"))),
    "its own, gone": (scopes(claude(500), claude(1000)), LIMITED),
    "the nearest alone": (
        declared(*scopes(claude(9000), claude(1000)).bottles, budget_mode="all"),
        scopes(claude(9000), claude(1000)),
    ),
    "no input": (LIMITED, declared(*LIMITED.bottles, count_input=False)),
    "no cache": (LIMITED, declared(*LIMITED.bottles, count_cache_read=False)),
}
HARMLESS = {
    "smaller": (LIMITED, scopes(dev=claude(900))),
    "the first": (scopes(), LIMITED),
    "its own, smaller": (LIMITED, scopes(claude(500), claude(1000))),
    "another provider's": (LIMITED, scopes((Limit("codex", 5),), claude(1000))),
    "another bottle with a smaller one": (LIMITED, scopes(dev=claude(900), own="bottle:small")),
    "in all": (scopes(dev=claude(1000, "day")), scopes(claude(900), claude(1000, "day"))),
    "all that there are": (
        scopes(claude(500), claude(1000)),
        declared(*scopes(claude(500), claude(1000)).bottles, budget_mode="all"),
    ),
    "more is counted": (declared(*LIMITED.bottles, count_input=False), LIMITED),
    "less, of nothing": (scopes(), declared(*scopes().bottles, count_input=False)),
}


def registered(now: Declared) -> World:
    world = World()
    assert "budget" not in world.converge(now).needs, "a first registration is no raise"
    return world


@pytest.mark.parametrize("edit", RAISES)
def test_more_room_than_there_was_is_asked_for(edit: str) -> None:
    before, after = RAISES[edit]
    made = registered(before).plan(after)
    assert made.needs == ("budget",) and [op.id for op in made.ops] == ["register:web"]
    assert allowed(made, "safe").ops == ()
    (change,) = (c for c in made.changes if c.resource == "web/account")
    assert change.action is Action.UPDATE and change.fields


@pytest.mark.parametrize("edit", RAISES)
def test_a_watch_leaves_it_and_says_so(edit: str) -> None:
    before, after = RAISES[edit]
    made = registered(before).plan(after, WATCH)
    assert made.empty and made.needs == ()
    assert [n.code for n in made.notices] == ["BB310"]


@pytest.mark.parametrize("edit", HARMLESS)
def test_no_more_room_than_there_was_is_not(edit: str) -> None:
    before, after = HARMLESS[edit]
    for facts in (FACTS, WATCH):
        made = registered(before).plan(after, facts)
        assert made.needs == () and [op.id for op in made.ops] == ["register:web"]


def test_a_smaller_limit_of_its_own_is_a_raise_where_more_of_it_is_left() -> None:
    """A used-up pool of many held it; what the bottle has spent of its own is less."""
    world = registered(LIMITED)
    world.view = replace(world.view, pools=tuple(replace(p, spent=800) for p in world.view.pools))
    assert world.plan(scopes(claude(500), claude(1000))).needs == ("budget",)
    world.gone[AGENT, "claude", ""] = 400
    assert world.plan(scopes(claude(500), claude(1000))).needs == ()


def test_words_say_what_is_raised_to_what() -> None:
    def said(edit: str) -> str:
        before, after = RAISES[edit]
        (notice,) = registered(before).plan(after).notices
        return notice.message

    assert said("larger") == "raises the claude budget of bottle:dev from 1,000 to 9,000"
    assert said("gone").endswith("of bottle:dev from 1,000 to no limit")
    assert said("a shorter window").endswith("from 1,000/month to 1,000/day")
    assert said("its own, gone").endswith(f"of {AGENT} from 500 to 1,000 of bottle:dev")
    assert said("its own, larger").endswith(f"from 1,000 to 1,000,000,000 of {AGENT}")
    assert said("every day").endswith(f"from 1,000 to 1,000/day of {AGENT}, with more of it left")
    assert said("no input") == "raises every budget: it no longer counts input_uncached"


def test_a_shared_limit_is_not_raised_by_who_joins_it() -> None:
    """Registering a bottle gives a scope its limits for all that are in it, also for those of
    other projects, whose own plans nobody looks at then."""
    world = registered(LIMITED)
    other = bottle("other", scopes=(Scope("bottle", DEV, claude(9000)),))
    made = world.plan(declared(*LIMITED.bottles, other), WATCH)
    assert "budget" in made.needs
    assert not [op for op in allowed(made, "safe").ops if isinstance(op, RegisterAccount)]
    same = bottle("other", scopes=(Scope("bottle", DEV, claude(1000)),))
    assert "budget" not in world.plan(declared(*LIMITED.bottles, same), WATCH).needs


def test_what_an_operator_has_set_hides_no_raise_below_it() -> None:
    world = registered(LIMITED)
    (pool,) = world.view.pools
    world.view = replace(
        world.view, pools=(replace(pool, limit=5000, override=True, declared=1000),)
    )
    assert world.plan(scopes(dev=claude(4000))).needs == ("budget",)
    assert world.plan(scopes(dev=claude(900))).needs == ()


NUMBERS = st.sampled_from((None, 100, 500, 1000, 5000))
WINDOWS: st.SearchStrategy[Window] = st.sampled_from(("", "day"))
LIMIT = st.tuples(NUMBERS, WINDOWS)
SIDE = st.tuples(LIMIT, LIMIT, LIMIT, st.sampled_from(("bottle:dev", "bottle:big")))
MODE = st.sampled_from(("nearest", "all"))
SPENT = st.sampled_from((0, 90, 400, 990, 3000))


def chain(side: tuple[tuple[int | None, Window], ...]) -> tuple[Scope, ...]:
    *limits, own = side
    keys = (("agent", AGENT), ("bottle", own), ("global", "global"))
    return tuple(
        Scope(kind, key, () if tokens is None else claude(tokens, window))  # type: ignore[arg-type]
        for (kind, key), (tokens, window) in zip(keys, limits, strict=True)
    )


def admits(chain: tuple[Scope, ...], mode: str, spent: dict[str, int], tokens: int) -> bool:
    """The gate's rule, said again: so many tokens at once fit into what governs."""
    for scope in chain:
        for limit in scope.limits:
            if spent[scope.key] + tokens > limit.tokens:
                return False
        if scope.limits and mode == "nearest":
            return True
    return True


@given(SIDE, SIDE, MODE, MODE, st.lists(SPENT, min_size=4, max_size=4))
def test_whatever_is_edited_nothing_more_is_admitted_unasked(
    old: tuple[tuple[int | None, Window], ...],
    new: tuple[tuple[int | None, Window], ...],
    was: str,
    now: str,
    spent: list[int],
) -> None:
    gone = dict(zip((AGENT, "bottle:dev", "bottle:big", "global"), spent, strict=True))
    world = World()
    world.gone = {(k, "claude", w): n for k, n in gone.items() for w in ("", "day")}  # type: ignore[misc]
    before, after = chain(old), chain(new)
    world.converge(declared(bottle(scopes=before), budget_mode=was))
    if not world.view.registered:
        return  # used up before its first apply: it was not made, so that nothing limits it yet
    assert {p.spent for p in world.view.pools} <= set(spent)
    made = world.plan(declared(bottle(scopes=after), budget_mode=now))
    more = any(
        admits(after, now, left, n) and not admits(before, was, left, n)
        for left in (gone, dict.fromkeys(gone, 0))  # today, and in a new window
        for n in (1, 50, 100, 101, 500, 501, 1000, 1001, 5001)
    )
    if more and any(isinstance(op, RegisterAccount) for op in made.ops):
        assert "budget" in made.needs, world.view.pools
    if before == after and (was, now) != ("all", "nearest"):
        assert "budget" not in made.needs


def test_the_rule_of_the_property_sees_a_raise() -> None:
    """Its positive control."""
    gone = dict.fromkeys((AGENT, DEV, "bottle:big", "global"), 0)
    small, large = (scopes(dev=claude(n)).bottles[0].scopes for n in (1000, 9000))
    assert admits(large, "nearest", gone, 5000) and not admits(small, "nearest", gone, 5000)
