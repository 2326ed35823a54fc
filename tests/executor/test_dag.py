"""The order of ops: dependencies first, plan order otherwise, and every op exactly once."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.executor.dag import Dag
from botbottle.model.plan import Op, RetireAccount


def op(name: str, *after: str) -> Op:
    return RetireAccount(id=name, resource=name, bottle="", reason="x", after=after, account=name)


def taken(dag: Dag) -> list[str]:
    found = []
    while (next_op := dag.take()) is not None:
        found.append(next_op.id)
    return found


def test_ops_without_dependencies_come_in_plan_order() -> None:
    assert taken(Dag([op("b"), op("a"), op("c")])) == ["b", "a", "c"]


def test_a_dependent_waits_for_all_it_needs() -> None:
    ops = [op("a"), op("b"), op("c", "a", "b")]
    dag = Dag(ops)
    assert taken(dag) == ["a", "b"]
    dag.done(ops[0])
    assert dag.take() is None
    dag.done(ops[1])
    assert taken(dag) == ["c"]


def test_a_failure_blocks_what_depends_on_it_directly_or_not_and_nothing_else() -> None:
    ops = [op("a"), op("x"), op("b", "a"), op("c", "b", "x"), op("y", "x")]
    dag = Dag(ops)
    assert taken(dag) == ["a", "x"]
    assert [o.id for o in dag.failed(ops[0])] == ["b", "c"]
    dag.done(ops[1])
    assert taken(dag) == ["y"]
    assert dag.rest() == []


def test_an_op_put_back_is_taken_again() -> None:
    dag = Dag([op("a"), op("b")])
    first = dag.take()
    assert first is not None
    dag.put_back(first)
    assert [o.id for o in dag.rest()] == ["a", "b"]
    assert taken(dag) == ["a", "b"]


@pytest.mark.parametrize(
    "ops",
    [
        [op("a"), op("a")],
        [op("a", "nobody")],
        [op("a", "b"), op("b", "a")],
        [op("a", "a")],
        [op("s"), op("a", "s", "c"), op("b", "a"), op("c", "b")],
    ],
    ids=["same id", "unknown", "cycle", "itself", "long cycle"],
)
def test_a_damaged_plan_is_refused_before_anything_starts(ops: list[Op]) -> None:
    with pytest.raises(ValueError, match="plan"):
        Dag(ops)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_any_graph_is_walked_once_in_a_valid_order(seed: int, size: int) -> None:
    rng = random.Random(seed)
    names = [f"op{n}" for n in range(size)]
    ops = [op(n, *(p for p in names[:i] if rng.random() < 0.3)) for i, n in enumerate(names)]
    rng.shuffle(ops)
    dag, running, seen = Dag(ops), list[Op](), list[str]()
    while True:
        while rng.random() < 0.7 and (found := dag.take()) is not None:
            assert set(found.after) <= set(seen)
            running.append(found)
        if running:
            finished = running.pop(rng.randrange(len(running)))
            seen.append(finished.id)
            dag.done(finished)
        elif (found := dag.take()) is None:
            break
        else:
            running.append(found)
    assert sorted(seen) == sorted(names)
