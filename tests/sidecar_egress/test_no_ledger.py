"""A socket that is open when the ledger goes: no frame leaves and no response runs on without it.

And what a response told is remembered for the one that builds on it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from botbottle.ledger.records import Admitted, Refusal
from botbottle.meter import Conversations, Reason, identify
from botbottle.meter.references import UNKNOWN_CONTEXT
from botbottle.sidecar.egress.gate import LedgerDown
from botbottle.sidecar.egress.socket_spend import NO_LEDGER, SocketSpend
from botbottle.sidecar.egress.spend import Spend
from tests.meter.events import MESSAGE_STOP, message_delta, message_start, sse
from tests.meter.helpers import call, request
from tests.meter.places import CLAUDE
from tests.sidecar_egress.spending import LEASE, Book
from tests.sidecar_egress.talking import said, waiting
from tests.sidecar_egress.test_gated_frames import Pool, frame


class Gone(Pool):
    """A ledger that does not answer, or does."""

    def __init__(self, *, down: bool) -> None:
        super().__init__(admits=9)
        self.down = down

    async def admit(self, *given: Any, **named: Any) -> Admitted | Refusal:
        if self.down:
            raise LedgerDown
        return await super().admit(*given, **named)


def opened(path: str, *, down: bool) -> tuple[SocketSpend, list[bytes]]:
    where = identify("api.openai.com", "GET", path, {"upgrade": "websocket"}, {})
    assert where is not None
    told: list[bytes] = []

    async def count(_: bytes) -> int | None:
        return None

    return SocketSpend(
        Gone(down=down), where, "p", Conversations(), told.append, count, waiting()
    ), told


async def leaves() -> bool:
    return True


@pytest.mark.parametrize("down", [True, False], ids=["gone", "the control"])
def test_a_frame_that_may_start_a_response_is_refused(down: bool) -> None:
    spend, _ = opened("/v1/responses", down=down)
    sent = frame("response.create", input="one", stream_id="a")
    answer = asyncio.run(spend.client_frame(said(sent), leaves))
    assert (answer is not None) is down
    if answer is not None:
        refused = json.loads(answer)
        assert (refused["type"], refused["stream_id"]) == ("error", "a")
        assert NO_LEDGER in refused["error"]["message"]


@pytest.mark.parametrize("down", [True, False], ids=["gone", "the control"])
def test_a_response_that_begins_unasked_ends_the_socket(down: bool) -> None:
    async def heard() -> tuple[bool, bool]:
        spend, _ = opened("/v1/realtime?model=m", down=down)
        sound = frame("input_audio_buffer.append", audio="AAAA")
        assert await spend.client_frame(said(sound), leaves) is None
        passed = await spend.server_frame(frame("response.created", response={"id": "r"}))
        was_cut = spend.was_cut
        spend.close(Reason.CLIENT_GONE)
        return passed, was_cut

    assert asyncio.run(heard()) == (not down, down)


def test_the_size_of_a_response_over_http_is_remembered() -> None:
    known, where = Conversations(), call(CLAUDE)
    spend = Spend(Book(), where, request(where), Admitted(LEASE, 0.0, 9, 9_000), lambda: None)
    spend.sending()
    spend.responding(200, {"content-type": "text/event-stream"}, known)
    spend.feed(sse(message_start(input_tokens=100), message_delta(output_tokens=40), MESSAGE_STOP))
    assert known.context("msg_1") == 140 != UNKNOWN_CONTEXT
    assert known.context("another") == UNKNOWN_CONTEXT, "the control"
