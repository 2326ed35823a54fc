"""Routes of an effective bottle that contradict or hide each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.load import load
from botbottle.load.checks import covers
from botbottle.model.route import Match, PathMatch, Route
from tests.load.homes import BASE, write


def said(tmp_path: Path, first: str, second: str) -> list[tuple[str, str, str]]:
    write(
        tmp_path,
        {
            "bottles/top": f"{BASE}\negress: {{routes: [{first}]}}",
            "bottles/web": f"extends: top\negress: {{routes: [{second}]}}",
            "agents/web": "bottle: web",
        },
    )
    return [(d.code, str(d.origin), str(d.related[0][0])) for d in load(tmp_path).diagnostics]


PLACES = ("home:bottles/web.md:3", "home:bottles/top.md:3")


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("{host: a.example}", "{host: a.example}", "BB2308"),
        ("{host: a.example}", "{host: a.example, matches: [{methods: [GET]}]}", "BB2308"),
        (
            "{host: a.example, matches: [{methods: [GET]}, {methods: [PUT]}]}",
            "{host: a.example, matches: [{methods: [PUT]}]}",
            "BB2308",
        ),
        (
            "{host: a.example, auth: {scheme: Bearer, token_ref: A}, matches: [{methods: [GET]}]}",
            "{host: a.example, matches: [{methods: [PUT]}]}",
            "BB2309",
        ),
    ],
)
def test_both_places_are_shown(tmp_path: Path, first: str, second: str, code: str) -> None:
    assert said(tmp_path, first, second) == [(code, *PLACES)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{host: a.example}", "{host: b.example}"),
        ("{host: a.example}", "{host: a.example, port: 8443}"),
        ("{host: a.example, matches: [{methods: [GET]}]}", "{host: a.example}"),
        (
            "{host: a.example, matches: [{methods: [GET]}]}",
            "{host: a.example, matches: [{methods: [PUT]}]}",
        ),
    ],
)
def test_routes_that_complete_each_other_are_fine(tmp_path: Path, first: str, second: str) -> None:
    assert said(tmp_path, first, second) == []


_match = st.builds(
    Match,
    st.lists(st.builds(PathMatch, st.just("exact"), st.sampled_from(["/a", "/b"])), max_size=1).map(
        tuple
    ),
    st.lists(st.sampled_from(["GET", "PUT"]), max_size=1).map(tuple),
)
_route = st.builds(
    lambda matches: Route("a.example", matches=tuple(matches)), st.lists(_match, max_size=2)
)


def accepts(route: Route, method: str, path: str) -> bool:
    def one(match: Match) -> bool:
        return (not match.methods or method in match.methods) and (
            not match.paths or any(p.value == path for p in match.paths)
        )

    return not route.matches or any(one(m) for m in route.matches)


@given(_route, _route)
def test_a_route_called_unreachable_really_is(earlier: Route, later: Route) -> None:
    if covers(earlier, later):
        for method in ("GET", "PUT", "POST"):
            for path in ("/a", "/b", "/c"):
                assert not accepts(later, method, path) or accepts(earlier, method, path)
