"""Gemini's batches: a row a request when one is created, and each result counted once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botbottle.meter import Kind, Meter, Reason, identify, read_request
from botbottle.meter.call import Dialect
from botbottle.model.usage import Completeness, Exchange, Tokens

from .helpers import call, clock, feed, meter, only, whole

GOOGLE = "generativelanguage.googleapis.com"
CREATE = (GOOGLE, "/v1beta/models/gemini-z:batchGenerateContent")
BATCH = (GOOGLE, "/v1beta/batches/b7")
FILE = (GOOGLE, "/download/v1beta/files/out-9:download")
PRETTY = 2


def _asked(count: int, **config: Any) -> dict[str, Any]:
    request = {"contents": [{"parts": [{"text": "hello " * 50}]}], "generationConfig": config}
    items = [{"request": request, "metadata": {"key": "same"}} for _ in range(count)]
    return {"batch": {"displayName": "d", "inputConfig": {"requests": {"requests": items}}}}


def _answer(given: int, output: int, **more: Any) -> dict[str, Any]:
    usage = {"promptTokenCount": given, "candidatesTokenCount": output}
    return {"candidates": [{"finishReason": "STOP"}], "usageMetadata": usage, **more}


def _operation(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = {"model": "models/gemini-z", "state": "BATCH_STATE_SUCCEEDED"}
    held = {"inlinedResponses": {"inlinedResponses": list(results)}}
    return {"name": "batches/b7", "metadata": metadata, "done": True, "response": held, **more}


def _results(body: bytes, place: tuple[str, str] = BATCH, **headers: str) -> list[Exchange]:
    return whole(meter(place, "application/json", method="GET", **headers), body)


def test_creating_one_gives_a_row_a_request_under_the_id_of_its_result() -> None:
    where = call(CREATE)
    assert (where.kind, where.dialect) == (Kind.BATCH_CREATE, Dialect.GEMINI_BATCH)
    body = json.dumps(_asked(3, maxOutputTokens=70, candidateCount=2)).encode()
    asked = read_request(where, body, "", "flow-1")
    m = Meter(where, asked, status=200, headers={"content-type": "application/json"}, clock=clock)
    rows = whole(m, b'{"name": "batches/b7", "metadata": {"state": "BATCH_STATE_PENDING"}}')
    assert [row.response_id for row in rows] == [f"batches/b7/{at}" for at in range(3)]
    assert all(row.completeness is Completeness.PARTIAL for row in rows)
    assert all((row.model, row.tokens.output) == ("gemini-z", 140) for row in rows)
    assert asked.input_estimate == sum(row.tokens.total for row in rows)
    assert min(row.tokens.input_uncached for row in rows) > 50


def test_embedding_generates_nothing() -> None:
    where = call((GOOGLE, "/v1beta/models/g:asyncBatchEmbedContent"))
    asked = read_request(where, json.dumps(_asked(2)).encode(), "", "flow-1")
    assert [item.allowance for item in asked.batch] == [0, 0]


def test_a_batch_that_names_a_file_has_an_unknown_size_whatever_else_it_says() -> None:
    body = _asked(1)
    body["batch"]["inputConfig"]["fileName"] = "files/in"
    row = only(whole(meter(CREATE, "application/json", body=body), b'{"name": "batches/b7"}'))
    assert (row.response_id, row.completeness) == ("batches/b7", Completeness.ESTIMATED)


@pytest.mark.parametrize("indent", [None, PRETTY])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_results_inside_the_batch_are_final_rows_by_their_place(
    indent: int | None, size: int
) -> None:
    answers = (
        {"response": _answer(5, 9)},
        {"response": _answer(6, 10_000), "metadata": {"key": "k"}},
    )
    body = json.dumps(_operation(*answers), indent=indent).encode()
    m = meter(BATCH, "application/json", method="GET")
    rows = feed(m, *(body[at : at + size] for at in range(0, len(body), size)))
    rows += m.close(Reason.COMPLETE)
    assert [row.response_id for row in rows] == ["batches/b7/0", "batches/b7/1"]
    assert [row.tokens for row in rows] == [Tokens(5, output=9), Tokens(6, output=10_000)]
    assert all((row.completeness, row.model) == (Completeness.FINAL, "gemini-z") for row in rows)


def test_results_are_also_read_where_they_are_listed_or_in_the_metadata() -> None:
    whole_one = _operation({"response": _answer(5, 9)})
    in_metadata = {"name": "batches/b8", "metadata": {"output": whole_one["response"]}}
    listed = {"operations": [whole_one, in_metadata]}
    rows = _results(json.dumps(listed).encode(), (GOOGLE, "/v1beta/batches"))
    assert [row.response_id for row in rows] == ["batches/b7/0", "batches/b8/0"]


def test_a_batch_told_twice_has_the_same_rows() -> None:
    body = json.dumps(_operation({"response": _answer(5, 9)}, {"error": {"code": 13}})).encode()
    assert _results(body) == _results(body)


def test_requests_that_failed_cost_nothing() -> None:
    body = json.dumps(_operation({"error": {"code": 13, "message": "m"}})).encode()
    row = only(_results(body))
    assert (row.tokens, row.completeness) == (Tokens(), Completeness.FINAL)
    assert (row.response_id, row.note) == ("batches/b7/0", "13")


@pytest.mark.parametrize(
    "doc",
    [
        {"name": "batches/b7", "metadata": {"state": "BATCH_STATE_RUNNING"}},
        _operation(),
        _operation({"response": {"candidates": []}}),
        _operation({}),
        {"response": {"inlinedResponses": "x"}, "operations": [1, None, "x"]},
    ],
)
def test_what_tells_no_usage_leaves_the_estimate(doc: dict[str, Any]) -> None:
    assert _results(json.dumps(doc).encode()) == []


def test_embeddings_are_counted_where_the_provider_counts_them() -> None:
    body = json.dumps(_operation({"response": {"embedding": {}, "tokenCount": 12}})).encode()
    assert only(_results(body)).tokens == Tokens(12)


def test_a_file_of_results_has_a_row_a_line_whatever_the_keys() -> None:
    """The keys are the agent's: with one for all lines, all but one would be free."""
    lines = [{"key": "same", "response": _answer(at, at)} for at in range(1, 4)]
    lines.append({"key": "same", "error": {"code": 3}})
    body = b"\n".join(json.dumps(line).encode() for line in lines)
    rows = _results(body, FILE)
    assert [row.tokens.total for row in rows] == [2, 4, 6]
    assert len({row.response_id for row in rows}) == 3
    assert all(row.response_id.startswith("file:out-9/") for row in rows)
    assert _results(body, FILE) == rows


