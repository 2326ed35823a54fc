"""``bb apply`` with nothing to do: what a watch took away in the meantime is approved no longer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from botbottle.cli.common import open_session
from botbottle.cli.context import Context
from botbottle.errors import Exit
from botbottle.load import load
from botbottle.locking import project_lock
from botbottle.model.bottle import Declared
from botbottle.model.paths import HomePaths
from botbottle.model.plan import Plan
from botbottle.session import Session
from tests.cli.applied import Bench
from tests.support.stub_engine import stub_engine

STOPPED, STARTED = "bottle: limited\nstate: stopped", "bottle: limited"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """It was applied while it was to run; it stands still on the engine."""
    with stub_engine(tmp_path) as engine:
        made = Bench(tmp_path, engine)
        made.applied()
        yield made


def needs(bench: Bench) -> set[str]:
    return {n["code"] for n in bench.plan()["notices"] if n["needs"] == "widen"} & {"BB301"}


def history(bench: Bench) -> list[str]:
    return [g["plan_digest"] for g in json.loads(bench.bb("history", "--json")[1])["generations"]]


def test_reach_that_is_gone_from_the_manifests_is_asked_for_again(bench: Bench) -> None:
    assert needs(bench) == set(), "the control: it was approved"
    bench.agent(STOPPED)
    code, _, err = bench.bb("apply", "--yes")
    assert code == Exit.OK and "+0 ~0 -0" in err and bench.engine.writes == []
    bench.agent(STARTED)
    assert needs(bench) == {"BB301"}
    assert history(bench) == ["d"], "it is no set that was applied"
    assert bench.bb("undo")[2].startswith("error"), "and nothing to go back to"


def test_while_somebody_else_works_nothing_waits_and_nothing_is_kept(bench: Bench) -> None:
    bench.agent(STOPPED)
    found = load(bench.home, bench.project).declared
    assert found is not None
    with project_lock(HomePaths(str(bench.home)).lock(found.project.id), "watch"):
        assert bench.bb("apply", "--yes")[0] == Exit.OK
    bench.agent(STARTED)
    assert needs(bench) == set()


def test_what_somebody_approved_since_the_plan_stays_approved(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another apply, of newer manifests, comes to its end between the plan of this one and what
    this one then has to say of approvals."""
    bench.agent(STOPPED)
    planned = Session.plan

    def plan(session: Session, declared: Declared, **options: Any) -> Plan:
        found = planned(session, declared, **options)
        monkeypatch.setattr(Session, "plan", planned)
        bench.agent(STARTED)
        bench.applied()
        return found

    monkeypatch.setattr(Session, "plan", plan)
    assert bench.bb("apply", "--yes")[0] == Exit.OK
    assert needs(bench) == set()


def test_of_bottles_that_were_left_out_everything_stays(bench: Bench) -> None:
    bench.agent(STOPPED)
    (bench.project / ".bot-bottle/agents/api.md").write_text(
        "---\nbottle: limited\nstate: stopped\n---\n"
    )
    assert bench.bb("apply", "--yes", "--only", "api")[0] == Exit.OK
    bench.agent(STARTED)
    assert needs(bench) == set()


def kept(bench: Bench) -> dict[str, Any]:
    found = load(bench.home, bench.project).declared
    assert found is not None
    context = Context(bench.home, bench.project, environ=bench.environ)
    return open_session(context).applied(found) or {}


def test_what_no_operation_shows_is_what_was_applied_all_the_same(bench: Bench) -> None:
    bench.agent(STOPPED)
    (bench.home / "settings.yml").write_text("max_deletes: 3\n")
    assert kept(bench)["settings"]["max_deletes"] != 3, "the control"
    assert bench.bb("apply", "--yes")[0] == Exit.OK
    assert kept(bench)["settings"]["max_deletes"] == 3
    assert [b["state"] for b in kept(bench)["bottles"]] == ["stopped"]
    before = kept(bench)
    assert bench.bb("apply", "--yes")[0] == Exit.OK and kept(bench) == before
    assert history(bench) == ["d"]


def test_a_selection_says_nothing_of_the_whole(bench: Bench) -> None:
    bench.agent(STOPPED)
    assert bench.bb("apply", "--only", "web", "--yes")[0] == Exit.OK
    assert [b["state"] for b in kept(bench)["bottles"]] == ["started"]
