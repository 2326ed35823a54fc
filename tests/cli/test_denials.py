"""A denial in one line says what happened, where, and what would have to change."""

from __future__ import annotations

from botbottle.cli.denials import line, way_on

REFUSED = {"at": 0, "event": "denied", "code": "no-route", "method": "GET", "host": "a.example",
           "port": 8443, "path": "/x", "reason": "no route allows it"}  # fmt: skip


def test_a_refusal_shows_its_code_and_its_place_with_the_port() -> None:
    expected = "00:00:00Z  no-route  GET a.example:8443/x  no route allows it\n"
    assert line(REFUSED) == expected


def test_a_stream_that_was_cut_is_called_so() -> None:
    cut = {k: v for k, v in REFUSED.items() if k not in ("code", "reason")} | {"event": "cut"}
    assert line(cut) == "00:00:00Z  cut  GET a.example:8443/x  \n"


def test_what_a_route_could_allow_leads_to_suggestions_and_attacks_to_nothing() -> None:
    assert way_on("web", [{"code": "host-mismatch"}, REFUSED]).startswith("bb routes suggest web ")
    assert way_on("web", [{"code": "host-mismatch"}, {"event": "cut"}]) == ""
