"""No two rules read the same: else an edit from one to the other would gain nothing to be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.model.plan import Reach
from botbottle.model.route import Auth, HeaderMatch, Match, PathMatch, Route
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.planner.reach import delta, route_atoms

PARTS = st.sampled_from(["/", "a", "*", " ", "~", "=", '"', "\\", " if ", "x", "\n"])
VALUES = st.lists(PARTS, min_size=1, max_size=5).map("".join)
PATHS = st.one_of(
    st.none(),
    st.builds(
        PathMatch,
        type=st.sampled_from(("exact", "prefix", "regex")),
        value=VALUES.map("/".__add__),
    ),
    st.builds(PathMatch, type=st.just("regex"), value=VALUES),
)
HEADERS = st.lists(
    st.builds(
        HeaderMatch,
        name=st.sampled_from(("x", "x~")),
        value=VALUES,
        type=st.sampled_from(("exact", "regex")),
    ),
    max_size=2,
).map(tuple)


def atom(path: PathMatch | None, headers: tuple[HeaderMatch, ...]) -> str:
    match = Match(paths=(path,) if path else (), headers=headers)
    (found,) = route_atoms(Route("one.example", matches=(match,)))
    return found


def meaning(path: PathMatch | None, headers: tuple[HeaderMatch, ...]) -> object:
    """A prefix is the same with and without a slash at its end; none is everything."""
    if path is None or path.type == "prefix":
        path = PathMatch("prefix", path.value.rstrip("/") if path else "")
    return path, headers


@given(one=PATHS, two=PATHS, first=HEADERS, second=HEADERS)
def test_rules_that_differ_have_different_atoms(
    one: PathMatch | None,
    two: PathMatch | None,
    first: tuple[HeaderMatch, ...],
    second: tuple[HeaderMatch, ...],
) -> None:
    same = meaning(one, first) == meaning(two, second)
    assert (atom(one, first) == atom(two, second)) == same


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (PathMatch("exact", "/repos/*"), PathMatch("prefix", "/repos")),
        (PathMatch("exact", "~/x"), PathMatch("regex", "/x")),
        (PathMatch("exact", "/x if h=v"), None),
    ],
)
def test_a_slip_that_is_corrected_widens(old: PathMatch, new: PathMatch | None) -> None:
    """An exact path that ends in a star gives its credential to nothing; the prefix to a tree."""
    headers = () if new else (HeaderMatch("h", "v"),)
    rules = [Match(paths=(old,)), Match(paths=(new or PathMatch("exact", "/x"),), headers=headers)]
    auth = Auth("bearer", "GITHUB_TOKEN")
    before, after = (
        SidecarConfig("web", (Route("one.example", auth=auth, matches=(rule,)),)) for rule in rules
    )
    assert Reach.WIDENS in [change.reach for change in delta("web", before, after)]


def test_usual_rules_are_shown_as_they_are_written() -> None:
    assert atom(PathMatch("exact", "/v1/messages"), ()) == "one.example any method /v1/messages"
    assert atom(PathMatch("prefix", "/v1/"), ()) == "one.example any method /v1/*"
    assert atom(PathMatch("regex", r"^/v1/\d+$"), ()) == r"one.example any method ~^/v1/\d+$"
    header = HeaderMatch("x-kind", "a b", "regex")
    assert atom(None, (header,)) == 'one.example any method /* if x-kind~"a b"'
