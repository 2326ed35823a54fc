"""``preflight: exact``: the provider's own count decides, costs nothing and reaches nothing new."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest

from botbottle.ledger.records import Admitted, Refusal
from botbottle.meter import Call, Conversations, Dialect, Kind, Reason
from botbottle.model.bottle import Limit
from botbottle.model.route import Auth, Dlp, Match, PathMatch
from botbottle.sidecar.egress.gate import NoLedger
from botbottle.sidecar.egress.socket_spend import SocketSpend
from tests.sidecar_egress.rig import ANTHROPIC, OPENAI, Rig, until
from tests.sidecar_egress.talking import said, waiting
from tests.sidecar_egress.test_metering import client, messages, responses
from tests.sidecar_egress.test_protocols import turn as frame_turn
from tests.sidecar_egress.ws_client import CREATE, Socket

COUNT, TURN = "/v1/messages/count_tokens", "/v1/messages"
LONG = "many words that weigh more than they are scripted to weigh " * 400


def turn(rig: Rig, text: str = LONG, **script: Any) -> httpx.Response:
    """One JSON turn whose input the provider counts as ``script`` says."""
    headers = {"x-world-script": json.dumps(script)} if script else {}
    body = messages(stream=False, messages=[{"role": "user", "content": text}])
    with client(rig) as http:
        return http.post(rig.url(ANTHROPIC, TURN), json=body, headers=headers)


def asked(rig: Rig, path: str) -> list[dict[str, Any]]:
    return [r for r in rig.world.requests() if r["target"].partition("?")[0] == path]


def reasons(rig: Rig) -> list[str]:
    """Why counts failed, as the sidecar's log says."""
    return [x["reason"] for x in rig.sidecar.lines if x["event"] == "not counted"]


@pytest.fixture
def exact(own: Rig) -> Rig:
    own.ledger.limit(Limit("claude", 10**9), Limit("codex", 10**9))
    own.standard(preflight="exact")
    return own


def test_a_count_admits_what_the_estimate_would_refuse(exact: Rig) -> None:
    """The same request under ``estimate`` is the control."""
    exact.ledger.limit(Limit("claude", 4_000))
    exact.world.script(path=COUNT, usage={"input_uncached": 300, "cache_read": 0})
    exact.world.default(input_uncached=300, cache_read=0, cache_write_5m=0, cache_write_1h=0)
    exact.standard(preflight="estimate")
    assert turn(exact).status_code == 402 and exact.world.requests() == []
    exact.standard(preflight="exact")
    assert turn(exact).status_code == 200
    (counted,) = asked(exact, COUNT)
    (sent,) = asked(exact, TURN)
    assert counted["auth"] == sent["auth"] != {}, "with the credential of the route"


def test_a_count_refuses_what_the_estimate_would_admit(exact: Rig) -> None:
    exact.ledger.limit(Limit("claude", 4_000))
    exact.world.script(path=COUNT, input_uncached=900_000)
    answer = turn(exact, "hi")
    assert answer.status_code == 402 and answer.json()["error"]["type"] == "billing_error"
    assert asked(exact, TURN) == [] and len(asked(exact, COUNT)) == 1
    assert exact.ledger.reserved() == 0, "what the estimate reserved went back"


def test_counting_leaves_no_row_and_the_reservation_is_the_count(exact: Rig) -> None:
    exact.ledger.limit(Limit("claude", 10**9))
    count = {"input_uncached": 54_321, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0}
    exact.world.script(path=COUNT, usage=count)
    exact.world.script(path=TURN, first_delay=30.0)
    with client(exact) as http, ThreadPoolExecutor(1) as threads:
        turned = threads.submit(http.post, exact.url(ANTHROPIC, TURN), json=messages(max_tokens=64))
        until(lambda: exact.ledger.reserved() == 54_321 + 64, "the reservation of the count")
        assert exact.ledger.rows() == []
        exact.sidecar.stop()  # the turn need not end
        with pytest.raises(httpx.HTTPError):
            turned.result(30)


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 500},
        {"status": 404},
        {"body": "no json", "status": 200},
        {"body": {"input_tokens": -5}, "status": 200},
        {"cut_after": 0, "cut_bytes": 3},
        {"body": "x" * 100_000, "status": 200},
    ],
)
def test_without_an_answer_the_estimate_stands(exact: Rig, trouble: dict[str, Any]) -> None:
    exact.world.script(path=COUNT, **trouble)
    assert turn(exact, "hi").status_code == 200
    until(lambda: len(reasons(exact)) == 1, "the log's line")
    exact.ledger.limit(Limit("claude", 100))
    assert turn(exact).status_code == 402, "and it still refuses"


def test_an_answer_that_does_not_come_is_not_waited_for_long(exact: Rig) -> None:
    exact.world.script(path=COUNT, first_delay=60.0)
    assert turn(exact, "hi").status_code == 200
    until(lambda: reasons(exact) == ["TimeoutError"], "the log's line")


def test_a_spent_budget_asks_the_provider_nothing(exact: Rig) -> None:
    exact.ledger.limit(Limit("claude", 1))
    exact.world.default(input_uncached=10)
    assert turn(exact, "hi").status_code in (200, 402)
    exact.ledger.limit(Limit("claude", 0))
    before = len(exact.world.requests())
    assert [turn(exact, "hi").status_code for _ in range(5)] == [402] * 5
    assert len(exact.world.requests()) == before


