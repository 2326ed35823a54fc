"""Batches: what creating one costs, and what their results tell."""

from __future__ import annotations

import json
import zlib

import pytest

from botbottle.meter import (
    Call,
    Conversations,
    Kind,
    Meter,
    Reason,
    Request,
    read_request,
    unanswered,
)
from botbottle.meter.batches import KEPT, BatchItem, bounded
from botbottle.meter.references import UNKNOWN_CONTEXT
from botbottle.model.usage import Completeness, Exchange, Tokens

from .helpers import call, clock, feed, meter, only, request, whole
from .places import Place

GOOGLE = "generativelanguage.googleapis.com"


def test_creating_a_batch_gives_a_row_a_request_under_the_id_of_its_result() -> None:
    place = ("api.anthropic.com", "/v1/messages/batches")
    where = call(place)
    assert where.kind is Kind.BATCH_CREATE
    params = {
        "model": "claude-z",
        "max_tokens": 77,
        "messages": [{"role": "user", "content": "hello " * 50}],
    }
    body = {"requests": [{"custom_id": f"c{at}", "params": params} for at in range(3)]}
    asked = read_request(where, json.dumps(body).encode(), "", "flow-1")
    m = Meter(where, asked, status=200, headers={"content-type": "application/json"}, clock=clock)
    rows = whole(m, b'{"id":"msgbatch_7","type":"message_batch","processing_status":"in_progress"}')
    assert [row.response_id for row in rows] == [f"msgbatch_7/c{at}" for at in range(3)]
    assert all(row.tokens.output == 77 for row in rows)
    assert all(row.tokens.input_uncached > 50 and row.model == "claude-z" for row in rows)
    assert all(row.completeness is Completeness.PARTIAL for row in rows)


@pytest.mark.parametrize(
    ("place", "told", "row_id"),
    [
        (("api.openai.com", "/v1/batches"), {"id": "batch_1", "object": "batch"}, "batch_1"),
        ((GOOGLE, "/v1beta/models/g:batchGenerateContent"), {"name": "batches/b"}, "batches/b"),
        ((GOOGLE, "/v1/models/g:asyncBatchEmbedContent"), {"name": "batches/b"}, "batches/b"),
    ],
)
def test_a_batch_whose_size_nobody_can_know_alarms_and_is_not_free(
    place: Place, told: dict[str, str], row_id: str
) -> None:
    m = meter(place, "application/json", body={"input_file_id": "file-1"})
    row = only(whole(m, json.dumps(told).encode()))
    assert (row.response_id, row.completeness) == (row_id, Completeness.ESTIMATED)
    assert row.note.startswith("batch of unknown size")
    assert row.tokens.output > 0


def test_requests_that_a_batch_of_a_file_claims_to_hold_say_nothing() -> None:
    claimed = {"input_file_id": "file-1", "requests": [{"custom_id": "a", "params": {}}]}
    m = meter(("api.openai.com", "/v1/batches"), "application/json", body=claimed)
    row = only(whole(m, b'{"id":"batch_1","object":"batch","status":"validating"}'))
    assert (row.response_id, row.completeness) == ("batch_1", Completeness.ESTIMATED)


def test_a_batch_beyond_the_bound_loses_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botbottle.meter.batching.MAX_BATCH", 2)
    items = [{"custom_id": f"c{at}", "params": {"messages": "x" * 90}} for at in range(5)]
    body = json.dumps({"requests": items}).encode()
    asked = read_request(call(("api.anthropic.com", "/v1/messages/batches")), body, "", "f")
    assert [item.custom_id for item in asked.batch] == ["c0", "c1", "(rest 1)"]
    assert asked.batch[2].input_estimate == 3 * asked.batch[0].input_estimate


def test_what_shares_a_row_fits_into_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botbottle.meter.batches.MOST_TOGETHER", 100)
    items = [BatchItem(f"c{at}", "m", 30, 7) for at in range(12)]
    rest = bounded(items, 2)[2:]
    assert [item.custom_id for item in rest] == ["(rest 1)", "(rest 2)", "(rest 3)"]
    assert [item.input_estimate for item in rest] == [120, 120, 60]
    assert sum(item.allowance for item in rest) == 70


def test_a_batch_asks_for_all_that_it_books() -> None:
    asked, rows = _created(b'{"id":"msgbatch_7","type":"message_batch"}', Reason.COMPLETE)
    booked = sum(row.tokens.total for row in rows)
    assert booked >= 40 * 8192
    assert (asked.input_estimate, asked.allowance) == (booked, 0)


@pytest.mark.parametrize("told", [b"", b'{"id":"msgbatch_7","ty'], ids=["no body", "half a body"])
def test_a_batch_that_was_left_before_its_id_costs_the_same_each_time(told: bytes) -> None:
    whole_batch = _created(b'{"id":"msgbatch_7","type":"message_batch"}', Reason.COMPLETE)[1]
    ids: set[str] = set()
    for flow in ("f1", "f2"):
        rows = _created(told, Reason.CLIENT_GONE, flow)[1]
        assert [row.tokens for row in rows] == [row.tokens for row in whole_batch]
        ids |= {row.response_id for row in rows}
    assert len(ids) == 80


