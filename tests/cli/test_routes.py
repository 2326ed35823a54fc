"""Suggestions are narrow and valid, and only for what a route could allow."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from botbottle.cli.routes import group_denials, patch, proposable, route
from botbottle.model.route_reading import from_manifest

# What YAML 1.1 (types bool, null, float, int, merge, value, timestamp) or 1.2 (10.3) take for
# something else than text.
WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ".inf", "-.inf", ".nan",
         "0x1f", "0o17", "017", "0b1", "1_000", "1e3", "1.5", "190:20:30", "2001-12-14", "<<", "=",
         "", "-", "- a", "? a", "a: b", "a #b", "[a", "{a}", "*a", "&a", "!a", "%a", "@a", "`a",
         "|", ">", "'a", '"a"', "a, b")  # fmt: skip


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


def test_names_of_the_own_network_are_never_suggested() -> None:
    own = ("null", "1e3", "localhost", "metadata.google.internal", "host.docker.internal.", "a.LAN")
    found = group_denials([denial(h, "/x") for h in (*own, "a.example", "x.home.arpa")])
    wanted, left = proposable(found)
    assert list(wanted) == [("a.example", 443)]
    assert left == sorted((*own, "x.home.arpa"))


def test_a_request_of_the_first_page_suggests_that_page_alone() -> None:
    found = group_denials([denial("a.example", "/"), denial("a.example", "/v1/x")])
    (read,) = YAML(typ="safe").load(patch(found))["egress"]["routes"]
    assert read == route(("a.example", 443), found["a.example", 443])
    kinds = [(m.paths[0].type, m.paths[0].value) for m in from_manifest(read).matches]
    assert kinds == [("exact", "/"), ("prefix", "/v1")]


def test_a_host_that_begins_with_a_digit_stays_text() -> None:
    (read,) = YAML(typ="safe").load(patch(group_denials([denial("1.2e3", "/x")])))["egress"][
        "routes"
    ]
    assert read["host"] == "1.2e3"


@pytest.mark.parametrize("version", [(1, 1), (1, 2)])
@pytest.mark.parametrize("word", sorted({f(w) for w in WORDS for f in (str, str.upper, str.title)}))
def test_words_that_yaml_takes_for_something_else_stay_text(
    word: str, version: tuple[int, int]
) -> None:
    wanted = {
        (host, 443): {f"/{word}": {word}, word: {"GET"}} for host in (f"{word}.a", f"1{word}")
    }
    reader = YAML(typ="safe", pure=True)
    reader.version = version
    read = reader.load(patch(wanted))["egress"]["routes"]
    assert read == [route(place, wanted[place]) for place in sorted(wanted)]


def test_a_method_that_is_a_word_of_yaml_is_suggested_as_it_was_asked() -> None:
    found, left = proposable(group_denials([denial("a.example", "/x", m) for m in ("NO", "GET")]))
    (read,) = YAML(typ="safe").load(patch(found))["egress"]["routes"]
    assert from_manifest(read).matches[0].methods == ("GET", "NO") and not left
