"""Responses of one socket side by side: each is reported under its own lease, and they are cut
when the pool is used up, neither long before nor behind each other's backs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from botbottle.ledger.gate import GROWTH
from botbottle.ledger.opening import open_ledger
from botbottle.ledger.records import Admitted, Progress, Refusal
from botbottle.meter import Conversations, Reason, identify
from botbottle.meter.limits import ALLOWANCE
from botbottle.model.bottle import Limit, Scope
from botbottle.model.usage import Exchange, Tokens
from botbottle.sidecar.egress.shares import Share, Shares
from botbottle.sidecar.egress.socket_spend import SocketSpend
from botbottle.sidecar.egress.spend import STEP, STEP_SHARE
from tests.sidecar_egress.talking import said, waiting

NOW = 1_795_000_000.0


def shares(*admitted: tuple[int, int]) -> tuple[Shares, list[Share]]:
    """Some responses, each of what was reserved and of the room there was then."""
    made = Shares()
    for at, (reserved, room) in enumerate(admitted):
        made.add(str(at), Admitted(f"lease-{at}", 0.0, reserved, room))
    found = [made.get(str(at)) for at in range(len(admitted))]
    return made, [share for share in found if share is not None]


def used(tokens: int) -> Tokens:
    return Tokens(output=tokens)


def test_what_is_reserved_for_the_next_is_not_the_others_any_more() -> None:
    _, (first, second) = shares((100, 1_000), (300, 700))
    assert (first.allowed, second.allowed) == (100 + 1_000 - 300, 1_000)


def test_a_step_of_growth_is_due_and_told_once() -> None:
    made, (one,) = shares((100, 3_100))
    step = 3_200 // (STEP_SHARE + 1) + 1
    assert not made.due(one, used(STEP))
    assert made.due(one, used(step))
    made.reporting(one)
    assert not made.due(one, used(10_000)), "it is being asked already"
    one.asking, one.allowed = False, step + 3_000
    assert not made.due(one, used(step + 1))


def test_growth_of_many_together_is_due_though_none_grew_by_a_step() -> None:
    """Else each of many may use the whole room before the ledger hears of the first."""
    made, many = shares(*[(10, 100_000)] * 200)
    unknown, asked = 0, 0
    for _ in range(40):
        for share in many:
            if made.due(share, used(share.used + 50)):
                made.reporting(share)
                share.asking, asked = False, asked + 1
            unknown = max(unknown, sum(s.unknown for s in many))
    assert asked and unknown <= 100_000 // STEP_SHARE + 50


def test_what_one_used_beyond_its_reservation_is_missing_to_the_others() -> None:
    made, (one, other) = shares((100, 1_000), (100, 900))
    assert not made.due(other, used(1))
    one.used = 100 + 1_000
    assert made.due(other, used(1)), "before the ledger knows"
    made.reporting(one)
    assert other.allowed == 100 + 900 - 1_000, "and when it does"


def test_the_lease_of_each_is_found_once() -> None:
    made, _ = shares((1, 1), (1, 1))
    assert made.holds("lease-1") and not made.holds("lease-2")
    assert (made.pop("1"), made.pop("1"), made.drain(), bool(made)) == (
        "lease-1", "", ["lease-0"], False)  # fmt: skip


class Real:
    """The real ledger, with one pool of ``limit`` tokens."""

    def __init__(self, limit: int) -> None:
        self.ledger = open_ledger(":memory:")
        pool = Scope("bottle", "bottle:dev", (Limit("codex", limit),))
        self.ledger.register("p/web", [pool])
        self.told: list[str] = []

    async def admit(
        self, provider: str, model: str, *, tokens_in: int, tokens_out: int
    ) -> Admitted | Refusal:
        return self.ledger.admit(
            "p/web", provider, model, input_tokens=tokens_in, allowance=tokens_out, now=NOW
        )

    async def progress(self, lease: str, tokens: Tokens) -> Progress:
        self.told.append(lease)
        return self.ledger.progress("p/web", lease, tokens, now=NOW)

    def settle(self, lease: str, exchanges: Sequence[Exchange]) -> None:
        self.ledger.settle("p/web", lease, exchanges, now=NOW)

    def release(self, lease: str) -> None:
        self.ledger.release("p/web", lease)

    def passing(self, lease: str, rows: Sequence[Exchange]) -> None: ...

    def passed(self, lease: str, tokens: Tokens) -> None: ...

    def spent(self) -> int:
        (pool,) = self.ledger.account_pools("p/web", NOW)
        return pool.spent


def frame(kind: str, lane: int, **fields: Any) -> bytes:
    return json.dumps({"type": kind, "stream_id": f"s{lane}", **fields}).encode()


async def side_by_side(real: Real, lanes: int, turns: int) -> list[bytes]:
    """Responses of as many lanes that stream turn by turn, until they end or are cut."""
    told: list[bytes] = []
    call = identify("api.openai.com", "GET", "/v1/responses", {"upgrade": "websocket"}, {})
    assert call is not None

    async def count(_: bytes) -> int | None:
        return None

    async def still() -> bool:
        return True

    spend = SocketSpend(real, call, "p", Conversations(), told.append, count, waiting())
    for lane in range(lanes):
        assert await spend.client_frame(said(frame("response.create", lane)), still) is None
    for lane in range(lanes):
        await spend.server_frame(frame("response.created", lane, response={"id": f"resp_{lane}"}))
    for _ in range(turns):
        for lane in range(lanes):
            await spend.server_frame(
                frame("response.output_text.delta", lane, delta="some words of text " * 9)
            )
    spend.close(Reason.CLIENT_GONE)
    return told


@pytest.mark.parametrize("lanes", [1, 2, 6])
def test_parallel_responses_are_cut_when_the_pool_is_used_up_and_not_before(lanes: int) -> None:
    """All of them were told under one lease: what the others had reserved counted twice."""
    limit = lanes * (ALLOWANCE + GROWTH)
    real = Real(limit)
    assert len(asyncio.run(side_by_side(real, lanes, 5_000))) == 1
    headroom = (lanes - 1) * GROWTH
    assert limit - headroom - 200 <= real.spent() <= limit + 200
    assert len(set(real.told)) == lanes


def test_they_are_not_cut_while_there_is_room() -> None:
    real = Real(10**7)
    assert asyncio.run(side_by_side(real, 6, 500)) == []
    assert real.spent() > 6 * 500 * 20


def test_more_room_than_there_was_is_heard_of() -> None:
    real = Real(ALLOWANCE + GROWTH)
    asked = real.ledger.progress

    def raised(*given: Any, **named: Any) -> Progress:
        real.ledger.set_limit("bottle:dev", Limit("codex", 10**7), by="t")
        return asked(*given, **named)

    real.ledger.progress = raised  # type: ignore[method-assign]
    assert asyncio.run(side_by_side(real, 1, 500)) == []
    assert real.spent() > 2 * (ALLOWANCE + GROWTH)
    assert len(real.told) < 50