def test_where_nothing_limits_nothing_is_counted(exact: Rig) -> None:
    exact.ledger.limit()
    assert turn(exact, "hi").status_code == 200
    assert asked(exact, COUNT) == [] and len(asked(exact, TURN)) == 1


def test_a_path_that_the_route_does_not_allow_is_not_asked(exact: Rig) -> None:
    only = Match(paths=(PathMatch("exact", TURN),), methods=("POST",))
    key = Auth("header", "AK", "x-api-key")
    route = exact.route(ANTHROPIC, auth=key, matches=(only,), provider="claude")
    exact.configure(route, secrets={"AK": "sk-real-anthropic-0001"}, preflight="exact")
    assert turn(exact, "hi").status_code == 200
    assert asked(exact, COUNT) == [] and len(asked(exact, TURN)) == 1


def test_a_wrong_certificate_is_told_nothing(exact: Rig) -> None:
    exact.world.fail_certificates({ANTHROPIC: "untrusted"})
    try:
        assert turn(exact, "hi").status_code == 502
        assert exact.world.requests() == []
    finally:
        exact.world.fail_certificates({})


def test_a_continued_conversation_is_counted_with_all_it_continues(exact: Rig) -> None:
    path = "/v1/responses/input_tokens"
    exact.world.script(path=path, input_uncached=70_000)
    exact.ledger.limit(Limit("codex", 60_000))
    body = responses(stream=False) | {"previous_response_id": "resp_of_another_day"}
    with client(exact) as http:
        assert http.post(exact.url(OPENAI, "/v1/responses"), json=body).status_code == 429
    (counted,) = asked(exact, path)
    assert counted["json"]["previous_response_id"] == "resp_of_another_day"
    assert "stream" not in counted["json"]
    assert asked(exact, "/v1/responses") == []


def test_nothing_that_the_scanners_took_out_is_in_the_question(exact: Rig) -> None:
    exact.configure(
        exact.route(
            ANTHROPIC,
            auth=Auth("header", "AK", "x-api-key"),
            provider="claude",
            dlp=Dlp(outbound_on_match="redact"),
        ),
        secrets={"AK": "sk-real-anthropic-0001"},
        preflight="exact",
    )
    secret = "AKIA" + "Z7QX2M5LP3RTWB9C"
    assert turn(exact, f"the key is {secret} here").status_code == 200
    for path in (COUNT, TURN):
        (seen,) = asked(exact, path)
        assert secret not in json.dumps(seen), path


def test_a_websocket_frame_is_counted_before_it_goes_out(exact: Rig) -> None:
    path = "/v1/responses/input_tokens"
    exact.ledger.limit(Limit("codex", 60_000))
    exact.world.script(path=path, times=1, input_uncached=70_000)
    ws = Socket(exact, OPENAI, "/v1/responses")
    assert frame_turn(ws)["error"]["type"] == "usage_limit_reached"
    exact.world.script(path=path, usage=dict.fromkeys(("input_uncached", "cache_read"), 9))
    assert frame_turn(ws)["type"] == "response.completed", "the socket goes on"
    ws.close()
    assert [c["json"]["input"] for c in asked(exact, path)] == [CREATE["input"]] * 2
    made = sum(len(r["responses"]) for r in exact.world.requests(settle_seconds=2, host=OPENAI))
    assert made == 1
    until(lambda: exact.ledger.reserved() == 0, "nothing reserved")


class Recording(NoLedger):
    """Admits everything and remembers which leases came back."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.returned: list[str] = []

    async def admit(
        self, provider: str, model: str, *, tokens_in: int, tokens_out: int
    ) -> Admitted | Refusal:
        self.given.append(f"{len(self.given)}:{tokens_in}")
        return Admitted(self.given[-1], 0.0, tokens_in, 10**6)

    def release(self, lease: str) -> None:
        self.returned.append(lease)


async def socket_frame(close_while_counting: bool, counted: int | Exception) -> Recording:
    """One frame through a socket's accounting; the count may fail, the socket may close."""
    ledger = Recording()
    call = Call("codex", Dialect.OPENAI_RESPONSES, Kind.WEBSOCKET, OPENAI, "GET", "/v1/responses")

    async def count(frame: bytes) -> int | None:
        assert json.loads(frame) == CREATE
        if close_while_counting:
            spend.close(Reason.CLIENT_GONE)
        if isinstance(counted, Exception):
            raise counted
        return counted

    async def leaves() -> bool:
        return True

    spend = SocketSpend(ledger, call, "p", Conversations(), lambda frame: None, count, waiting())
    with suppress(ArithmeticError):
        answer = await spend.client_frame(said(json.dumps(CREATE).encode()), leaves)
        assert (answer is None) is not close_while_counting
    return ledger


def test_a_socket_that_closes_while_its_frame_is_admitted_keeps_nothing_reserved() -> None:
    """Otherwise the lease would be renewed for as long as the sidecar lives."""
    control = asyncio.run(socket_frame(False, 77))
    assert control.given[-1] == "1:77" and control.returned == control.given[:1]
    closed = asyncio.run(socket_frame(True, 77))
    assert sorted(closed.returned) == sorted(closed.given) and len(closed.given) == 2


def test_a_count_that_fails_in_an_unforeseen_way_gives_back_what_was_reserved() -> None:
    failed = asyncio.run(socket_frame(False, ArithmeticError()))
    assert failed.returned == failed.given and len(failed.given) == 1
