"""Sockets: lanes, losses, running totals. Random ones are in test_exactness.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botbottle.meter import Conversations, Reason
from botbottle.meter.lanes import MAX_OPEN
from botbottle.model.usage import Completeness, Tokens

from .events import completed
from .helpers import answer, ask, socket


def _created(response_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "response.created", "response": {"id": response_id}, **more}


def _delta(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": text, **more}


def test_parallel_lanes_keep_their_deltas_and_admissions_apart() -> None:
    m = socket()
    first, second = ask(m, stream_id="a"), ask(m, stream_id="b")
    answer(m, _created("r_b", stream_id="b"), _created("r_a", stream_id="a"))
    answer(m, _delta("x" * 70, stream_id="a"), _delta("y" * 7, stream_id="b"))
    settled = {s.request_id: s.exchanges[0] for s in m.close(Reason.CUT)}
    assert settled[first].response_id == "r_a"
    assert settled[first].tokens.output == 20
    assert settled[second].response_id == "r_b"
    assert settled[second].tokens.output == 2


def test_running_is_the_sum_of_what_is_in_flight() -> None:
    m = socket()
    ask(m, stream_id="a", input="x" * 700)
    answer(m, _created("r_a", stream_id="a"), _delta("x" * 70, stream_id="a"))
    assert m.running.output == 20
    assert m.running.total_input > 100
    done = {**completed("r_a", input_tokens=5, output_tokens=1), "stream_id": "a"}
    answer(m, done)
    assert m.running == Tokens()


def test_a_turn_that_builds_on_an_earlier_one_is_estimated_with_it() -> None:
    m = socket(known=Conversations())
    ask(m)
    answer(m, completed("resp_1", input_tokens=30_000, output_tokens=500))
    frame = json.dumps({"type": "response.create", "previous_response_id": "resp_1"}).encode()
    admission = m.client_frame(frame)
    assert admission is not None
    assert 30_500 <= admission.request.input_estimate < 30_700


def test_a_turn_after_a_prewarm_is_estimated_with_what_the_prewarm_brought() -> None:
    m = socket()
    ask(m, generate=False, instructions="x" * 7000)
    answer(m, completed("resp_0", input_tokens=0, output_tokens=0))
    frame = json.dumps({"type": "response.create", "previous_response_id": "resp_0"}).encode()
    admission = m.client_frame(frame)
    assert admission is not None
    assert 1000 < admission.request.input_estimate < 7000


def test_a_refused_frame_that_was_never_sent_owes_nothing() -> None:
    m = socket()
    assert m.client_frame(b'{"type":"response.create"}') is not None
    assert m.close(Reason.CLIENT_GONE) == []


def test_a_request_sent_and_never_answered_leaves_an_estimated_row() -> None:
    m = socket()
    asked = ask(m, model="gpt-z", input="x" * 700)
    (settled,) = m.close(Reason.UPSTREAM_FAILED)
    assert settled.request_id == asked
    (row,) = settled.exchanges
    assert (row.completeness, row.model, row.response_id) == (
        Completeness.PARTIAL, "gpt-z", asked)  # fmt: skip
    assert row.tokens.input_uncached > 100


ERROR = {"type": "error", "status": 400, "error": {"code": "bad"}}


def test_an_error_before_a_response_gives_the_reservation_back() -> None:
    m = socket()
    refused = ask(m)
    (settled,) = answer(m, ERROR)
    assert (settled.request_id, settled.exchanges) == (refused, ())
    assert answer(m, ERROR) == [] and m.close(Reason.COMPLETE) == []


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/realtime?model=m"])
def test_a_request_that_a_provoked_error_seemed_to_refuse_is_booked_with_the_sockets_end(
    path: str,
) -> None:
    """The agent chooses when the error comes, and when it leaves."""
    m = socket(path)
    asked = ask(m, input="x" * 70_000)
    assert m.client_frame(b'{"type":"response.cancel","response_id":"nope"}') is None
    (released,) = answer(m, ERROR)
    assert (released.request_id, released.exchanges) == (asked, ()) and m.busy
    (booked,) = m.close(Reason.CLIENT_GONE)
    assert booked.exchanges[0].tokens.input_uncached > 5_000
    assert booked.exchanges[0].response_id == asked
    assert m.close(Reason.CLIENT_GONE) == []


def test_seeming_refusals_on_one_lane_are_all_booked() -> None:
    m = socket()
    asked, told = [], []
    for _ in range(3):
        asked.append(ask(m, input="x" * 700))
        m.client_frame(b'{"type":"response.processed"}')
        told += answer(m, ERROR)
    told += [*answer(m, {"type": "ping"}), *m.close(Reason.CLIENT_GONE)]
    rows = [row.response_id for settled in told for row in settled.exchanges]
    assert sorted(rows) == asked


def test_an_error_ends_a_response_when_another_begins_on_its_lane_or_the_socket_ends() -> None:
    m = socket()
    first, second = ask(m), ask(m)
    assert answer(m, _created("r1"), _delta("x" * 70), ERROR) == []
    (ended,) = answer(m, _created("r2"), _delta("x" * 35), ERROR)
    assert ended.request_id == first
    assert (ended.exchanges[0].tokens.output, ended.exchanges[0].note[:3]) == (20, "bad")
    (rest,) = m.close(Reason.COMPLETE)
    assert (rest.request_id, rest.exchanges[0].tokens.output) == (second, 10)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("path", ["/v1/responses", "/v1/realtime?model=m"])
def test_an_error_that_a_free_frame_provoked_makes_nothing_free(path: str, named: bool) -> None:
    """Whoever leaves before the end owes what had passed; with the end, its numbers, once."""
    for whole in (False, True):
        m = socket(path)
        asked = ask(m)
        names = {"response_id": "r"} if named else {}
        assert m.client_frame(b'{"type":"response.cancel","response_id":"nope"}') is None
        deltas = [_delta("x" * 35) | names] * 200
        assert answer(m, _created("r"), ERROR, *deltas, ERROR) == []
        assert m.running.output == 2000
        last = answer(m, completed("r", input_tokens=5, output_tokens=9)) if whole else []
        (settled,) = [*last, *m.close(Reason.CLIENT_GONE)]
        assert settled.request_id == asked
        assert settled.exchanges[0].tokens.output == (9 if whole else 2000)


def test_realtime_counts_two_responses_at_once_by_the_ids_that_deltas_name() -> None:
    m = socket("/v1/realtime?model=m")
    first, second = ask(m), ask(m)
    assert answer(m, _created("r1"), ERROR, _created("r2")) == []
    answer(m, _delta("x" * 350) | {"response_id": "r1"}, _delta("x" * 35) | {"response_id": "r2"})
    (ended,) = answer(m, completed("r2", input_tokens=1, output_tokens=11))
    (rest,) = m.close(Reason.CLIENT_GONE)
    assert (ended.request_id, ended.exchanges[0].tokens.output) == (second, 11)
    assert (rest.request_id, rest.exchanges[0].tokens.output) == (first, 100)


def test_a_response_that_nobody_asked_for_is_told_once_and_settled_by_the_id_it_got() -> None:
    m = socket("/v1/realtime?model=m")
    answer(m, _created("r1"), completed("gone", input_tokens=1, output_tokens=1))
    (unasked,) = m.unasked()
    assert m.unasked() == [] and unasked.request_id
    (settled,) = answer(m, completed("r1", input_tokens=5, output_tokens=9))
    assert settled.request_id == unasked.request_id


def test_a_request_that_only_seemed_refused_keeps_its_facts() -> None:
    m = socket()
    refused = ask(m, model="gpt-z", input="x" * 700)
    m.client_frame(b'{"type":"response.processed"}')
    assert [s.request_id for s in answer(m, ERROR)] == [refused]
    answer(m, _created("r1"))
    (again,) = m.unasked()
    assert (again.model, again.request_id != refused) == ("gpt-z", True)
    assert again.input_estimate > 100


def test_a_steered_response_hands_on_to_a_successor_with_the_steering_admission() -> None:
    m = socket()
    first, waiting = ask(m), ask(m)
    answer(m, _created("r1"))
    steer = ask(m, "response.steer", input="no, the other one")
    cut = completed("r1", "incomplete", input_tokens=5, output_tokens=1)
    cut["response"]["incomplete_details"] = {"reason": "steered"}
    settled = answer(
        m, cut, _created("r2"), completed("r2", input_tokens=6, output_tokens=2),
        completed("r3", input_tokens=7, output_tokens=3),
    )  # fmt: skip
    assert [s.request_id for s in settled] == [first, steer, waiting]
    assert [s.exchanges[0].tokens.total for s in settled] == [6, 8, 10]


def test_a_steering_frame_that_came_too_late_is_given_back_without_a_row() -> None:
    m = socket()
    first = ask(m)
    answer(m, _created("r1"))
    steer = ask(m, "response.inject")
    settled = answer(m, completed("r1", input_tokens=5, output_tokens=1))
    assert [(s.request_id, len(s.exchanges)) for s in settled] == [(first, 1), (steer, 0)]


def test_admissions_that_pile_up_are_given_back_oldest_first() -> None:
    m = socket()
    asked = [ask(m) for _ in range(MAX_OPEN + 2)]
    settled = answer(m, {"type": "ping"})
    assert [s.request_id for s in settled] == asked[:2]


@pytest.mark.parametrize("frame", [b"", b"\xff", b"[]", b"null", b'{"type":7}', b"{" * 9000])
def test_frames_that_are_no_events_settle_nothing_and_do_not_fail(frame: bytes) -> None:
    m = socket()
    ask(m)
    assert m.server_frame(frame) == []


def test_realtime_responses_are_counted_and_streamed_sound_is_not_gated() -> None:
    m = socket("/v1/realtime")
    assert m.client_frame(b'{"type":"input_audio_buffer.append","audio":"AAAA"}') is None
    asked = ask(m)
    usage = {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14,
             "input_token_details": {"cached_tokens": 6}}  # fmt: skip
    done = {"type": "response.done", "response": {"id": "r", "status": "completed", "usage": usage}}
    (settled,) = answer(m, done)
    assert settled.request_id == asked
    assert settled.exchanges[0].tokens == Tokens(4, cache_read=6, output=4)


def test_a_socket_of_an_unknown_protocol_is_never_free() -> None:
    m = socket("/ws/brand.new.Protocol")
    assert m.client_frame(b"\x00\x01 anything") is not None
    asked = ask(m, "setup", text="x" * 700)
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
