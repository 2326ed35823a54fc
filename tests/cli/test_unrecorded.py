"""An order that the ledger refuses stops its bottles all the same, and says what that is worth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.cli.run import Run
from botbottle.cli.unrecorded import read_or_without, stop_anyway, supposed
from botbottle.errors import EngineUnreachable, LedgerCorrupt, LedgerUnavailable
from botbottle.executor import Result
from botbottle.executor.api import NotStarted
from botbottle.model.bottle import Policy
from botbottle.model.ledger_view import HoldRecord, LedgerView
from botbottle.model.plan import Plan, RemoveContainer, RemoveVolume, StopContainer
from botbottle.planner.plan import plan
from botbottle.reading import Unusable
from tests.cli.fakes import err, run
from tests.support.worlds import FACTS, World, bottle, declared

WANT = declared(bottle("web"), bottle("db"))
FULL = LedgerUnavailable("database or disk is full")


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """An order for ``web`` of two bottles that run."""
    world = World()
    world.converge(WANT)
    made = replace(run(monkeypatch, world=world, want=WANT), only=("web",))

    def planned(want: Any, *, only: tuple[str, ...], view: LedgerView) -> Plan:
        return plan(want, world.observed, view, replace(FACTS, only=only))

    made.session.plan = planned  # type: ignore[method-assign,assignment]
    made.session.paths = SimpleNamespace(lock=lambda _: str(tmp_path / "lock"))  # type: ignore[assignment]
    return made


def test_a_kill_is_what_it_would_remove_and_of_no_other_bottle(order: Run) -> None:
    ops = supposed(order, "kill").ops
    assert {op.bottle for op in ops} == {"web"}
    assert {RemoveContainer, RemoveVolume} <= {type(op) for op in ops}
    assert "web/account" not in {op.resource for op in ops}


def test_a_freeze_is_only_its_stop(order: Run) -> None:
    (stop,) = supposed(order, "freeze").ops
    assert isinstance(stop, StopContainer) and stop.kill and stop.resource == "web/agent"
    assert stop.reason != "frozen", "it asks for no room for a snapshot that is not taken"


def test_what_is_killed_already_stays_killed(order: Run) -> None:
    view = order.session.view(WANT)
    kill = HoldRecord("proj-1/web", "kill", "operator", "", "h", 1.0)
    order.session.view = lambda _: replace(view, holds={"proj-1/web": kill})  # type: ignore[method-assign,assignment]
    assert RemoveContainer in {type(op) for op in supposed(order, "freeze").ops}


def executed(
    order: Run, monkeypatch: pytest.MonkeyPatch, end: Callable[[Plan], Result]
) -> list[Any]:
    seen: list[Any] = []

    def execute(self: Run, made: Plan, *_: object, refusal: object) -> Result:
        seen.append((made, refusal, self.approves))
        return end(made)

    monkeypatch.setattr(Run, "execute", execute)
    return seen


@pytest.mark.parametrize(
    ("policy", "words"),
    [("kill", "web: removed; it is not recorded"), ("freeze", "web: stopped, but no snapshot")],
)
def test_it_is_carried_out_and_told_to_be_repeated(
    order: Run, monkeypatch: pytest.MonkeyPatch, policy: Policy, words: str
) -> None:
    seen = executed(order, monkeypatch, lambda made: Result(done=made.ops))
    stop_anyway(order, policy, FULL)
    assert [refusal for _, refusal, _ in seen] == [FULL]
    told = err(order)
    assert words in told and "repeat it once the ledger takes it" in told
    assert "bb apply, or a watch, would start it again" in told


def test_what_did_not_work_is_told_as_well(order: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    executed(
        order, monkeypatch,
        lambda made: Result(not_started=tuple(NotStarted(op, "interrupted") for op in made.ops)),
    )  # fmt: skip
    stop_anyway(order, "kill", FULL)
    assert "not all of it stopped" in err(order)

    def gone(_made: Plan) -> Result:
        raise EngineUnreachable("no engine answers")

    executed(order, monkeypatch, gone)
    stop_anyway(order, "kill", FULL)
    assert "cut off for now, not stopped" in err(order) and "no engine answers" in err(order)


def test_a_cutoff_has_been_done_already(order: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = executed(order, monkeypatch, lambda made: Result())
    stop_anyway(order, "cutoff", FULL)
    assert seen == [] and "web: cut off for now; it is not recorded" in err(order)


def test_a_ledger_that_cannot_be_read_stops_no_order(
    order: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = executed(order, monkeypatch, lambda made: Result(done=made.ops))
    damaged = LedgerCorrupt("the ledger is damaged")
    views = iter([damaged])

    def view(_: object) -> LedgerView:
        if (refusal := next(views, None)) is not None:
            raise refusal
        return LedgerView(now=1.0)

    def without(refusal: object) -> None:
        order.session.refusal = refusal  # type: ignore[assignment]

    order.session.view = view  # type: ignore[method-assign,assignment]
    order.session.without_ledger = without  # type: ignore[method-assign,assignment]
    stop_anyway(order, "kill", damaged)
    assert order.session.refusal is damaged and len(seen) == 1
    assert "web: removed; it is not recorded" in err(order)


def test_what_stands_for_an_unusable_ledger_takes_nothing() -> None:
    damaged = LedgerCorrupt("the ledger is damaged")
    for use in (lambda ledger: ledger.hold("a", "kill"), lambda ledger: ledger.intent("r", "p")):
        with pytest.raises(LedgerCorrupt):
            use(Unusable(damaged))


def test_a_ledger_that_is_only_out_of_reach_is_no_reason_to_destroy_without_it(
    order: Run,
) -> None:
    def view(_: object) -> LedgerView:
        raise FULL

    order.session.view = view  # type: ignore[method-assign,assignment]
    with pytest.raises(LedgerUnavailable):
        read_or_without(order.session, WANT, (LedgerCorrupt,))
    assert order.session.refusal is None