def test_lines_with_an_id_of_the_providers_are_the_same_in_any_part_of_the_file() -> None:
    line = json.dumps({"key": "k", "response": _answer(1, 1, responseId="r")}).encode() + b"\n"
    part = _results(line, FILE, content_range="bytes 100-200/900")
    assert [row.response_id for row in part] == ["file:out-9/r"]


def test_lines_without_one_are_no_replay_of_others_in_another_part() -> None:
    """Else a file that is fetched in parts of one line would cost as much as its longest line."""
    line = json.dumps({"key": "k", "response": _answer(1, 1)}).encode() + b"\n"
    parts = ["", "bytes 0-99/900", "bytes 100-199/900"]
    ids = {only(_results(line, FILE, content_range=part)).response_id for part in parts}
    assert len(ids) == 3


def test_a_film_is_no_file_of_results() -> None:
    m = meter(FILE, "video/mp4", method="GET")
    assert m.committed and whole(m, b"\x00\x00\x00\x18ftypmp42\n" * 900) == []


def test_a_damaged_file_alarms() -> None:
    row = only(_results(b"\xff" * 400, FILE, content_encoding="gzip"))
    assert (row.completeness, row.tokens.output) == (Completeness.ESTIMATED, 100)


@pytest.mark.parametrize("path", ["/v1/batches/b7", "/v1beta/openai/batches/b7"])
def test_batches_of_openais_are_none_of_these(path: str) -> None:
    found = identify("api.openai.com", "GET", path, {}, {})
    assert found is not None and found.kind is Kind.OTHER


def test_cancelling_one_is_free() -> None:
    assert call((GOOGLE, "/v1beta/batches/b7:cancel")).kind is Kind.OTHER
