"""Who waits for whom when work is shared out in turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from mitmproxy.proxy import commands

from botbottle.sidecar.egress.turns import FEW, LITTLE, READ, STEPS, Breath, Turns, paced


class Loop:
    """Turns as an event loop has them."""

    def __init__(self) -> None:
        self.due: deque[Callable[[], None]] = deque()
        self.turns = Turns(self.due.append)

    def turn(self) -> None:
        self.due.popleft()()


class TestTurns:
    """Who waits for whom."""

    def test_the_turn_is_over_after_so_much_and_begins_anew_in_the_next(self) -> None:
        loop = Loop()
        loop.turns.spend(STEPS // 2 - 1)
        assert not loop.due, "little work is not told to the loop"
        loop.turns.spend(STEPS // 2)
        assert not loop.turns.over and len(loop.due) == 1
        loop.turns.spend(1)
        assert loop.turns.over and len(loop.due) == 1
        loop.turn()
        assert not loop.turns.over and not loop.due

    def test_work_that_others_have_turns_between_never_waits(self) -> None:
        loop = Loop()
        for _ in range(100):
            loop.turns.spend(STEPS - 1)
            assert not loop.turns.over
            loop.turn()

    def test_those_who_wait_come_in_their_order_so_many_in_a_turn(self) -> None:
        loop, done = Loop(), list[int]()

        def work(number: int) -> None:
            done.append(number)
            loop.turns.spend(STEPS // 2)

        for number in range(5):
            loop.turns.later(lambda n=number: work(n))  # type: ignore[misc]
        assert loop.turns.over, "who comes now comes after them"
        seen = []
        while loop.due:
            loop.turn()
            seen.append(len(done))
        assert done == [0, 1, 2, 3, 4] and seen[:3] == [2, 4, 5]

    def test_an_error_in_the_work_of_one_does_not_hold_up_the_others(self) -> None:
        loop, done = Loop(), list[int]()
        loop.turns.later(lambda: 1 // 0)  # type: ignore[arg-type, return-value]
        loop.turns.later(lambda: done.append(1))
        with pytest.raises(ZeroDivisionError):
            loop.turn()
        loop.turn()
        assert done == [1] and not loop.turns.over

    def test_little_is_read_while_others_wait(self) -> None:
        loop = Loop()
        assert len(loop.turns.buffer) == READ
        loop.turns.later(lambda: None)
        assert len(loop.turns.buffer) == LITTLE


def test_a_breath_after_every_few_commands_and_replies_reach_who_waits_for_them() -> None:
    replies = []

    def made() -> Iterator[commands.Command]:
        for number in range(3 * FEW):
            replies.append((yield commands.Log(str(number))))

    pace: Any = paced(made())  # type: ignore[arg-type]
    seen, reply = [], None
    with suppress(StopIteration):
        while True:
            seen.append(pace.send(reply))
            reply = None if isinstance(seen[-1], Breath) else len(replies)
    breaths = [n for n, each in enumerate(seen) if isinstance(each, Breath)]
    assert breaths == [FEW, 2 * FEW + 1] and replies == list(range(3 * FEW))
