"""Findings: what to copy into a route's list, who let a value pass; of one bottle or of all that
the project has or had."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from botbottle.cli.documents.records import Found
from botbottle.cli.findings import line
from botbottle.ledger import open_ledger
from botbottle.model.paths import HomePaths
from tests.cli.homes import ENGINE, home
from tests.cli_manifests.run import Ran, bb


def found(**data: Any) -> Found:
    return Found(bottle="web", id=1, account="home/web", at=0.0, kind="finding", data=data)


ROW = found(rule="github.token", fingerprint="b5b794c21f0a9d33")
SHOWN = "fingerprint=b5b794c21f0a9d33  rule=github.token\n"


def test_the_fingerprint_can_be_copied() -> None:
    assert line(ROW) == f"1970-01-01 00:00:00Z  {SHOWN}"
    assert line(ROW, named=True) == f"1970-01-01 00:00:00Z  web  {SHOWN}"


def test_who_let_it_pass_is_said_last() -> None:
    row = found(rule="r", allowed_by="the route: fixture, until 2027-01-31")
    assert line(row).endswith("rule=r  allowed by the route: fixture, until 2027-01-31\n")


def test_a_reason_sends_no_control_characters_to_the_terminal() -> None:
    assert "\x1b" not in line(found(allowed_by="\x1b[2J"))


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Findings of web, of a bottle that is not declared any more, and of another project."""
    there = home(tmp_path)
    with closing(open_ledger(HomePaths(str(there)).ledger_db)) as ledger:
        for number, name in enumerate(("home/web", "home/gone", "other-1/web", "home/web")):
            ledger.register(name, (), mode="nearest", count=(), agent=name, ancestry=())
            ledger.record_event(name, "finding", {"rule": f"r{number}"}, now=float(number))
            ledger.record_event(name, "denial", {"code": "no-route"}, now=float(number))
        ledger.retire("home/gone")
    return there


def findings(made: Path, *words: str) -> Ran:
    return bb("--home", str(made), "-C", str(made), "findings", *words, DOCKER_HOST=ENGINE)


def test_without_a_name_it_is_the_whole_project_and_no_other(made: Path) -> None:
    document = json.loads(findings(made, "--json").out)
    rows = [(f["bottle"], f["data"]["rule"]) for f in document["findings"]]
    assert rows == [("web", "r0"), ("gone", "r1"), ("web", "r3")] and document["bottle"] is None
    lines = findings(made).out.splitlines()
    assert [told.split()[2] for told in lines] == ["web", "gone", "web"]


def test_alarms_are_among_them_and_marked(made: Path) -> None:
    with closing(open_ledger(HomePaths(str(made)).ledger_db)) as ledger:
        told = {"code": "estimated", "message": "usage could only be estimated: unknown dialect"}
        ledger.record_event("home/web", "alarm", told, now=9.0)
    document = json.loads(findings(made, "--json").out)
    assert [f["kind"] for f in document["findings"]] == ["finding"] * 3 + ["alarm"]
    last = findings(made, "web").out.splitlines()[-1]
    assert "alarm  code=estimated  message=usage could only be estimated: unknown dialect" in last


def test_the_limit_keeps_the_newest_of_all(made: Path) -> None:
    document = json.loads(findings(made, "--json", "--limit", "2").out)
    assert [f["data"]["rule"] for f in document["findings"]] == ["r1", "r3"]


def test_with_a_name_it_is_one_bottle(made: Path) -> None:
    document = json.loads(findings(made, "web", "--json").out)
    rows = [(f["bottle"], f["data"]["rule"]) for f in document["findings"]]
    assert rows == [("web", "r0"), ("web", "r3")] and document["bottle"] == "web"
    assert findings(made, "gone").code == 64
