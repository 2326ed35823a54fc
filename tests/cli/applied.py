"""A home and a repository as an apply left them, with a ledger, on an engine that owns nothing."""

from __future__ import annotations

import contextlib
import io
import json
import os
import unittest.mock
from pathlib import Path
from typing import Any

from botbottle.budget.counting import counted_classes
from botbottle.cli.app import main
from botbottle.cli.common import open_session
from botbottle.cli.context import Context
from botbottle.generations import generation
from botbottle.load import load
from botbottle.model.paths import account
from tests.load.homes import write
from tests.support.stub_engine import StubEngine

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
            count=counted_classes(found.settings),
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
