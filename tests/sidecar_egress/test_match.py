"""The index agrees with a naive reading of the Gateway API, and stays fast with many routes."""

from __future__ import annotations

from typing import Literal

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.model.route import HeaderMatch, Match, PathMatch, Route
from botbottle.sidecar.egress.match import Query, RouteIndex, _Entry, _prefixes

HOSTS = ["a.com", "b.a.com", "c.b.a.com", "*.a.com", "*.b.a.com", "d.com"]
PATHS = ["/", "/v1", "/v1/", "/v1/x", "/v1/x/y", "/v1x", "/w"]
REGEXES = ["/v1/.*", "/[a-z]+", "/v[0-9]/x", ".*", "/v1/[^/]+", "/v1/[^/]+%2F[^/]+"]


def naive_host(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return pattern == host


def naive_path(rule: PathMatch, path: str) -> bool:
    if rule.type == "exact":
        return rule.value == path
    if rule.type == "regex":
        slashed = path.replace("%2F", "/")
        readings = [path] if "%2F" in rule.value else [path, slashed]
        return all(re2.fullmatch(rule.value, each) is not None for each in readings)
    wanted = rule.value.rstrip("/").split("/")
    return path.split("/")[: len(wanted)] == wanted


def naive(routes: list[Route], query: Query) -> Route | None:
    """Every (route, entry, path rule) that matches, ranked as the docstring of the index says."""
    found = []
    for order, route in enumerate(routes):
        if not naive_host(route.host, query.host) or route.port != query.port:
            continue
        for match in route.matches or (Match(),):
            if match.methods and not set(query.methods) <= set(match.methods):
                continue
            if not all(query.headers.get(h.name) == h.value for h in match.headers):
                continue
            for rule in match.paths or (None,):
                if rule is not None and not naive_path(rule, query.path):
                    continue
                kind = {None: 0, "regex": 1, "prefix": 2, "exact": 3}[rule.type if rule else None]
                length = len(rule.value) if rule and kind != 1 else 0
                found.append(
                    (bool(route.provider), "*" not in route.host, len(route.host), kind, length,
                     bool(match.methods), len(match.headers), -order)
                )  # fmt: skip
    return routes[-max(found)[-1]] if found else None


path_rules = st.one_of(
    st.builds(PathMatch, st.sampled_from(["exact", "prefix"]), st.sampled_from(PATHS)),
    st.builds(PathMatch, st.just("regex"), st.sampled_from(REGEXES)),
)
matches = st.builds(
    Match,
    paths=st.lists(path_rules, max_size=2).map(tuple),
    methods=st.lists(st.sampled_from(["GET", "POST"]), max_size=2, unique=True).map(tuple),
    headers=st.lists(
        st.builds(HeaderMatch, st.sampled_from(["x", "y"]), st.sampled_from(["1", "2"])), max_size=1
    ).map(tuple),
)
routes = st.builds(
    Route,
    host=st.sampled_from(HOSTS),
    port=st.sampled_from([443, 8443]),
    matches=st.lists(matches, max_size=3).map(tuple),
    provider=st.sampled_from(["", "", "claude"]),
)
queries = st.builds(
    Query,
    host=st.sampled_from(["a.com", "b.a.com", "x.b.a.com", "d.com", "e.com", "xa.com"]),
    port=st.sampled_from([443, 8443]),
    methods=st.sampled_from([("GET",), ("POST",), ("GET", "DELETE")]),
    path=st.sampled_from([*PATHS, "/v1/x/y/z", "/v2/x", "/v1/x%2Fy", "/v1%2Fx"]),
    headers=st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["1", "2", "3"])),
)


@given(st.lists(routes, max_size=8), st.lists(queries, min_size=1, max_size=6))
@settings(max_examples=400, deadline=None)
def test_the_index_agrees_with_the_naive_matcher(known: list[Route], asked: list[Query]) -> None:
    index = RouteIndex(known)
    for query in asked:
        expected = naive(known, query)
        assert index.find(query) == expected
        knows = any(naive_host(r.host, query.host) and r.port == query.port for r in known)
        assert index.knows(query.host, query.port) is knows


def _asks(rule: PathMatch, path: str) -> bool:
    index = RouteIndex([Route("a.com", matches=(Match((rule,)),))])
    return index.find(ask(path)) is not None


@pytest.mark.parametrize("slash", ["%2F", "%2f", "%252F", "%25252f", "%5C", "%255c"])
def test_a_regex_must_match_however_a_server_reads_an_encoded_slash(slash: str) -> None:
    one, deep = PathMatch("regex", "/repos/[^/]+"), PathMatch("regex", "/repos/.+")
    path = f"/repos/a{slash}b"
    assert _asks(one, "/repos/a%20b") and not _asks(one, path)
    assert _asks(deep, path) and not _asks(deep, f"/repos{slash}a")


