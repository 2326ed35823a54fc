"""``bb apply`` and ``bb plan`` on a repository's edit that leaves its agent without its budget."""

from __future__ import annotations

import contextlib
import io
import json
import os
import unittest.mock
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from botbottle.applying import generation
from botbottle.cli.app import main
from botbottle.cli.common import open_session
from botbottle.cli.context import Context
from botbottle.load import load
from botbottle.model.paths import account
from botbottle.planner.account import counted
from tests.load.homes import write
from tests.support.stub_engine import StubEngine, stub_engine

POLICY = "agent_provider: {template: claude}\nsupervise: false"
BOTTLES = {"bottles/limited": f"{POLICY}\nbudget: {{claude: 1M}}", "bottles/unlimited": POLICY}


class Bench:
    """A home and a repository whose agent was applied with the limited bottle."""

    def __init__(self, work: Path, engine: StubEngine) -> None:
        self.home, self.project, self.engine = work / "home", work / "repo", engine
        self.environ = {"DOCKER_HOST": engine.url, "HOME": str(work), "ANTHROPIC_API_KEY": "sk-1"}
        write(self.home, BOTTLES)
        self.agent("bottle: limited")

    def agent(self, text: str) -> None:
        write(self.project / ".bot-bottle", {"agents/web": text})

    def applied(self) -> None:
        """What an apply leaves in the ledger."""
        found = load(self.home, self.project).declared
        assert found is not None
        (spec,) = found.bottles
        context = Context(self.home, self.project, environ=self.environ, out=io.StringIO())
        session = open_session(context)
        ledger = session.open_ledger(found, write=True)
        ledger.register(
            account(spec.project, spec.name),
            spec.scopes,
            mode=spec.budget_mode(found.settings.budget_mode),
            count=counted(found.settings),
            agent=f"{spec.project}/{spec.agent}",
            ancestry=spec.ancestry,
        )
        kept = generation(session, found, ())
        ledger.save_generation(found.project.id, kept, plan_digest="d", by="ann", now=1.0)
        ledger.close()
        session.close()

    def bb(self, *args: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            unittest.mock.patch.dict(os.environ, self.environ, clear=True),
        ):
            code = main(["--home", str(self.home), "-C", str(self.project), *args])
        return code, out.getvalue(), err.getvalue()

    def plan(self, *args: str) -> dict[str, Any]:
        return dict(json.loads(self.bb("plan", "--json", *args)[1]))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with stub_engine(tmp_path) as engine:
        made = Bench(tmp_path, engine)
        made.applied()
        yield made


def test_the_same_again_asks_for_no_budget(bench: Bench) -> None:
    assert "BB310" not in json.dumps(bench.plan())


@pytest.mark.parametrize("text", ["bottle: unlimited", "bottle: unlimited\nbudget: {claude: 2M}"])
def test_a_repository_that_leaves_the_limited_bottle_needs_the_budgets_approval(
    bench: Bench, text: str
) -> None:
    bench.agent(text)
    (notice,) = (n for n in bench.plan()["notices"] if n["code"] == "BB310")
    assert notice["needs"] == "budget"
    assert "of bottle:limited from 1,000,000 to" in notice["message"]
    code, _, err = bench.bb("apply", "--yes", "--allow", "widen")
    assert code == 7 and "needs approval to budget" in err and bench.engine.writes == []


def test_a_launch_with_a_larger_limit_does_too(bench: Bench) -> None:
    code, _, err = bench.bb("apply", "--yes", "--allow", "widen", "--budget", "claude=1G")
    assert code == 7 and "budget" in err and bench.engine.writes == []
    assert "BB310" not in json.dumps(bench.plan("--budget", "claude=1k")), "the control"


def test_settings_that_count_less_do_too(bench: Bench) -> None:
    (bench.home / "settings.yml").write_text("count: {cache_read: false}\n")
    assert "it no longer counts cache_read" in json.dumps(bench.plan())
    assert bench.bb("apply", "--yes", "--allow", "widen")[0] == 7
