"""Sockets: lanes, losses, running totals. Random ones are in test_exactness.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botbottle.meter import Conversations, Reason, WebSocketMeter, identify
from botbottle.meter.websocket import MAX_OPEN
from botbottle.model.usage import Completeness, Tokens

from .helpers import clock, completed


def _socket(path: str = "/v1/responses", known: Conversations | None = None) -> WebSocketMeter:
    where = identify("api.openai.com", "GET", path, {"upgrade": "websocket"}, {})
    assert where is not None
    return WebSocketMeter(where, "ws", clock=clock, conversations=known)


def _ask(m: WebSocketMeter, kind: str = "response.create", **body: Any) -> str:
    admission = m.client_frame(json.dumps({"type": kind, **body}).encode())
    assert admission is not None
    m.sent(admission)
    return admission.request.request_id


def _answer(m: WebSocketMeter, *docs: dict[str, Any]) -> list[Any]:
    return [s for doc in docs for s in m.server_frame(json.dumps(doc).encode())]


def _created(response_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "response.created", "response": {"id": response_id}, **more}


def _delta(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": text, **more}


def test_parallel_lanes_keep_their_deltas_and_admissions_apart() -> None:
    m = _socket()
    first, second = _ask(m, stream_id="a"), _ask(m, stream_id="b")
    _answer(m, _created("r_b", stream_id="b"), _created("r_a", stream_id="a"))
    _answer(m, _delta("x" * 70, stream_id="a"), _delta("y" * 7, stream_id="b"))
    settled = {s.request_id: s.exchanges[0] for s in m.close(Reason.CUT)}
    assert settled[first].response_id == "r_a"
    assert settled[first].tokens.output == 20
    assert settled[second].response_id == "r_b"
    assert settled[second].tokens.output == 2


def test_running_is_the_sum_of_what_is_in_flight() -> None:
    m = _socket()
    _ask(m, stream_id="a", input="x" * 700)
    _answer(m, _created("r_a", stream_id="a"), _delta("x" * 70, stream_id="a"))
    assert m.running.output == 20
    assert m.running.total_input > 100
    done = {**completed("r_a", input_tokens=5, output_tokens=1), "stream_id": "a"}
    _answer(m, done)
    assert m.running == Tokens()


def test_a_turn_that_builds_on_an_earlier_one_is_estimated_with_it() -> None:
    m = _socket(known=Conversations())
    _ask(m)
    _answer(m, completed("resp_1", input_tokens=30_000, output_tokens=500))
    frame = json.dumps({"type": "response.create", "previous_response_id": "resp_1"}).encode()
    admission = m.client_frame(frame)
    assert admission is not None
    assert 30_500 <= admission.request.input_estimate < 30_700


def test_a_turn_after_a_prewarm_is_estimated_with_what_the_prewarm_brought() -> None:
    m = _socket()
    _ask(m, generate=False, instructions="x" * 7000)
    _answer(m, completed("resp_0", input_tokens=0, output_tokens=0))
    frame = json.dumps({"type": "response.create", "previous_response_id": "resp_0"}).encode()
    admission = m.client_frame(frame)
    assert admission is not None
    assert 1000 < admission.request.input_estimate < 7000


def test_a_refused_frame_that_was_never_sent_owes_nothing() -> None:
    m = _socket()
    assert m.client_frame(b'{"type":"response.create"}') is not None
    assert m.close(Reason.CLIENT_GONE) == []


def test_a_request_sent_and_never_answered_leaves_an_estimated_row() -> None:
    m = _socket()
    asked = _ask(m, model="gpt-z", input="x" * 700)
    (settled,) = m.close(Reason.UPSTREAM_FAILED)
    assert settled.request_id == asked
    (row,) = settled.exchanges
    assert (row.completeness, row.model, row.response_id) == (
        Completeness.PARTIAL, "gpt-z", asked)  # fmt: skip
    assert row.tokens.input_uncached > 100


def test_an_error_gives_the_reservation_back_and_interrupts_what_was_running() -> None:
    m = _socket()
    error = {"type": "error", "status": 400, "error": {"code": "bad"}}
    refused = _ask(m)
    assert _answer(m, error)[0].request_id == refused
    running = _ask(m)
    (settled,) = _answer(m, _created("r"), _delta("x" * 70), error)
    assert settled.request_id == running
    assert (settled.exchanges[0].tokens.output, settled.exchanges[0].note[:3]) == (20, "bad")
    assert _answer(m, error) == []


def test_a_steered_response_hands_on_to_a_successor_with_the_steering_admission() -> None:
    m = _socket()
    first, waiting = _ask(m), _ask(m)
    _answer(m, _created("r1"))
    steer = _ask(m, "response.steer", input="no, the other one")
    cut = completed("r1", "incomplete", input_tokens=5, output_tokens=1)
    cut["response"]["incomplete_details"] = {"reason": "steered"}
    settled = _answer(
        m, cut, _created("r2"), completed("r2", input_tokens=6, output_tokens=2),
        completed("r3", input_tokens=7, output_tokens=3),
    )  # fmt: skip
    assert [s.request_id for s in settled] == [first, steer, waiting]
    assert [s.exchanges[0].tokens.total for s in settled] == [6, 8, 10]


def test_a_steering_frame_that_came_too_late_is_given_back_without_a_row() -> None:
    m = _socket()
    first = _ask(m)
    _answer(m, _created("r1"))
    steer = _ask(m, "response.inject")
    settled = _answer(m, completed("r1", input_tokens=5, output_tokens=1))
    assert [(s.request_id, len(s.exchanges)) for s in settled] == [(first, 1), (steer, 0)]


def test_admissions_that_pile_up_are_given_back_oldest_first() -> None:
    m = _socket()
    asked = [_ask(m) for _ in range(MAX_OPEN + 2)]
    settled = _answer(m, {"type": "ping"})
    assert [s.request_id for s in settled] == asked[:2]


@pytest.mark.parametrize("frame", [b"", b"\xff", b"[]", b"null", b'{"type":7}', b"{" * 9000])
def test_frames_that_are_no_events_settle_nothing_and_do_not_fail(frame: bytes) -> None:
    m = _socket()
    _ask(m)
    assert m.server_frame(frame) == []


def test_realtime_responses_are_counted_and_streamed_sound_is_not_gated() -> None:
    m = _socket("/v1/realtime")
    assert m.client_frame(b'{"type":"input_audio_buffer.append","audio":"AAAA"}') is None
    asked = _ask(m)
    usage = {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14,
             "input_token_details": {"cached_tokens": 6}}  # fmt: skip
    done = {"type": "response.done", "response": {"id": "r", "status": "completed", "usage": usage}}
    (settled,) = _answer(m, done)
    assert settled.request_id == asked
    assert settled.exchanges[0].tokens == Tokens(4, cache_read=6, output=4)


def test_a_socket_of_an_unknown_protocol_is_never_free() -> None:
    m = _socket("/ws/brand.new.Protocol")
    assert m.client_frame(b"\x00\x01 anything") is not None
    asked = _ask(m, "setup", text="x" * 700)
    (settled,) = m.server_frame(b"")
    assert settled.request_id == asked
    assert settled.exchanges[0].tokens.input_uncached > 100
    rows = [s.exchanges[0] for _ in range(100) for s in m.server_frame(b"\xff" * 2000)]
    assert m.running.output > 0
    rows += [s.exchanges[0] for s in m.close(Reason.CLIENT_GONE)]
    assert sum(row.tokens.output for row in rows) == 50_000
    assert len({row.response_id for row in rows}) == len(rows)
    assert all(row.completeness is Completeness.ESTIMATED for row in rows)
    assert m.close(Reason.CLIENT_GONE) == []
