"""A frame waits where its budget is only reserved: a bounded time, holding its own lane alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.websocket import WebSocketMessage

from botbottle.ledger.records import Admitted, Refusal
from botbottle.meter import Conversations, Reason, identify
from botbottle.sidecar.egress import socket_spend, waiting
from botbottle.sidecar.egress.socket_spend import SocketSpend
from botbottle.sidecar.egress.waiting import MOST_WAITING, Places, WaitingFrames
from tests.sidecar_egress.inside import FakeLedger
from tests.sidecar_egress.talking import said

RESERVED = Refusal("budget-reserved", "what is left is reserved", "codex", retry_after=2.0)
SPENT = Refusal("budget-exhausted", "spent", "codex")
UPGRADE = {"upgrade": "websocket"}


class Pool(FakeLedger):
    """Refuses the models that it was told to refuse."""

    def __init__(self, **refused: Refusal) -> None:
        super().__init__()
        self.refused, self.asked = refused, 0

    async def admit(self, provider: str, model: str, **amounts: int) -> Admitted | Refusal:
        self.asked += 1
        if found := self.refused.get(model):
            return found
        return await super().admit(provider, model, **amounts)


class Layer:
    """The way of the agent's messages: what waited goes it anew."""

    def __init__(self, ledger: Pool, path: str = "/v1/responses") -> None:
        self.places, self.passed = Places(), list[bytes]()
        self.answers, self.may_leave = list[dict[str, Any]](), True
        self.fed: asyncio.Queue[WebSocketMessage] = asyncio.Queue()
        query = {"model": "m"} if "realtime" in path else {}
        call = identify("api.openai.com", "GET", path, UPGRADE, query)
        assert call is not None
        frames = WaitingFrames(self.places, self.fed.put_nowait)
        self.spend = SocketSpend(
            ledger, call, "p", Conversations(), lambda frame: None, self._count, frames
        )

    async def _count(self, _: bytes) -> int | None:
        return None

    async def still(self) -> bool:
        return self.may_leave

    async def say(self, kind: str, **fields: Any) -> None:
        message = said(json.dumps({"type": kind, **fields}).encode())
        self._done(message, await self.spend.client_frame(message, self.still))

    async def again(self) -> None:
        """The next that is due, within a second."""
        message = await asyncio.wait_for(self.fed.get(), 1)
        frame = self.spend.waiting.found(message)
        assert frame is not None
        self._done(message, await self.spend.again(frame))

    def _done(self, message: WebSocketMessage, answer: bytes | None) -> None:
        if answer is None:
            self.passed.append(message.content)
        elif answer:
            self.answers.append(json.loads(answer))

    def went(self) -> list[str]:
        return [json.loads(x).get("input", json.loads(x)["type"]) for x in self.passed]


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "AGAIN_SECONDS", 0.0)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario()

    asyncio.run(main())


def test_it_goes_on_as_soon_as_others_have_ended() -> None:
    async def scenario() -> None:
        pool = Pool(m=RESERVED)
        layer = Layer(pool)
        await layer.say("response.create", model="m", input="one")
        await layer.again()
        assert (layer.passed, layer.answers, layer.places.taken) == ([], [], 1)
        pool.refused.clear()
        await layer.again()
        assert (layer.went(), layer.answers, pool.asked) == (["one"], [], 3)
        assert (layer.spend.waiting.kept, layer.places.taken, len(pool.open)) == (0, 0, 1)

    run(scenario)


@pytest.mark.parametrize("size", [1, 5000])
def test_what_is_cut_meanwhile_is_given_back_as_it_was_counted(size: int) -> None:
    """A secret is delivered while it waits."""

    async def scenario() -> None:
        pool = Pool(m=RESERVED)
        layer = Layer(pool)
        message = said(json.dumps({"type": "response.create", "model": "m", "input": "x"}).encode())

        async def cut() -> bool:
            message.content = json.dumps({"type": "response.create", "input": "y" * size}).encode()
            return True

        assert await layer.spend.client_frame(message, cut) == b""
        assert layer.spend.waiting.kept
        pool.refused.clear()
        await layer.again()
        assert layer.went() == ["y" * size] and layer.spend.waiting.kept == 0

    run(scenario)


def test_other_lanes_of_its_socket_go_on_meanwhile() -> None:
    async def scenario() -> None:
        layer = Layer(Pool(m=RESERVED))
        await layer.say("response.create", model="free", input="runs", stream_id="a")
        await layer.say("response.create", model="m", input="waits", stream_id="b")
        response = {"id": "resp_1", "usage": {"input_tokens": 1, "output_tokens": 1}}
        done = {"type": "response.completed", "stream_id": "a", "response": response}
        assert await layer.spend.server_frame(json.dumps(done).encode())
        await layer.say("response.create", model="free", input="beside", stream_id="c")
        assert layer.went() == ["runs", "beside"]

    run(scenario)


