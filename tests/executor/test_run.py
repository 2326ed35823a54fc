"""How a plan is walked: isolation of failures, interruption, fencing, events."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.engine.fake import FakeEngine
from botbottle.model.plan import (
    EnsureImage,
    Op,
    Ref,
    RemoveContainer,
    RemoveNetwork,
)
from botbottle.ui import events
from tests.executor.ops import base, broken, failing, groups, retire, stop
from tests.support.engines import Lab, fake_lab
from tests.support.executing import Bench


@pytest.mark.parametrize("parallel", [1, 4])
def test_a_failure_stops_its_own_branch_and_no_other(lab: Lab, bench: Bench, parallel: int) -> None:
    failing(lab, broken, "b")
    result = bench.run(
        stop("a"), stop("b", "a"), stop("c", "b"), stop("x"), stop("y", "x"), parallel=parallel
    )
    assert groups(result) == (["a", "x", "y"], ["b"], ["c"])
    assert (result.ok, result.interrupted) == (False, False)
    assert (result.not_started[0].why, result.not_started[0].by) == ("blocked", "b")
    assert result.failed[0].error.hint == "try again"


def test_fail_fast_starts_nothing_after_a_failure(lab: Lab, bench: Bench) -> None:
    failing(lab, broken, "a")
    result = bench.run(stop("a"), stop("x"), stop("y"), fail_fast=True)
    assert groups(result) == ([], ["a"], ["x", "y"])
    assert {n.why for n in result.not_started} == {"fail-fast"}


def test_a_best_effort_failure_is_reported_and_blocks_nothing(lab: Lab, bench: Bench) -> None:
    failing(lab, broken, "a")
    result = bench.run(stop("a", best_effort=True), stop("b", "a"), fail_fast=True)
    assert groups(result) == (["b"], ["a"], [])
    assert result.ok


def test_an_engine_that_is_gone_ends_the_run(lab: Lab, bench: Bench) -> None:
    assert isinstance(lab.engine, FakeEngine)
    lab.engine.up = False
    result = bench.run(stop("a"), stop("b"), stop("c"))
    assert groups(result) == ([], ["a"], ["b", "c"])
    assert result.failed[0].error.code == "BB8001"


def test_an_interruption_finishes_what_is_in_flight_and_starts_no_other(
    lab: Lab, bench: Bench
) -> None:
    def image(name: str) -> Op:
        return EnsureImage(**base(name), recipe=name, tag=name)  # type: ignore[arg-type]

    inside, go_on = threading.Barrier(3, timeout=10), threading.Event()

    def slow(recipe: str, tag: str, progress: object) -> None:
        inside.wait()
        go_on.wait(10)
        bench.images.built.append(tag)

    bench.images.ensure = slow  # type: ignore[method-assign]

    def interrupt() -> None:
        inside.wait()
        bench.cancel = True
        go_on.set()

    thread = threading.Thread(target=interrupt)
    thread.start()
    result = bench.run(image("a"), image("b"), image("c"), image("d"), parallel=2)
    thread.join()
    assert groups(result) == (["a", "b"], [], ["c", "d"])
    assert sorted(bench.images.built) == ["a", "b"]
    assert result.interrupted
    assert bench.ledger.outcomes() == {"a": "done", "b": "done"}


def test_an_interruption_before_the_start_does_nothing(lab: Lab, bench: Bench) -> None:
    bench.cancel = True
    assert groups(bench.run(retire("a"), retire("b"))) == ([], [], ["a", "b"])
    assert (bench.ledger.calls, bench.ledger.entries) == ([], [])


def test_a_fence_that_falls_lets_nothing_start_any_more(lab: Lab, bench: Bench) -> None:
    asked: list[int] = []

    def fence() -> bool:
        asked.append(1)
        return len(asked) <= 2

    result = bench.run(retire("a"), retire("b"), retire("c"), fence=fence)
    assert groups(result) == (["a", "b"], [], ["c"])
    assert [n.why for n in result.not_started] == ["fenced"]


def test_a_bug_in_an_op_is_not_swallowed_and_starts_nothing_else(lab: Lab, bench: Bench) -> None:
    def crash(account: str) -> None:
        raise ZeroDivisionError

    bench.ledger.retire = crash  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        bench.run(retire("a"), stop("b"))
    assert lab.engine.calls == []  # type: ignore[attr-defined]
    assert bench.ledger.outcomes() == {"a": ""}


def test_events_tell_the_whole_story_in_order(lab: Lab, bench: Bench) -> None:
    failing(lab, broken, "b")
    bench.run(stop("a"), stop("b"), stop("c", "b"))
    assert [type(e).__name__ for e in bench.events] == [
        "RunStarted", "OpStarted", "OpDone", "OpStarted", "OpFailed", "OpBlocked", "RunDone",
    ]  # fmt: skip
    failed = bench.of(events.OpFailed)[0]
    assert (failed.op_id, failed.op, failed.resource, failed.bottle, failed.code) == (
        "b", "StopContainer", "web/b", "web", "BB8000",
    )  # fmt: skip
    wire = events.to_wire(bench.events[-1])
    assert wire["type"] == "RunDone"
    assert (wire["done"], wire["failed"], wire["not_started"]) == (1, 1, 1)


def test_independent_ops_run_at_the_same_time(lab: Lab, bench: Bench) -> None:
    together = threading.Barrier(3, timeout=10)
    bench.ledger.retire = lambda account: together.wait()  # type: ignore[method-assign,assignment,return-value]
    assert bench.run(retire("a"), retire("b"), retire("c"), parallel=3).ok


def test_an_empty_plan_writes_nothing_at_all(lab: Lab, bench: Bench) -> None:
    result = bench.run()
    assert (result.ok, groups(result)) == (True, ([], [], []))
    assert (lab.engine.calls, bench.ledger.entries) == ([], [])  # type: ignore[attr-defined]


def test_removing_what_is_gone_is_done(lab: Lab, bench: Bench) -> None:
    result = bench.run(
        RemoveContainer(**base("c"), ref=Ref("c", "f" * 64)),  # type: ignore[arg-type]
        RemoveNetwork(**base("n"), ref=Ref("n", "e" * 64)),  # type: ignore[arg-type]
    )
    assert result.ok


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 14), st.integers(1, 4))
def test_whatever_fails_every_op_ends_in_one_group_and_only_for_a_reason(
    seed: int, size: int, parallel: int
) -> None:
    rng = random.Random(seed)
    names = [f"op{n}" for n in range(size)]
    ops = {
        n: stop(n, *(p for p in names[:i] if rng.random() < 0.3), best_effort=rng.random() < 0.2)
        for i, n in enumerate(names)
    }
    bad = {n for n in names if rng.random() < 0.25}
    lab = fake_lab()
    failing(lab, broken, *bad)
    plan = list(ops.values())
    rng.shuffle(plan)
    done, failed, rest = groups(result := Bench(lab.engine).run(*plan, parallel=parallel))
    assert sorted([*done, *failed, *rest]) == sorted(names)
    assert set(failed) == bad - set(rest)
    stops = {n for n in failed if not ops[n].best_effort} | set(rest)
    assert {n for n in names if set(ops[n].after) & stops} == set(rest)
    assert all(n.by in failed for n in result.not_started)
    called = [c.args[0].name for c in lab.engine.calls]  # type: ignore[attr-defined]
    assert all(called.index(a) < called.index(n) for n in called for a in ops[n].after)
