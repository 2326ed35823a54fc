"""Precedence: the most specific scope that limits the provider governs, or all of them do."""

from hypothesis import given
from hypothesis import strategies as st

from botbottle.budget.precedence import governing, with_overrides
from botbottle.model.bottle import WINDOWS, Limit, Scope

KINDS = ("launch", "agent", "bottle", "parent", "parent", "global")
CHAIN = tuple(Scope(kind, f"{kind}:{i}") for i, kind in enumerate(KINDS))
LIMITS = st.lists(
    st.builds(
        Limit, st.sampled_from(["claude", "codex"]), st.integers(0, 100), st.sampled_from(WINDOWS)
    ),
    max_size=3,
    unique_by=lambda x: (x.provider, x.window),
)


def chain(**limits):
    """A full chain in which the named kinds have one claude limit each."""
    seen, scopes = set(), []
    for scope in CHAIN:
        tokens = limits.get(scope.kind) if scope.kind not in seen else None
        seen.add(scope.kind)
        own = () if tokens is None else (Limit("claude", tokens),)
        scopes.append(Scope(scope.kind, scope.key, own))
    return tuple(scopes)


def test_the_launch_budget_is_the_most_specific_of_all():
    scopes = chain(launch=1, agent=2, bottle=3, parent=4, **{"global": 5})
    assert [x.tokens for _, x in governing(scopes, "claude", "nearest")] == [1]


def test_without_an_own_budget_the_nearest_parent_governs():
    scopes = chain(parent=4, **{"global": 5})
    assert [s.key for s, _ in governing(scopes, "claude", "nearest")] == ["parent:3"]


def test_a_scope_that_limits_another_provider_says_nothing():
    scopes = (
        Scope("agent", "a", (Limit("codex", 1),)),
        Scope("global", "g", (Limit("claude", 9),)),
    )
    assert [s.key for s, _ in governing(scopes, "claude", "nearest")] == ["g"]


def test_in_all_mode_every_defined_limit_governs():
    scopes = chain(agent=2, parent=4, **{"global": 5})
    assert [x.tokens for _, x in governing(scopes, "claude", "all")] == [2, 4, 5]


def test_the_nearest_scope_governs_with_all_its_windows():
    both = (Limit("claude", 10), Limit("claude", 1, "day"))
    scopes = (Scope("agent", "a", both), Scope("global", "g", (Limit("claude", 5),)))
    assert [x for _, x in governing(scopes, "claude", "nearest")] == list(both)


def test_nothing_governs_where_nothing_is_defined():
    assert governing(CHAIN, "claude", "nearest") == ()
    assert governing(CHAIN, "claude", "all") == ()


def test_an_override_replaces_the_declared_limit_of_the_same_window_only():
    scopes = (Scope("agent", "a", (Limit("claude", 10), Limit("claude", 1, "day"))),)
    changed = with_overrides(scopes, {("a", "claude", "day"): 7, ("b", "claude", ""): 3})
    assert set(changed[0].limits) == {Limit("claude", 10), Limit("claude", 7, "day")}


def test_an_override_can_limit_a_scope_that_declares_nothing():
    changed = with_overrides((Scope("agent", "a"),), {("a", "claude", ""): 7})
    assert governing(changed, "claude", "nearest") == ((changed[0], Limit("claude", 7)),)


@given(
    st.lists(LIMITS, min_size=len(CHAIN), max_size=len(CHAIN)), st.sampled_from(["nearest", "all"])
)
def test_governing_agrees_with_a_walk_over_all_scopes(limits, mode):
    scopes = [Scope(s.kind, s.key, tuple(own)) for s, own in zip(CHAIN, limits, strict=True)]
    for provider in ("claude", "codex"):
        expected = []
        for scope in scopes:
            own = [(scope.key, x) for x in scope.limits if x.provider == provider]
            if own and not (mode == "nearest" and expected):
                expected += own
        assert [(s.key, x) for s, x in governing(scopes, provider, mode)] == expected
