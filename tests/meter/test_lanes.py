"""Frames that ask for no response, beside those that do: whose admission a response takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botbottle.meter import Reason
from botbottle.meter.lanes import MAX_OPEN

from .events import completed
from .helpers import answer, ask, socket

REALTIME = "/v1/realtime?model=m"
ITEM = "conversation.item.create"
ERROR = {"type": "error", "status": 400, "error": {"code": "bad"}}


def _created(response_id: str) -> dict[str, Any]:
    return {"type": "response.created", "response": {"id": response_id}}


def _delta(text: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": text}


def test_input_that_is_sent_beside_requests_leaks_no_admission() -> None:
    """A text turn of Realtime is an item and a request: each began a queue that never ended."""
    m = socket(REALTIME)
    for turn in range(3):
        item, asked = ask(m, ITEM, item={"text": "x" * 70}), ask(m)
        begun = answer(m, _created(f"r{turn}"))
        assert [(s.request_id, s.exchanges) for s in begun] == [(item, ())]
        (done,) = answer(m, completed(f"r{turn}", input_tokens=10, output_tokens=5))
        assert (done.request_id, done.exchanges[0].tokens.total) == (asked, 15)
    assert not m.busy and m.close(Reason.COMPLETE) == []


def test_a_response_that_is_cut_owes_the_input_that_was_sent_beside_its_request() -> None:
    m = socket(REALTIME)
    for _ in range(3):
        ask(m, ITEM, item={"text": "x" * 70_000})
    asked = ask(m)
    answer(m, _created("r"), _delta("x" * 70))
    (rest,) = m.close(Reason.CLIENT_GONE)
    assert rest.request_id == asked
    assert rest.exchanges[0].tokens.input_uncached > 3 * 5_000


def test_input_alone_is_admitted_without_output_and_costs_nothing_until_it_is_answered() -> None:
    m = socket(REALTIME)
    admission = m.client_frame(json.dumps({"type": ITEM, "item": {"text": "x" * 700}}).encode())
    assert admission is not None
    assert (admission.request.allowance, m.asked(admission.request)) == (0, [])
    assert admission.request.input_estimate > 50
    m.sent(admission)
    (settled,) = m.close(Reason.CLIENT_GONE)
    assert (settled.request_id, settled.exchanges) == (admission.request.request_id, ())


@pytest.mark.parametrize(("path", "kind"), [(REALTIME, "new.frame"), ("/v1/responses", "new.frame"),
                                            ("/v1/responses", "response.steer")])  # fmt: skip
def test_an_unknown_frame_pays_for_what_it_starts_and_leaks_nothing(path: str, kind: str) -> None:
    m = socket(path)
    ask(m, kind, input="x" * 700)
    assert m.busy, "it may have started something"
    (owed,) = m.close(Reason.CLIENT_GONE)
    assert owed.exchanges[0].tokens.input_uncached > 50
    m = socket(path)
    unknown = ask(m, kind)
    assert answer(m, _created("r1")) == [] and m.unasked() == []
    (done,) = answer(m, completed("r1", input_tokens=1, output_tokens=1))
    assert done.request_id == unknown
    beside, asked = ask(m, kind), ask(m)
    begun = answer(m, _created("r2"))
    assert [(s.request_id, s.exchanges) for s in begun] == [(beside, ())]
    assert [s.request_id for s in m.close(Reason.CUT)] == [asked]


def test_an_error_that_may_be_about_input_beside_a_request_makes_neither_free() -> None:
    m = socket(REALTIME)
    item, asked = ask(m, ITEM, item={"text": "x" * 70_000}), ask(m, input="x" * 7000)
    (released,) = answer(m, ERROR)
    assert (released.request_id, released.exchanges) == (asked, ())
    settled = m.close(Reason.CLIENT_GONE)
    assert {s.request_id: len(s.exchanges) for s in settled} == {item: 0, asked: 1}
    m = socket(REALTIME)
    ask(m, ITEM, item={"text": "x" * 70_000})
    m.client_frame(b'{"type":"response.cancel"}')
    assert answer(m, ERROR) == []
    ask(m)
    answer(m, _created("r"))
    assert m.running.total_input > 5_000


def test_input_that_was_refused_alone_is_given_back() -> None:
    m = socket(REALTIME)
    item = ask(m, ITEM, item={"text": "x" * 7000})
    assert [(s.request_id, s.exchanges) for s in answer(m, ERROR)] == [(item, ())]
    ask(m)
    answer(m, _created("r"))
    assert m.running.total_input < 500


def test_input_that_piles_up_without_a_request_is_given_back_oldest_first() -> None:
    m = socket(REALTIME)
    asked = [ask(m, ITEM) for _ in range(MAX_OPEN + 2)]
    assert [s.request_id for s in answer(m, {"type": "ping"})] == asked[:2]
