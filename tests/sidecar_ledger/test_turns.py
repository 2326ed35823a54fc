"""Whose turn it is: connections that ask at different speeds, batch by batch, without a clock."""

import asyncio

from botbottle.sidecar.ledger.connection import Connection
from botbottle.sidecar.ledger.handlers import Caller
from botbottle.sidecar.ledger.rates import Rates
from botbottle.sidecar.ledger.service import AHEAD, Service

HELLO = b'{"v":1,"id":1,"op":"hello"}\n'


def turns(world, batches, others):
    """How often a connection that asks again at once has its turn and how often each of two others
    has, which ask in the batches that ``others`` says; and the first one's longest wait."""
    service = Service(world.ledger, rates=Rates(), log=lambda event, data: None)

    async def scenario():
        made = [
            Connection(Caller("", service.allowance("")), service.ready, lambda c: True, print)
            for _ in range(3)
        ]
        had, waited, longest = [0, 0, 0], 0, 0
        for number in range(batches):
            for place, connection in enumerate(made):
                if not connection.queued and (place == 0 or others(number, place)):
                    connection.data_received(HELLO)
            served = [connection for connection, _ in service._gather()]
            had = [n + (c in served) for n, c in zip(had, made, strict=True)]
            waited = 0 if made[0] in served else waited + 1
            longest = max(longest, waited)
        return had, longest

    return asyncio.run(scenario())


def test_who_is_back_sooner_than_others_gets_no_more_than_they_do(world):
    """A sidecar on the service's own processor is back for each batch, one on another for each
    second: it had twice as much."""
    had, longest = turns(world, 2000, lambda number, place: number % 2 == place % 2)
    assert max(had) - min(had) <= AHEAD + 1
    assert longest == 1


def test_who_asks_alone_never_waits_nor_when_another_comes(world):
    had, longest = turns(world, 400, lambda number, place: number == 390)
    assert had == [400, 1, 1] and longest == 0


def test_who_was_away_is_owed_nothing_and_waits_for_nobody(world):
    """After 300 batches without them the others begin as equals, not with 300 turns."""
    had, longest = turns(
        world, 1300, lambda number, place: number >= 300 and number % 2 == place % 2
    )
    assert abs(had[0] - 300 - 500) <= AHEAD + 1 and longest == 1
    assert had[1:] == [500, 500]


def test_who_was_away_for_a_few_batches_makes_up_for_them(world):
    """It may be the system that kept it from asking."""
    had, _ = turns(world, 4000, lambda number, place: number % 9 != place)
    assert max(had) - min(had) <= AHEAD + 1


def test_nobody_waits_twice_for_the_same_others(world):
    """However far ahead: who had no turn in the last batch has one in the next."""
    _, longest = turns(world, 400, lambda number, place: number % 3)
    assert longest == 1
