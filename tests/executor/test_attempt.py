"""One op: tried again where that may help, and written down before and after."""

from __future__ import annotations

from botbottle.engine.fake import FakeEngine
from botbottle.errors import BBError, EngineError, EngineUnreachable, LedgerUnavailable, Transient
from botbottle.model.plan import (
    CreateNetwork,
    Ref,
)
from botbottle.ui import events
from tests.executor.ops import base, broken, failing, groups, retire, stop
from tests.support.engines import Lab
from tests.support.executing import Bench


def test_what_may_pass_is_tried_again_with_growing_pauses(lab: Lab, bench: Bench) -> None:
    failing(lab, lambda: Transient("busy", delay=0.5), "a", times=3)
    assert bench.run(stop("a")).ok
    assert bench.clock.slept == [0.5, 1.0, 2.0]
    assert [e.attempt for e in bench.of(events.OpRetried)] == [1, 2, 3]
    assert bench.ledger.outcomes() == {"a": "done"}


def test_what_does_not_pass_is_a_failure_after_four_tries(lab: Lab, bench: Bench) -> None:
    failing(lab, lambda: Transient("busy"), "a")
    assert groups(bench.run(stop("a"), stop("x"))) == (["x"], ["a"], [])
    assert len(bench.of(events.OpRetried)) == 3


def test_a_permanent_failure_is_not_tried_again(lab: Lab, bench: Bench) -> None:
    failing(lab, broken, "a")
    bench.run(stop("a"))
    assert bench.clock.slept == []


def test_an_answer_that_got_lost_does_no_harm_as_every_op_may_be_repeated(
    lab: Lab, bench: Bench
) -> None:
    assert isinstance(lab.engine, FakeEngine)
    lab.engine.faults.fail_at, lab.engine.faults.fail_after = 1, True
    lab.engine.faults.fail_with = lambda: EngineUnreachable("connection broke")
    spec = lab.network()
    op = CreateNetwork(**base("n"), spec=spec, labels=lab.labels("internal", spec.spec_hash))  # type: ignore[arg-type]
    assert bench.run(op).ok
    assert len(lab.engine.world.networks) == 1


def test_the_journal_has_an_intent_before_each_op_and_its_outcome_after(
    lab: Lab, bench: Bench
) -> None:
    seen: list[str] = []

    def look(_m: str, args: tuple[object, ...]) -> BBError | None:
        seen.append(bench.ledger.entries[-1][5])
        return EngineError("bad") if args[0] == Ref("b") else None

    assert isinstance(lab.engine, FakeEngine)
    lab.engine.faults.fail_when = look
    bench.run(stop("a"), stop("b"), stop("c", "b"))
    assert seen == ["", ""]  # at the moment of the call: intent there, outcome not
    assert bench.ledger.outcomes() == {"a": "done", "b": "failed"}
    assert bench.ledger.entries[0][:5] == ["run1", "test", "StopContainer", "a", "web/a"]
    assert bench.ledger.entries[1][6] == "BB8000: bad"


def test_what_cannot_be_recorded_is_not_done(lab: Lab, bench: Bench) -> None:
    def refuse(*_args: object, **_more: object) -> int:
        raise LedgerUnavailable("database is locked")

    bench.ledger.intent = refuse  # type: ignore[method-assign]
    result = bench.run(retire("a"), retire("b"))
    assert groups(result) == ([], ["a"], ["b"]) and bench.ledger.calls == []
    assert lab.engine.calls == []  # type: ignore[attr-defined]


def test_an_outcome_that_cannot_be_recorded_is_a_warning_as_the_op_is_done(
    lab: Lab, bench: Bench
) -> None:
    def refuse(*_args: object) -> None:
        raise LedgerUnavailable("database is locked")

    bench.ledger.outcome = refuse  # type: ignore[method-assign]
    assert bench.run(stop("a"), stop("b")).ok
    assert [e.level for e in bench.of(events.Note)] == ["warning", "warning"]