def test_what_follows_on_its_lane_stays_behind_it_in_order() -> None:
    async def scenario() -> None:
        pool = Pool(m=RESERVED)
        layer = Layer(pool)
        await layer.say("response.create", model="m", input="first")
        await layer.say("response.cancel")
        await layer.say("response.create", model="free", input="second")
        assert layer.passed == []
        pool.refused.clear()
        for _ in range(3):
            await layer.again()
        assert layer.went() == ["first", "response.cancel", "second"]
        assert (layer.spend.waiting.kept, bool(layer.spend.waiting)) == (0, False)

    run(scenario)


def test_what_is_spent_meanwhile_ends_the_waiting() -> None:
    async def scenario() -> None:
        pool = Pool(m=RESERVED)
        layer = Layer(pool)
        await layer.say("response.create", model="m", input="first")
        pool.refused["m"] = SPENT
        await layer.again()
        assert [x["error"]["type"] for x in layer.answers] == ["usage_limit_reached"]
        assert not layer.spend.waiting

    run(scenario)


def test_it_waits_a_bounded_time_and_is_then_told_to_ask_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    clock = SimpleNamespace(monotonic=lambda: now, time=lambda: now)
    monkeypatch.setattr(waiting, "time", clock)
    monkeypatch.setattr(socket_spend, "time", clock)

    async def scenario() -> None:
        nonlocal now
        layer = Layer(Pool(m=RESERVED))
        await layer.say("response.create", model="m", input="one", stream_id="s")
        now = waiting.PATIENCE_SECONDS - 0.1
        await layer.again()
        assert layer.answers == [], "not yet"
        now = waiting.PATIENCE_SECONDS
        await layer.again()
        (told,) = layer.answers
        assert (told["type"], told["stream_id"]) == ("response.failed", "s")
        error = told["response"]["error"]
        assert error["code"] == "rate_limit_exceeded" and "try again in 2s" in error["message"]
        assert not layer.spend.waiting

    run(scenario)


@pytest.mark.parametrize("most", ["MOST_FRAMES", "MOST_BYTES"])
def test_a_bounded_number_stays_behind(monkeypatch: pytest.MonkeyPatch, most: str) -> None:
    monkeypatch.setattr(waiting, most, 2 if most == "MOST_FRAMES" else 130)

    async def scenario() -> None:
        layer = Layer(Pool(m=RESERVED))
        for text in ("one", "two", "three"):
            await layer.say("response.create", model="m", input=text)
        (told,) = layer.answers
        assert told["response"]["error"]["code"] == "rate_limit_exceeded"
        assert 0 < layer.spend.waiting.kept <= 130

    run(scenario)


def test_a_bounded_number_of_lanes_waits_and_a_socket_that_ends_makes_room() -> None:
    async def scenario() -> None:
        pool = Pool(m=RESERVED)
        layer = Layer(pool)
        for at in range(MOST_WAITING + 1):
            await layer.say("response.create", model="m", input="x", stream_id=str(at))
        (told,) = layer.answers
        assert told["stream_id"] == str(MOST_WAITING)
        layer.spend.close(Reason.CLIENT_GONE)
        assert (layer.places.taken, layer.spend.waiting.kept) == (0, 0)
        await asyncio.sleep(0.01)
        assert layer.fed.empty(), "nothing is tried for a socket that is gone"
        assert not pool.open

    run(scenario)


def test_what_may_not_leave_any_more_goes_and_the_next_has_its_turn() -> None:
    async def scenario() -> None:
        pool = Pool(m=RESERVED)
        layer = Layer(pool)
        await layer.say("response.create", model="m", input="first")
        await layer.say("response.create", model="m", input="second")
        pool.refused.clear()
        layer.may_leave = False
        await layer.again()
        assert not pool.open, "nothing stays reserved"
        layer.may_leave = True
        await layer.again()
        assert layer.went() == ["second"]

    run(scenario)


def test_a_free_frame_that_stayed_behind_is_asked_about_again() -> None:
    async def scenario() -> None:
        pool = Pool(m=RESERVED)
        layer = Layer(pool)
        await layer.say("response.create", model="m", input="first")
        await layer.say("response.cancel")
        pool.refused.clear()
        await layer.again()
        layer.may_leave = False
        await layer.again()
        assert layer.went() == ["first"]

    run(scenario)


@pytest.mark.parametrize("code", ["flood", "too-many-in-flight"])
def test_what_passes_soon_but_is_no_reservation_is_told_at_once(code: Any) -> None:
    async def scenario() -> None:
        layer = Layer(Pool(m=Refusal(code, "busy", "codex", retry_after=5.0)))
        await layer.say("response.create", model="m", input="one")
        (told,) = layer.answers
        assert "try again in 5s" in told["response"]["error"]["message"]
        assert not layer.spend.waiting

    run(scenario)


def test_realtime_is_told_in_its_own_words() -> None:
    async def scenario() -> None:
        layer = Layer(Pool(m=Refusal("flood", "busy", "codex")), "/v1/realtime")
        await layer.say("response.create", response={"model": "m"}, model="m")
        assert [(x["type"], x["error"]["code"]) for x in layer.answers] == [
            ("error", "rate_limit_exceeded")
        ]

    run(scenario)