def test_a_regex_that_names_an_encoded_slash_is_taken_as_it_is_written() -> None:
    rule = PathMatch("regex", "/projects/group%2F[^/]+/issues")
    assert _asks(rule, "/projects/group%2Fname/issues")
    assert not _asks(rule, "/projects/group/name/issues")


@pytest.mark.parametrize("kind", ["exact", "prefix"])
def test_elsewhere_an_encoded_slash_is_no_slash(kind: Literal["exact", "prefix"]) -> None:
    rule = PathMatch(kind, "/projects/group%2Fname")
    assert _asks(rule, "/projects/group%2Fname")
    assert not _asks(rule, "/projects/group/name")
    assert not _asks(PathMatch(kind, "/projects"), "/projects%2Fgroup")
    assert _asks(PathMatch("prefix", "/projects"), "/projects/group%2Fname")


def ask(path: str, host: str = "a.com", *methods: str) -> Query:
    return Query(host, 443, methods or ("GET",), path, {})


def test_a_prefix_matches_whole_segments_only() -> None:
    index = RouteIndex([Route("a.com", matches=(Match((PathMatch("prefix", "/v1"),)),))])
    assert index.find(ask("/v1")) and index.find(ask("/v1/x")) and index.find(ask("/v1/"))
    assert index.find(ask("/v1x")) is None
    assert index.find(ask("//v1")) is None


@pytest.mark.parametrize("tail", ["", "/", "///", "x", "/x", "/x" * 1000])
@pytest.mark.parametrize("known", [["/a/b", "/a"], ["/a/b"], ["/"], ["/a/b/x/x"]])
def test_prefixes_beside_longer_paths(known: list[str], tail: str) -> None:
    rules = tuple(PathMatch("prefix", each) for each in known)
    route = Route("a.com", matches=(Match(rules),))
    query = ask("/a/b" + tail)
    assert RouteIndex([route]).find(query) == naive([route], query)


def test_no_prefix_is_tried_that_is_longer_than_any_rule() -> None:
    """A path of many segments: each of its prefixes was cut out and looked up."""
    path = "/a" * 8000
    assert list(_prefixes(path, 4)) == ["/a/a", "/a", ""]
    assert list(_prefixes(path, 5)) == ["/a/a", "/a", ""]
    assert list(_prefixes("/a/a/", 4)) == ["/a/a", "/a", ""]
    assert list(_prefixes("/aaaaa", 4)) == list(_prefixes("/", 4)) == [""]
    tables = RouteIndex([Route("a.com", matches=(Match((PathMatch("prefix", "/a/a"),)),))])._hosts
    (paths,) = tables.values()
    assert paths.longest == 4


def test_a_suffix_route_does_not_match_its_own_apex_or_a_lookalike() -> None:
    index = RouteIndex([Route("*.a.com")])
    assert index.find(ask("/", "x.a.com"))
    assert index.find(ask("/", "a.com")) is None
    assert index.find(ask("/", "xa.com")) is None
    assert index.find(ask("/", "x.a.com.evil.net")) is None


def test_a_method_override_must_be_allowed_as_well() -> None:
    index = RouteIndex([Route("a.com", matches=(Match(methods=("GET",)),))])
    assert index.find(ask("/", "a.com", "GET"))
    assert index.find(ask("/", "a.com", "GET", "DELETE")) is None


def test_a_regex_matches_whole_paths_and_cannot_explode() -> None:
    index = RouteIndex([Route("a.com", matches=(Match((PathMatch("regex", "(a+)+b|/ok"),)),))])
    assert index.find(ask("/" + "a" * 50_000)) is None  # a backtracking engine never returns
    assert index.find(ask("/ok"))
    assert index.find(ask("/okay")) is None


@pytest.mark.parametrize("shape", ["hosts", "prefixes", "exact"])
def test_ten_thousand_routes_cost_no_more_than_a_hundred(
    monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    def make(count: int) -> RouteIndex:
        if shape == "hosts":
            return RouteIndex(Route(f"h{i}.example.com") for i in range(count))
        kind = "prefix" if shape == "prefixes" else "exact"
        return RouteIndex(
            Route("h0.example.com", matches=(Match((PathMatch(kind, f"/p{i}"),)),))  # type: ignore[arg-type]
            for i in range(count)
        )

    looked_at: list[object] = []
    judged = _Entry.allows

    def counting(entry: _Entry, query: Query) -> bool:
        looked_at.append(entry)
        return judged(entry, query)

    with monkeypatch.context() as patch:
        patch.setattr(_Entry, "allows", counting)
        for count in (100, 10_000):
            assert make(count).find(ask("/p0", "h0.example.com"))
    assert len(looked_at) == 2, "one rule is looked at, however many there are"
