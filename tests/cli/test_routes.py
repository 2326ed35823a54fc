"""Suggestions are narrow and valid, and only for what a route could allow."""

from __future__ import annotations

from ruamel.yaml import YAML

from botbottle.cli.routes import group_denials, patch, proposable, route
from botbottle.model.route_reading import from_manifest


def denial(
    host: str, path: str, method: str = "GET", code: str = "no-route", **more: object
) -> dict[str, object]:
    return {"host": host, "path": path, "method": method, "code": code, **more}


def test_denials_become_narrow_routes_that_parse() -> None:
    found = group_denials(
        [
            denial("a.example", "/repos/x"),
            denial("a.example", "/repos/y", "POST"),
            denial("b.example", "/it's"),
        ]
    )
    data = YAML(typ="safe").load(patch(found))
    routes = [from_manifest(r) for r in data["egress"]["routes"]]
    assert [r.host for r in routes] == ["a.example", "b.example"]
    assert routes[0].matches[0].methods == ("GET", "POST")
    assert routes[0].matches[0].paths[0].value == "/repos"


def test_a_route_is_suggested_for_the_port_that_was_refused() -> None:
    found = group_denials(
        [
            denial("a.example", "/x", port=8443),
            denial("a.example", "/y", port=443),
            denial("a.example", "/z", port=0),  # refused before there was a target
        ]
    )
    data = YAML(typ="safe").load(patch(found))
    assert data["egress"]["routes"] == [route(place, found[place]) for place in sorted(found)]
    routes = [from_manifest(r) for r in data["egress"]["routes"]]
    paths = [(r.port, [m.paths[0].value for m in r.matches]) for r in routes]
    assert paths == [(443, ["/y", "/z"]), (8443, ["/x"])]


def test_attacks_are_never_suggested() -> None:
    assert group_denials([denial("a.example", "/", code="host-mismatch"), denial("", "/")]) == {}


def test_as_json_they_are_the_same_routes() -> None:
    found = group_denials([denial("b.example", "/it's"), denial("a.example", "/repos/x")])
    written = YAML(typ="safe").load(patch(found))["egress"]["routes"]
    assert [route(host, found[host]) for host in sorted(found)] == written


def test_addresses_and_what_no_manifest_takes_are_never_suggested() -> None:
    odd = ("169.254.169.254", "[::1]", "::1", "a b", "x" * 300)
    found = group_denials([*(denial(h, "/x") for h in odd), denial("a.example", "/x")])
    found |= group_denials([denial("b.example", "/\x1b]0;x"), denial("c.example", "/", "GE T")])
    wanted, left = proposable(found)
    assert list(wanted) == [("a.example", 443)]
    assert left == sorted((*odd, "b.example", "c.example"))
