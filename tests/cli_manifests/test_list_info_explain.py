"""``bb list``, ``bb info`` and ``bb explain``: what there is, and where a value comes from."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from botbottle.cli.context import Context
from botbottle.cli.explain import explain_query
from botbottle.cli.info import show_info
from botbottle.cli.list import show_list
from botbottle.errors import ManifestError, UsageError
from tests.cli_manifests.run import bb
from tests.load.homes import BASE, write


def at(home: Path, out: io.StringIO | None = None, err: io.StringIO | None = None) -> Context:
    """In ``home``, with what is written kept."""
    return Context(home, home, environ={}, out=out or io.StringIO(), err=err or io.StringIO())


def test_the_list_shows_broken_files_and_what_is_active(home: Path) -> None:
    write(home, {"agents/broken": "bottle: ["})
    out = io.StringIO()
    active = {"web": "running", "web-2": "exited", "stranger": "running"}
    show_list(at(home, out), active, as_json=False)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines[:3] == [
        ["agent", "api", "home", "-"],
        ["agent", "broken", "home", "-"],
        ["agent", "web", "home", "web", "running,", "web-2", "exited"],
    ]
    assert [line[:2] for line in lines[3:]] == [["bottle", "base"], ["bottle", "top"]]


def test_the_list_as_a_document_and_without_an_engine(home: Path) -> None:
    ran = bb("--home", str(home), "list", "--json", cwd=home, DOCKER_HOST="unix:///nonexistent")
    rows = json.loads(ran.out)["rows"]
    assert ran.code == 0
    assert [(r["name"], r["active"]) for r in rows if r["kind"] == "agent"] == [
        ("api", None),
        ("web", None),
    ]


def test_info_shows_every_value_with_its_place(home: Path) -> None:
    out = io.StringIO()
    assert show_info("web-2", at(home, out), as_json=False) == 0
    text = out.getvalue()
    assert "made of   top < base" in text
    assert "shutdown = freeze" in text
    assert "home:bottles/top.md:3 (+1 overridden)" in text
    document = io.StringIO()
    show_info("web-2", at(home, document), as_json=True)
    values = {v["path"]: v for v in json.loads(document.getvalue())["values"]}
    assert values["shutdown"]["winner"]["file"] == str(home / "bottles/top.md")
    assert values["shutdown"]["overridden"][0]["value"] == "kill"


def test_explain_prints_winners_and_losers(home: Path) -> None:
    out = io.StringIO()
    explain_query("web.shutdown", at(home, out), as_json=False)
    assert out.getvalue() == (
        "shutdown = freeze\n    home:bottles/top.md:3\n    overrides home:bottles/base.md:3  kill\n"
    )


def test_explain_and_info_do_not_mind_a_broken_neighbour_but_do_mind_their_own(
    home: Path,
) -> None:
    write(home, {"agents/broken": "bottle: [", "bottles/bad": "x: 1"})
    assert explain_query("api.state", at(home), as_json=True) == 0
    write(home, {"bottles/base": "shutdown: 3"})
    err = io.StringIO()
    with pytest.raises(ManifestError):
        show_info("api", at(home, err=err), as_json=False)
    assert "BB2104" in err.getvalue()
    with pytest.raises(UsageError) as caught:
        show_info("wob", at(home), as_json=False)
    assert "web" in caught.value.hint


def test_exit_codes_of_the_reading_verbs(home: Path) -> None:
    where = ("--home", str(home))
    assert bb(*where, "info", "web", cwd=home).code == 0
    assert bb(*where, "info", "nobody", cwd=home).code == 64
    assert bb(*where, "explain", "web.nope", cwd=home).code == 64
    write(home, {"bottles/base": "shutdown: 3"})
    assert bb(*where, "info", "web", cwd=home).code == 3


def test_what_a_repository_writes_steers_no_terminal(tmp_path: Path) -> None:
    home = write(
        tmp_path / "home",
        {
            "bottles/dev": BASE,
            "agents/web": 'bottle: dev\nrun: headless\ntask: "\\e[2J\\u202ex\\n  made-up = 1"',
        },
    )
    for verb in (("info", "web"), ("explain", "web.task")):
        shown = bb("--home", str(home), *verb).out
        assert "\\u001b[2J\\u202ex\\u000a  made-up" in shown
        assert all(c.isprintable() or c == "\n" for c in shown)
