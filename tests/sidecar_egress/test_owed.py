"""What is kept for the case of a kill is at any time what closing would book."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from botbottle.ledger.records import Admitted, Progress
from botbottle.meter import Conversations, Reason, identify
from botbottle.model.usage import Completeness, Exchange, Tokens
from botbottle.sidecar.egress.gate import NoLedger
from botbottle.sidecar.egress.inflight import InFlight
from botbottle.sidecar.egress.socket_spend import SocketSpend
from botbottle.sidecar.egress.spend import Spend
from tests.meter.events import message_start, sse, text_delta
from tests.meter.helpers import call, request
from tests.meter.places import CLAUDE, RESPONSES
from tests.sidecar_egress.talking import said, waiting


class Keeper(NoLedger):
    """Admits everything, acknowledges at once, and keeps what it is told to in a real map."""

    def __init__(self) -> None:
        self.kept, self.names = InFlight.nowhere(), 0
        self.booked: list[Exchange] = []

    async def admit(self, *given: Any, **named: Any) -> Admitted:
        self.names += 1
        return Admitted(f"{self.names:x}", 0.0, 100, 10**6)

    async def progress(self, lease: str, tokens: Tokens) -> Progress:
        return Progress(False, 10**6)

    def passing(self, name: str, rows: Sequence[Exchange]) -> None:
        self.kept.put(name, rows)

    def passed(self, name: str, tokens: Tokens) -> None:
        self.kept.count(name, tokens)

    def settle(self, lease: str, exchanges: Sequence[Exchange]) -> None:
        self.booked += exchanges
        self.kept.drop(lease)

    def release(self, lease: str) -> None:
        self.kept.drop(lease)

    def owed(self) -> list[Exchange]:
        """What the next process would book."""
        return [row for _, rows in InFlight(self.kept._kept)._left() for row in rows]


type Facts = list[tuple[str, Completeness, Tokens]]


def facts(rows: Sequence[Exchange]) -> Facts:
    return sorted((row.response_id, row.completeness, row.tokens) for row in rows)


def owed_and_booked(
    place: tuple[str, str], chunks: Sequence[bytes], *, method: str = "POST", status: int = 200,
    body: dict[str, Any] | None = None, **headers: str,
) -> tuple[Facts, Facts]:  # fmt: skip
    """Rows of a response of which so much has passed: after a kill, and after its client left."""

    async def pass_by() -> tuple[Facts, Facts]:
        ledger, where = Keeper(), call(place, method)
        lease = Admitted("a", 0.0, 100, 10**6)
        spend = Spend(ledger, where, request(where, **(body or {})), lease, lambda: None)
        spend.sending()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        spend.responding(status, given, Conversations())
        for chunk in chunks:
            spend.feed(chunk)
        owed = facts(ledger.owed())
        spend.close(Reason.CLIENT_GONE)
        assert ledger.owed() == []
        return owed, facts(ledger.booked)

    return asyncio.run(pass_by())


STREAM, JSON = "text/event-stream", "application/json"
UNHEARD = ("api.openai.com", "/v1/unheard")
HALF = json.dumps({"id": "msg_1", "content": "x" * 9_000}).encode()[:8_000]
CREATED = sse({"type": "response.created", "response": {"id": "resp_1", "status": "queued"}})


@pytest.mark.parametrize(
    ("place", "chunks", "given"),
    [
        (CLAUDE, [sse(message_start()), sse(text_delta("word " * 99))], {"content_type": STREAM}),
        (CLAUDE, [HALF[:4_000], HALF[4_000:]], {"content_type": JSON}),
        (CLAUDE, [HALF, HALF], {"content_type": STREAM, "content_encoding": "x-odd"}),
        (UNHEARD, [b"\x00" * 4_000, b"\x01" * 4_000], {"content_type": "audio/mpeg"}),
        (RESPONSES, [CREATED], {"content_type": STREAM, "body": {"background": True}}),
    ],
    ids=["stream", "half a document", "unreadable coding", "unknown dialect", "background"],
)
def test_a_kill_books_what_the_end_would(
    place: tuple[str, str], chunks: list[bytes], given: dict[str, Any]
) -> None:
    owed, booked = owed_and_booked(place, chunks, **given)
    assert owed == booked
    assert booked[0][2].output > 40


@pytest.mark.parametrize(
    ("place", "given"),
    [
        (CLAUDE, {"status": 529}),
        (("api.openai.com", "/v1/responses/resp_1"), {"method": "GET"}),
    ],
    ids=["refused by the provider", "polled"],
)
def test_nothing_is_owed_for_what_costs_nothing(
    place: tuple[str, str], given: dict[str, Any]
) -> None:
    assert owed_and_booked(place, [CREATED], content_type=STREAM, **given) == ([], [])


def test_a_batch_owes_its_requests_and_nothing_under_its_own_name() -> None:
    """Its results tell what each request cost; a row of the whole would count it twice. Its id is
    known when all of the answer has passed."""
    place = ("api.anthropic.com", "/v1/messages/batches")
    body = {"requests": [{"custom_id": "a", "params": {"max_tokens": 9}}]}
    made = [b'{"id": "msgbatch_1", "type": "message_batch"}']
    owed, booked = owed_and_booked(place, made, content_type=JSON, body=body)
    assert [response_id for response_id, *_ in owed + booked] == ["flow-1/a", "msgbatch_1/a"]
    assert owed[0][1:] == booked[0][1:]


def socket(ledger: Keeper, path: str) -> SocketSpend:
    where = identify("api.openai.com", "GET", path, {"upgrade": "websocket"}, {})
    assert where is not None

    async def count(_: bytes) -> int | None:
        return None

    return SocketSpend(ledger, where, "p", Conversations(), lambda frame: None, count, waiting())


async def says(spend: SocketSpend, *docs: dict[str, Any]) -> None:
    async def still() -> bool:
        return True

    for doc in docs:
        assert await spend.client_frame(said(json.dumps(doc).encode()), still) is None


async def hears(spend: SocketSpend, *docs: dict[str, Any]) -> None:
    for doc in docs:
        assert await spend.server_frame(json.dumps(doc).encode())


CREATE = {"type": "response.create", "input": "x" * 999}
CANCEL = {"type": "response.cancel"}
ERROR = {"type": "error", "error": {"code": "nothing_to_cancel"}}
BEGUN = {"type": "response.created", "response": {"id": "resp_1"}}
TEXT = {"type": "response.output_text.delta", "delta": "word " * 99}
STEER = {"type": "response.inject", "input": "y" * 999}


def test_a_request_that_a_provoked_error_seemed_to_refuse_is_owed_until_its_response_comes() -> (
    None
):
    async def scene() -> None:
        ledger = Keeper()
        spend = socket(ledger, "/v1/responses")
        await says(spend, CREATE, CANCEL)
        await hears(spend, ERROR)
        (row,) = ledger.owed()
        assert (row.response_id, row.note[:14]) == ("p:1", "sidecar killed")
        assert row.tokens.input_uncached > 200
        await hears(spend, BEGUN, TEXT)
        (row,) = ledger.owed()
        assert row.response_id == "resp_1" and row.tokens.output > 100
        assert row.tokens.input_uncached > 200

    asyncio.run(scene())


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/unheard"])
def test_a_socket_that_is_killed_books_what_its_end_would(path: str) -> None:
    async def scene() -> None:
        ledger = Keeper()
        spend = socket(ledger, path)
        await says(spend, CREATE, CANCEL)
        await hears(spend, ERROR)
        await says(spend, CREATE, CANCEL)
        await hears(spend, ERROR, TEXT)
        await says(spend, CREATE)
        await hears(spend, BEGUN, TEXT)
        await says(spend, STEER)
        owed = facts(ledger.owed() + ledger.booked)
        spend.close(Reason.CLIENT_GONE)
        assert owed == facts(ledger.booked) and owed
        assert ledger.owed() == []

    asyncio.run(scene())
