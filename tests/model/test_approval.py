"""Approvals in a route: read strictly, the same in the manifest and in the flat form."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from botbottle.model.manifest_route import ROUTE_SCHEMA
from botbottle.model.reading import RouteError
from botbottle.model.route_reading import from_flat, from_manifest
from botbottle.model.sidecar_config import SidecarConfig, from_wire

GOOD = {"fingerprint": "b5b794c21f0a9d33", "reason": "fixture of the tests", "until": "2027-01-31"}


def route(*allow: Any) -> dict[str, Any]:
    return {"host": "a.example", "dlp": {"allow": list(allow)}}


def test_what_was_read_is_written_the_same() -> None:
    narrow = {**GOOD, "fingerprint": "00000000000000a1", "rule": "github.token"}
    read = from_manifest(route(GOOD, narrow))
    assert read.to_flat() == route(narrow, GOOD)
    assert from_flat(read.to_flat()) == read
    config = SidecarConfig("web", (read,))
    back = from_wire(config.to_wire())
    assert back == config and back.config_hash == config.config_hash


def test_it_holds_through_its_last_day_in_utc() -> None:
    (approval,) = from_manifest(route(GOOD)).dlp.allow
    assert datetime.fromtimestamp(approval.ends, UTC).isoformat() == "2027-02-01T00:00:00+00:00"
    assert approval.words == "fixture of the tests, until 2027-01-31"


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({"reason": None}, "reason", "needs a reason"),
        ({"reason": "  "}, "reason", "needs a reason"),
        ({"reason": "two\nlines"}, "reason", "one line"),
        ({"reason": "\x1b[2J"}, "reason", "one line"),
        ({"until": None}, "until", "needs an end"),
        ({"until": "tomorrow"}, "until", "not a day"),
        ({"until": "2027-02-30"}, "until", "not a day"),
        ({"until": "20270131"}, "until", "not a day"),
        ({"until": "9999-12-31"}, "until", "not a day"),
        ({"until": 2027}, "until", "not a day"),
        ({"fingerprint": None}, "fingerprint", "16 hex digits"),
        ({"fingerprint": "b5b794c2"}, "fingerprint", "16 hex digits"),
        ({"fingerprint": "B5B794C21F0A9D33"}, "fingerprint", "16 hex digits"),
        ({"fingerprint": "0" * 16}, "fingerprint", "16 hex digits"),
        ({"fingerprint": 1234567890123456}, "fingerprint", "read as a number"),
        ({"fingerprint": 1e300}, "fingerprint", "read as a number"),
        ({"rule": 7}, "rule", "a string"),
        ({"expires": "2027-01-31"}, "expires", "unknown key"),
    ],
)
def test_a_mistake_is_told_with_its_place(change: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(RouteError, match=words) as caught:
        from_manifest(route(GOOD | {"fingerprint": "a" * 16}, GOOD | change))
    assert caught.value.path == f"dlp.allow[1].{place}"


def test_a_value_in_place_of_its_fingerprint_is_not_repeated() -> None:
    with pytest.raises(RouteError) as caught:
        from_manifest(route(GOOD | {"fingerprint": "ghp_realvalue"}))
    assert "realvalue" not in str(caught.value) + caught.value.hint


def test_the_same_value_twice_is_a_mistake() -> None:
    with pytest.raises(RouteError, match="twice"):
        from_manifest(route(GOOD, GOOD | {"reason": "another"}))


def test_the_schema_for_editors_takes_what_the_reader_takes() -> None:
    item = ROUTE_SCHEMA["properties"]["dlp"]["properties"]["allow"]["items"]
    assert set(item["required"]) == set(GOOD) and set(item["properties"]) == {*GOOD, "rule"}
    pattern = item["properties"]["fingerprint"]["pattern"]
    assert re.search(pattern, GOOD["fingerprint"]) and not re.search(pattern, "0" * 16)
