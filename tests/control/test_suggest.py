"""Denials become proposals that a manifest accepts, and nothing more than was asked for."""

from __future__ import annotations

from typing import Any

from botbottle.control.suggest import suggest
from botbottle.model.route import Match, PathMatch


def denial(host: str, path: str = "/a/b", method: str = "GET", code: str = "no-route") -> Any:
    return {"code": code, "host": host, "path": path, "method": method}


def test_a_refused_host_becomes_a_route_with_what_was_seen() -> None:
    (found,) = suggest([denial("a.com"), denial("a.com", "/a/c", "POST"), denial("a.com", "/d")])
    assert found.denials == 3
    assert found.route.host == "a.com"
    assert found.route.matches == (
        Match((PathMatch("prefix", "/a"), PathMatch("prefix", "/d")), ("GET", "POST")),
    )


def test_the_most_wanted_comes_first() -> None:
    found = suggest([denial("a.com"), denial("b.com"), denial("b.com")])
    assert [s.route.host for s in found] == ["b.com", "a.com"]


def test_only_the_want_of_a_route_is_a_reason() -> None:
    assert suggest([denial("a.com", code=c) for c in ("dlp", "git-push", "private-address")]) == ()
    assert suggest([denial("a.com", code="no-match")])


def test_many_paths_become_the_whole_host() -> None:
    (found,) = suggest([denial("a.com", f"/p{i}/x") for i in range(20)])
    assert found.route.matches == (Match((), ("GET",)),)


def test_what_no_manifest_would_accept_is_left_out() -> None:
    assert suggest([denial("*.com"), denial("not a host"), {}, denial("")]) == ()
