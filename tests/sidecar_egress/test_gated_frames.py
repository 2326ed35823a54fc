"""Field bug 25 at the sidecar: every frame that may start a response is admitted, also while others
run, on their lane or on another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from botbottle.ledger.records import Admitted, Progress, Refusal
from botbottle.meter import Conversations, Reason, identify
from botbottle.model.usage import Exchange, Tokens
from botbottle.sidecar.egress.socket_spend import SocketSpend
from tests.sidecar_egress.inside import FakeLedger
from tests.sidecar_egress.talking import said, waiting


class Pool(FakeLedger):
    """Room for some requests."""

    def __init__(self, admits: int) -> None:
        super().__init__()
        self.admits, self.asked = admits, 0

    async def admit(self, *given: Any, **named: Any) -> Admitted | Refusal:
        self.asked += 1
        if self.asked > self.admits:
            return Refusal("budget-exhausted", "used up", "codex")
        return Admitted(f"lease-{self.asked}", 0.0, 100, 1_000)

    async def progress(self, lease: str, tokens: Tokens) -> Progress:
        return Progress(False, 1_000)

    def settle(self, lease: str, exchanges: Sequence[Exchange]) -> None:
        """Nothing is looked at."""


def frame(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, **fields}).encode()


async def busy(ledger: Pool, second: dict[str, Any]) -> bytes | None:
    """A response runs on lane ``a``; what comes of a second frame."""
    call = identify("api.openai.com", "GET", "/v1/responses", {"upgrade": "websocket"}, {})
    assert call is not None

    async def count(_: bytes) -> int | None:
        return None

    async def leaves() -> bool:
        return True

    spend = SocketSpend(ledger, call, "p", Conversations(), lambda frame: None, count, waiting())
    first = frame("response.create", stream_id="a", input="one")
    assert await spend.client_frame(said(first), leaves) is None
    begun = frame("response.created", stream_id="a", response={"id": "resp_1"})
    assert await spend.server_frame(begun)
    delta = frame("response.output_text.delta", stream_id="a", response_id="resp_1", delta="word")
    assert await spend.server_frame(delta)
    answer = await spend.client_frame(said(frame(**second)), leaves)
    spend.close(Reason.CLIENT_GONE)
    return answer


SECOND = [
    {"kind": "response.create", "stream_id": "b", "input": "two"},
    {"kind": "response.create", "stream_id": "a", "input": "two"},
    {"kind": "response.create", "input": "two"},
    {"kind": "response.steer", "stream_id": "a", "input": "two"},
    {"kind": "response.something_new", "stream_id": "b"},
]
NAMES = ["another lane", "the same lane", "no lane", "steering", "an unknown frame"]


@pytest.mark.parametrize("second", SECOND, ids=NAMES)
def test_bug_25_a_frame_beside_a_running_response_is_admitted_or_refused(
    second: dict[str, Any],
) -> None:
    spent = Pool(admits=1)
    refused = asyncio.run(busy(spent, second))
    assert spent.asked == 2 and refused is not None
    assert json.loads(refused)["error"]["type"] == "usage_limit_reached"
    roomy = Pool(admits=2)
    assert asyncio.run(busy(roomy, second)) is None, "the control"
    assert roomy.asked == 2