def test_a_batch_that_got_no_answer_costs_the_same() -> None:
    where, asked = _asked("f1")
    rows = unanswered(where, asked, clock, Reason.CLIENT_GONE)
    answered = _created(b'{"id":"msgbatch_7","type":"message_batch"}', Reason.COMPLETE)[1]
    assert [row.tokens for row in rows] == [row.tokens for row in answered]
    assert {row.response_id.partition("/")[0] for row in rows} == {"f1"}


def test_few_rows_tell_of_a_whole_batch_when_the_sidecar_is_killed() -> None:
    where, asked = _asked("f1")
    unheard = unanswered(where, asked, clock, Reason.KILLED)
    m = Meter(where, asked, status=200, headers={"content-type": "application/json"}, clock=clock)
    feed(m, b'{"id":"msgbatch_7","ty')
    heard = m.owed(Reason.KILLED, unread=False)
    for rows in (unheard, heard):
        assert len(rows) <= KEPT + 1
        assert sum(row.tokens.total for row in rows) == asked.input_estimate


def test_a_background_response_that_got_no_answer_is_booked_at_its_allowance() -> None:
    where = call(("api.openai.com", "/v1/responses"))
    for background, limit, output in ((True, 300, 300), (True, 90_000, 90_000), (False, 300, 0)):
        said = {"background": background, "stream": not background, "max_output_tokens": limit}
        asked = request(where, **said, input="hello")
        row = only(unanswered(where, asked, clock, Reason.CLIENT_GONE))
        assert (row.tokens.output, row.completeness) == (output, Completeness.PARTIAL)


def _asked(flow: str) -> tuple[Call, Request]:
    where = call(("api.anthropic.com", "/v1/messages/batches"))
    params = {"model": "claude-z", "max_tokens": 128_000, "messages": "x" * 90}
    items = [{"custom_id": f"c{at}", "params": params} for at in range(40)]
    return where, read_request(where, json.dumps({"requests": items}).encode(), "", flow)


def _created(told: bytes, reason: Reason, flow: str = "f") -> tuple[Request, list[Exchange]]:
    where, asked = _asked(flow)
    m = Meter(where, asked, status=200, headers={"content-type": "application/json"}, clock=clock)
    return asked, whole(m, told, reason=reason)


def test_rows_of_batch_results_come_one_by_one_and_a_damaged_file_alarms() -> None:
    place = ("api.anthropic.com", "/v1/messages/batches/b/results")
    message = {"id": "m", "model": "claude-z", "usage": {"input_tokens": 1, "output_tokens": 2}}
    line = json.dumps({"custom_id": "a", "result": {"message": message}}).encode() + b"\n"
    m = meter(place, "application/x-jsonl", method="GET", content_encoding="gzip")
    z = zlib.compressobj(wbits=31)
    assert only(feed(m, z.compress(line) + z.flush(zlib.Z_SYNC_FLUSH))).tokens == Tokens(
        1, output=2
    )
    assert feed(m, b"\xff" * 400) == []
    row = only(m.close(Reason.COMPLETE))
    assert (row.completeness, row.tokens.output > 0) == (Completeness.ESTIMATED, True)


@pytest.mark.parametrize("kind", ["errored", "canceled", "expired"])
def test_requests_of_a_batch_that_did_not_succeed_cost_nothing(kind: str) -> None:
    place = ("api.anthropic.com", "/v1/messages/batches/msgbatch_7/results")
    line = {"custom_id": "c0", "result": {"type": kind, "error": {"type": "error"}}}
    row = only(whole(meter(place, method="GET"), json.dumps(line).encode()))
    assert (row.response_id, row.note) == ("msgbatch_7/c0", kind)
    assert (row.tokens, row.completeness) == (Tokens(), Completeness.FINAL)


def test_a_result_of_an_unknown_kind_leaves_its_estimate() -> None:
    place = ("api.anthropic.com", "/v1/messages/batches/msgbatch_7/results")
    for result in ({"type": "paused"}, {"type": "succeeded"}, {}, "errored", None):
        line = json.dumps({"custom_id": "c0", "result": result}).encode()
        assert whole(meter(place, method="GET"), line) == []


def test_a_file_that_the_agent_wrote_speaks_for_no_response() -> None:
    usage = {"input_tokens": 0, "output_tokens": 0}
    line = {"id": "resp_1", "custom_id": "x", "response": {"body": {"usage": usage}}}
    where, known = call(("api.openai.com", "/v1/files/file-9/content"), "GET"), Conversations()
    known.remember("resp_1", 7000)
    m = Meter(where, request(where), status=200, headers={}, clock=clock, conversations=known)
    row = only(feed(m, json.dumps(line).encode() + b"\n"))
    assert row.response_id == "file:file-9/resp_1"
    assert known.context("resp_1") == 7000
    assert known.context(row.response_id) == UNKNOWN_CONTEXT
