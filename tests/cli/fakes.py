"""A run on a world in memory: everything before the first write, nothing after it."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botbottle.cli.consent import Consent
from botbottle.cli.context import Context
from botbottle.cli.run import Run
from botbottle.model.bottle import Declared
from tests.support.worlds import World, declared


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Reached(Exception):
    """The approvals were enough: the locked part would begin."""


def context(answer: str | None = None) -> Context:
    """A context in memory; ``answer`` is typed on a terminal."""
    stdin = Terminal(answer) if answer is not None else io.StringIO()
    err = Terminal() if answer is not None else io.StringIO()
    return Context(Path("/h"), Path("/c"), environ={}, out=io.StringIO(), err=err, stdin=stdin)


def session(world: World, want: Declared) -> Any:
    paths = SimpleNamespace(lock=lambda _project: "/nonexistent/lock")
    return SimpleNamespace(
        plan=lambda *_, **__: world.plan(want),
        view=lambda _: world.view,
        revision=lambda _: 0,
        applied=lambda _: None,
        newest=lambda _: None,
        refusal=None,
        paths=paths,
    )


def run(
    monkeypatch: pytest.MonkeyPatch,
    answer: str | None = None,
    *,
    world: World | None = None,
    want: Declared | None = None,
    **settings: Any,
) -> Run:
    """A run of apply; unless told otherwise, its plan creates one bottle."""
    want = want or declared(**settings)
    made = Run(context(answer), session(world or World(), want), want, "apply")

    def locked(*_: Any, **__: Any) -> int:
        raise Reached

    monkeypatch.setattr(Run, "locked", locked)
    return made


def go(made: Run, **consent: Any) -> int:
    return made.go(Consent(**consent))


def out(made: Run) -> str:
    return made.context.out.getvalue()  # type: ignore[attr-defined,no-any-return]


def err(made: Run) -> str:
    return made.context.err.getvalue()  # type: ignore[attr-defined,no-any-return]
