"""A sidecar that is killed has lost at the most the event in flight."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from botbottle.meter.opaque import BYTES_PER_TOKEN
from botbottle.sidecar.egress.inflight import SLOT
from tests.sidecar_egress.rig import ANTHROPIC, OPENAI, Rig, until
from tests.sidecar_egress.test_metering import CLASSES, client, messages, responses
from tests.sidecar_egress.ws_client import CREATE, Socket

REQUESTS: list[tuple[str, str, dict[str, Any], str]] = [
    (ANTHROPIC, "/v1/messages", messages(), "content_block_delta"),
    (OPENAI, "/v1/responses", responses(), "output_text.delta"),
]


@pytest.mark.parametrize(("host", "path", "body", "wanted"), REQUESTS, ids=["claude", "codex"])
def test_a_killed_stream_is_booked_by_the_next_process_once(
    own: Rig, host: str, path: str, body: dict[str, Any], wanted: str
) -> None:
    own.world.default(events=40, stall_after=30)
    with client(own) as http, http.stream("POST", own.url(host, path), json=body) as answer:
        lines = answer.iter_lines()  # whose end would be the stream's
        assert any(wanted in line for line in lines)
        until(lambda: b"sidecar killed" in kept(own), "the row to be kept")
        own.sidecar.restart(signal.SIGKILL)
    until(lambda: len(own.ledger.rows()) == 1, "the row")
    (booked,) = own.ledger.rows()
    assert (booked.completeness, booked.note[:14]) == ("partial", "sidecar killed")
    assert booked.tokens.output > 0
    (record,) = own.world.requests(settle_seconds=3)
    if host == ANTHROPIC:  # whose first event tells the input
        told = {name: getattr(booked.tokens, name) for name in CLASSES[:4]}
        assert told == {name: record["billed"][name] for name in CLASSES[:4]}
    until(lambda: own.ledger.reserved() == 0, "the reservation to be gone")
    own.sidecar.restart(signal.SIGKILL)
    own.standard()
    with client(own) as http:
        http.post(own.url(host, path), json=body | {"stream": False})
    until(lambda: len(own.ledger.rows()) == 2, "the next row")
    assert sum(r.completeness == "partial" for r in own.ledger.rows()) == 1


def kept(own: Rig) -> bytes:
    return (own.sidecar.folder / "control" / "in-flight").read_bytes()


def test_what_was_settled_is_kept_no_more(own: Rig) -> None:
    with client(own) as http:
        assert http.post(own.url(ANTHROPIC, "/v1/messages"), json=messages()).is_success
    until(lambda: len(own.ledger.rows()) == 1, "the row")
    until(lambda: live(own) == 0, "the slot to be free")
    own.sidecar.restart(signal.SIGKILL)
    own.standard()
    with client(own) as http:
        assert http.post(own.url(ANTHROPIC, "/v1/messages"), json=messages()).is_success
    until(lambda: len(own.ledger.rows()) == 2, "the next row")
    assert {r.completeness for r in own.ledger.rows()} == {"final"}


def live(own: Rig) -> int:
    """Slots in use: those whose length is not zero."""
    data = kept(own)
    return sum(data[i + 48 : i + 50] != b"\0\0" for i in range(0, len(data), SLOT))


def test_what_the_ledger_did_not_take_before_the_end_is_booked_later(own: Rig) -> None:
    with client(own) as http:
        assert http.post(own.url(ANTHROPIC, "/v1/messages"), json=messages()).is_success
        until(lambda: len(own.ledger.rows()) == 1, "the row")
        own.world.default(first_delay=0.0, events=40, delay=0.05)
        url = own.url(ANTHROPIC, "/v1/messages")
        with http.stream("POST", url, json=messages()) as answer:
            lines = iter(answer.iter_lines())
            next(lines)
            own.ledger.stop()
            assert any("message_stop" in line for line in lines)
        own.sidecar.stop(signal.SIGKILL)
    own.ledger.start()
    own.sidecar.start()
    until(lambda: len(own.ledger.rows()) == 2, "the row that nobody could take")
    assert {r.completeness for r in own.ledger.rows()} == {"final"}


def test_a_killed_socket_is_booked_by_the_next_process(own: Rig) -> None:
    own.world.default(events=40, stall_after=30)
    ws = Socket(own, OPENAI, "/v1/responses")
    ws.send(CREATE)
    for event in ws.receive():
        if event["type"] == "response.output_text.delta":
            break
    until(lambda: b"sidecar killed" in kept(own), "the row to be kept")
    own.sidecar.restart(signal.SIGKILL)
    ws.close()
    until(lambda: len(own.ledger.rows()) == 1, "the row")
    (booked,) = own.ledger.rows()
    assert (booked.completeness, booked.note[:14]) == ("partial", "sidecar killed")
    assert booked.tokens.output > 0


def killed(own: Rig) -> None:
    """The sidecar is killed, and another one begins."""
    own.sidecar.restart(signal.SIGKILL)
    own.standard()


@pytest.mark.parametrize("how", ["killed", "closed"])
def test_a_socket_that_nobody_can_read_is_booked_however_it_ends(own: Rig, how: str) -> None:
    ws = Socket(own, OPENAI, "/ws")
    texts = ws.texts()
    said = {"word": "x" * 9_000}
    passed = 0
    for _ in range(2):  # the world says everything back
        ws.send(said)
        passed += len(next(texts))
    until(lambda: kept_output(own) == passed // BYTES_PER_TOKEN, "the row")
    ws.close() if how == "closed" else killed(own)
    until(lambda: len(own.ledger.rows()) == 3, "two frames and what came back")
    rows = own.ledger.rows()
    assert {row.completeness for row in rows} == {"estimated"}
    assert sorted(row.tokens.output for row in rows) == [0, 0, passed // BYTES_PER_TOKEN]
    assert sum(row.tokens.total_input > 1_000 for row in rows) == 2
    until(lambda: live(own) == 0 and own.ledger.reserved() == 0, "nothing to be owed")
    killed(own)
    assert len(own.ledger.rows()) == 3


def kept_output(own: Rig) -> int:
    """Tokens of output in all slots."""
    data = kept(own)
    at = 8 * CLASSES.index("output")
    slots = [data[i : i + SLOT] for i in range(0, len(data), SLOT)]
    return sum(int.from_bytes(s[at : at + 8], "little") for s in slots if s[48:50] != b"\0\0")


COUNT = 25  # requests of a batch


@pytest.mark.parametrize("how", ["killed", "not killed"])
def test_results_of_a_batch_that_the_ledger_did_not_take_are_booked_later(
    own: Rig, how: str
) -> None:
    items = [{"custom_id": f"c{n}", "params": messages(stream=False)} for n in range(COUNT)]
    with client(own) as http:
        batches = own.url(ANTHROPIC, "/v1/messages/batches")
        made = http.post(batches, json={"requests": items}).json()
        until(lambda: len(own.ledger.rows()) == COUNT, "the estimates")
        own.ledger.freeze()
        assert http.get(f"{batches}/{made['id']}/results").content.count(b"succeeded") == COUNT
        if how == "killed":
            own.sidecar.stop(signal.SIGKILL)
        own.ledger.kill()
    assert finals(own) == 0
    own.ledger.start()
    if how == "killed":
        own.sidecar.start()
    until(lambda: finals(own) == COUNT, "every result")
    (billed,) = [r["billed"] for r in own.world.requests() if r["dialect"].endswith("results")]
    assert sum(row.tokens.output for row in own.ledger.rows()) == billed["output"]
    until(lambda: live(own) == 0, "nothing to be owed")


def finals(own: Rig) -> int:
    return sum(row.completeness == "final" for row in own.ledger.rows())
