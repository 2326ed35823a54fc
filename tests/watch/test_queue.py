"""The queue's three properties, and any interleaving of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from botbottle.watch.queue import WorkQueue


def test_a_key_added_often_is_taken_once() -> None:
    queue = WorkQueue()
    for _ in range(5):
        queue.add("a")
    queue.add("b")
    assert queue.take(0) == ("a", "b") and queue.take(0) == ()


def test_a_key_is_not_taken_twice_at_once() -> None:
    queue = WorkQueue()
    queue.add("a")
    assert queue.take(0) == ("a",)
    queue.add("a")
    assert queue.take(0) == ()


def test_a_key_added_while_it_is_worked_on_comes_once_more() -> None:
    queue = WorkQueue()
    queue.add("a")
    keys = queue.take(0)
    queue.add("a")
    queue.add("a")
    queue.done(keys)
    assert queue.take(0) == ("a",)
    queue.done(("a",))
    assert queue.take(0) == ()


@given(st.lists(st.tuples(st.sampled_from("atd"), st.sampled_from("xyz")), max_size=60))
def test_no_request_is_lost_whatever_the_interleaving(steps: list[tuple[str, str]]) -> None:
    queue = WorkQueue()
    busy: set[str] = set()
    owed: set[str] = set()
    for step, key in steps:
        if step == "a":
            queue.add(key)
            owed.add(key)
        elif step == "t":
            taken = queue.take(0)
            assert not busy & set(taken) and len(set(taken)) == len(taken)
            assert set(taken) == owed - busy
            owed -= set(taken)
            busy |= set(taken)
        elif key in busy:
            busy.discard(key)
            queue.done((key,))
    queue.done(busy)
    assert set(queue.take(0)) == owed
