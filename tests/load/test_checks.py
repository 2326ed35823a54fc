"""Routes of an effective bottle that contradict or hide each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from botbottle.load import load
from botbottle.load.checks import covers
from botbottle.model.diagnostic import Severity
from botbottle.model.route import HeaderMatch, Match, PathMatch, Route
from botbottle.sidecar.egress.match import Query, RouteIndex
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


LISTED = """\
egress:
  routes:
    - host: a.example
      dlp:
        allow:
          - {fingerprint: b5b794c21f0a9d33, reason: fixture, until: %s}
"""


def listed(tmp_path: Path, until: str) -> list[tuple[str, str, Severity]]:
    files = {"bottles/web": f"{BASE}\n{LISTED % until}", "agents/web": "bottle: web"}
    write(tmp_path, files)
    return [(d.code, d.message, d.severity) for d in load(tmp_path).diagnostics]


def test_an_approval_that_ran_out_is_a_warning(tmp_path: Path) -> None:
    ((code, message, severity),) = listed(tmp_path, "2020-01-31")
    assert (code, severity) == ("BB2311", Severity.WARNING)
    assert "b5b794c21f0a9d33" in message and "2020-01-31" in message
    assert listed(tmp_path, "9999-01-31") == []


def test_an_approval_without_an_end_is_an_error(tmp_path: Path) -> None:
    ((code, message, severity),) = listed(tmp_path, "")
    assert (code, severity) == ("BB2120", Severity.ERROR) and "needs an end" in message


MANY = "{host: %s.example, matches: [{methods: [GET, PUT], paths: [%s]}]}"


@pytest.mark.parametrize(("paths", "found"), [(12, []), (13, ["BB2313"])])
def test_more_rules_than_a_sidecar_may_report_are_an_error_across_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: int, found: list[str]
) -> None:
    monkeypatch.setattr("botbottle.load.checks.MOST_RULES", 2 * 2 * 12)
    listed = ", ".join(f"{{value: /{n}}}" for n in range(paths))
    routes = {name: f"egress: {{routes: [{MANY % (name, listed)}]}}" for name in ("g", "h")}
    files = {
        "bottles/top": f"{BASE}\n{routes['g']}",
        "bottles/web": f"extends: top\n{routes['h']}",
        "agents/web": "bottle: web",
    }
    write(tmp_path, files)
    assert [d.code for d in load(tmp_path).errors] == found


PLACES = ("home:bottles/web.md:3", "home:bottles/top.md:3")


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("{host: a.example}", "{host: a.example}", "BB2308"),
        (
            "{host: a.example, matches: [{methods: [GET, PUT]}]}",
            "{host: a.example, matches: [{methods: [GET]}]}",
            "BB2308",
        ),
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
        ("{host: a.example}", "{host: a.example, matches: [{methods: [GET]}]}"),
        ("{host: a.example}", "{host: a.example, matches: [{paths: [{value: /v1}]}]}"),
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
    st.lists(
        st.builds(PathMatch, st.sampled_from(["exact", "prefix"]), st.sampled_from(["/a", "/a/b"])),
        max_size=2,
    ).map(tuple),
    st.lists(st.sampled_from(["GET", "PUT"]), max_size=2, unique=True).map(tuple),
    st.lists(st.builds(HeaderMatch, st.just("x"), st.sampled_from("12")), max_size=1).map(tuple),
)
_route = st.lists(_match, max_size=2).map(lambda found: Route("a.example", matches=tuple(found)))
QUERIES = [
    Query("a.example", 443, (method,), path, headers)
    for method in ("GET", "PUT", "POST")
    for path in ("/a", "/a/b", "/a/b/c", "/a/b/z", "/a/z", "/z")
    for headers in ({}, {"x": "1"}, {"x": "2"})
]


@settings(max_examples=500)
@given(_route, _route)
def test_a_route_called_unreachable_is_never_chosen_by_the_sidecar(
    earlier: Route, later: Route
) -> None:
    if covers(earlier, later):
        marked = replace(later, allow_private=True)  # told apart from an equal earlier one
        index = RouteIndex([earlier, marked])
        assert all(index.find(query) is not marked for query in QUERIES)


@settings(max_examples=500)
@given(_route, _route)
def test_a_route_that_is_never_chosen_where_it_would_be_alone_is_called_unreachable(
    earlier: Route, later: Route
) -> None:
    """The other direction, for routes of one entry: nothing hidden is missed."""
    if len(earlier.matches) != 1 or len(later.matches) != 1 or len(later.matches[0].paths) > 1:
        return
    marked = replace(later, allow_private=True)
    alone, both = RouteIndex([marked]), RouteIndex([earlier, marked])
    used = [q for q in QUERIES if alone.find(q)]
    if used and all(both.find(q) is not marked for q in used):
        assert covers(earlier, later)
