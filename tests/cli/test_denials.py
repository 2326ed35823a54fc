"""Denials for people and programs: what happened, where, and what would have to change; of one
bottle or of all, where a sidecar that is silent hides no other."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from botbottle.cli.denials import denied, line, way_on
from botbottle.load import load
from botbottle.model.paths import HomePaths
from tests.cli.homes import ENGINE, home
from tests.cli_manifests.run import Ran, bb
from tests.control.hostile import MISSHAPEN
from tests.control.test_client import Listener

REFUSED = {"at": 0, "event": "denied", "code": "no-route", "method": "GET", "host": "a.example",
           "port": 8443, "path": "/x", "reason": "no route allows it"}  # fmt: skip
ATTACK = denied("web", {"code": "host-mismatch"})
CUT = denied(
    "web", {k: v for k, v in REFUSED.items() if k not in ("code", "reason")} | {"event": "cut"}
)


def test_a_refusal_shows_its_code_and_its_place_with_the_port() -> None:
    expected = "00:00:00Z  no-route  GET a.example:8443/x  no route allows it\n"
    assert line(denied("web", REFUSED)) == expected


def test_a_stream_that_was_cut_is_called_so() -> None:
    assert line(CUT) == "00:00:00Z  cut  GET a.example:8443/x  \n"


def test_what_a_route_could_allow_leads_to_suggestions_and_attacks_to_nothing() -> None:
    assert way_on("web", [ATTACK, denied("web", REFUSED)]).startswith("bb routes suggest web ")
    assert way_on("web", [ATTACK, CUT]) == ""


def test_a_sidecar_cannot_speak_for_another_bottle() -> None:
    assert denied("web", {**REFUSED, "bottle": "api"}).bottle == "web"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A home with three bottles."""
    found = home(tmp_path)
    for name in ("api", "docs"):
        (found / f"agents/{name}.md").write_text("---\nbottle: web\n---\n")
    return found


def folder(made: Path, name: str) -> Path:
    declared = load(made, made).declared
    assert declared is not None
    found = Path(HomePaths(str(made)).bottle(declared.project.id, name).control)
    found.mkdir(parents=True, exist_ok=True)
    return found


def tells(made: Path, name: str, reply: Any) -> Listener:
    place = os.open(folder(made, name), os.O_PATH)  # its own path is too long for an address
    listener = Listener(Path(f"/proc/self/fd/{place}"))
    os.close(place)
    listener.reply = lambda _: reply
    return listener


@pytest.fixture
def sidecars(made: Path) -> Iterator[list[Listener]]:
    """Of web and api; that of docs does not run."""
    rows = [{**REFUSED, "at": at} for at in (5, 9)]
    found = [
        tells(made, "web", {"ok": True, "denials": rows}),
        tells(made, "api", {"ok": True, "denials": [{**REFUSED, "at": 7}]}),
    ]
    yield found
    for listener in found:
        listener.close()


def denials(made: Path, *words: str) -> Ran:
    return bb("--home", str(made), "-C", str(made), "denials", *words, DOCKER_HOST=ENGINE)


@pytest.mark.usefixtures("sidecars")
def test_without_a_name_all_are_shown_each_with_its_bottle_in_the_order_of_time(made: Path) -> None:
    ran = denials(made)
    assert ran.code == 0
    assert [told.split()[:3] for told in ran.out.splitlines()] == [
        ["00:00:05Z", "web", "no-route"],
        ["00:00:07Z", "api", "no-route"],
        ["00:00:09Z", "web", "no-route"],
    ]
    assert "the egress sidecar of docs does not answer" in ran.err
    assert "bb routes suggest web" in ran.err and "bb routes suggest api" in ran.err


@pytest.mark.usefixtures("sidecars")
def test_the_limit_keeps_the_newest_of_all(made: Path) -> None:
    found = json.loads(denials(made, "--json", "--limit", "2").out)
    assert [(d["bottle"], d["at"]) for d in found["denials"]] == [("api", 7.0), ("web", 9.0)]
    assert found["bottle"] is None and found["unreachable"] == ["docs"]


@pytest.mark.usefixtures("sidecars")
def test_with_a_name_it_is_one_bottle_and_a_silent_one_is_an_error(made: Path) -> None:
    found = json.loads(denials(made, "web", "--json").out)
    assert (found["bottle"], [d["at"] for d in found["denials"]]) == ("web", [5.0, 9.0])
    assert "web" not in denials(made, "web").out
    silent = denials(made, "docs")
    assert silent.code == 1 and "BB1101" in silent.err


@pytest.mark.parametrize("junk", MISSHAPEN["denials"])
def test_a_hostile_answer_counts_as_none_and_hides_no_other(made: Path, junk: Any) -> None:
    good, bad = tells(made, "web", {"ok": True, "denials": [REFUSED]}), tells(made, "api", junk)
    found = json.loads(denials(made, "--json").out)
    assert [d["bottle"] for d in found["denials"]] == ["web"]
    assert found["unreachable"] == ["api", "docs"]
    good.close()
    bad.close()


def test_nothing_refused_is_said(made: Path) -> None:
    listener = tells(made, "web", {"ok": True, "denials": []})
    ran = denials(made)
    assert (ran.code, ran.out) == (0, "") and "no bottle that answers was refused" in ran.err
    listener.close()
