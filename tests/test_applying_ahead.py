"""What an apply keeps as approved is written out in the wait for what was started to stay up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from botbottle.applying import carry_out
from botbottle.errors import EngineError
from botbottle.executor import Result
from botbottle.generations import generation
from botbottle.model.bottle import Declared
from botbottle.model.plan import Plan
from tests.test_applying import A, C, Desk, desk, done, fails

__all__ = ["desk"]  # the fixture


def applied(desk: Desk, now: Declared, execute: Callable[..., Result]) -> Plan:
    plan = desk.plan(now)
    desk.patch.setattr("botbottle.applying.execute", execute)
    stubs: Any = {"engine": None, "control": None, "emit": lambda _: None}
    carry_out(desk.session, now, plan, ledger=desk.ledger, **stubs)
    return plan


@pytest.mark.parametrize("stays", [True, False])
def test_what_is_written_out_ahead_is_kept_only_if_all_stays_up(desk: Desk, stays: bool) -> None:
    """The generation is made in the wait for that; what it says counts for a whole apply only."""
    now, made = desk.want((A, C)), len(desk.digests())

    def execute_(plan: Plan, *_: Any, meanwhile: Callable[[], None], **__: Any) -> Result:
        meanwhile()
        assert desk.digests()[0] == "", "what was taken away is no longer approved, and no more is"
        desk.patch.setattr("botbottle.applying.generation", again)
        return done(plan) if stays else fails("api")(plan)

    def again(*given: Any) -> str:
        assert not stays, "it is written out already"
        return generation(*given)

    plan = applied(desk, now, execute_)
    assert desk.hosts("web") == {A.host, C.host}
    assert desk.hosts("api") == ({A.host, C.host} if stays else {A.host})
    assert desk.digests()[0] == (plan.digest if stays else "") and len(desk.digests()) == made + 2


def test_what_cannot_be_written_out_ahead_is_written_out_at_the_end(desk: Desk) -> None:
    now, tries = desk.want((A, C)), []

    def execute_(plan: Plan, *_: Any, meanwhile: Callable[[], None], **__: Any) -> Result:
        meanwhile()
        return done(plan)

    def once_refused(*given: Any) -> str:
        tries.append(given)
        if len(tries) == 1:
            raise EngineError("no")
        return generation(*given)

    desk.patch.setattr("botbottle.applying.generation", once_refused)
    plan = applied(desk, now, execute_)
    assert len(tries) == 2 and desk.digests()[0] == plan.digest
