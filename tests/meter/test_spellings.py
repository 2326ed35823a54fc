"""One request has many spellings, and none is cheaper than another."""

from __future__ import annotations

import json

import pytest

from botbottle.meter import Call, Kind, Reason, identify
from botbottle.meter.call import Dialect

from .helpers import call, meter, only, whole

AZURE = "r.openai.azure.com"
ANTHROPIC = "api.anthropic.com"
GOOGLE = "generativelanguage.googleapis.com"


def _found(host: str, method: str, path: str, **headers: str) -> Call:
    found = identify(host, method, path, headers, {})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("host", "method", "path"),
    [
        (AZURE, "GET", "/OpenAI/v1/Responses/resp_1"),
        (AZURE, "GET", "/openai/files/File-9/Content"),
        (AZURE, "POST", "/openai/Deployments/d/Chat/Completions"),
        (AZURE, "POST", "/openai/BATCHES"),
        (ANTHROPIC, "GET", "/v1/messages/Batches/b/RESULTS"),
        (GOOGLE, "GET", "/V1beta/Batches/b"),
        (GOOGLE, "GET", "/Download/v1beta/files/f:Download"),
    ],
)
def test_the_case_of_letters_changes_nothing(host: str, method: str, path: str) -> None:
    """Servers that ignore it would hand out for free what only a metered path tells the cost of."""
    one, other = _found(host, method, path), _found(host, method, path.lower())
    assert (one.kind, one.dialect) == (other.kind, other.dialect)
    assert one.metered


def test_ids_keep_their_case_and_are_found_in_any() -> None:
    line = json.dumps({"custom_id": "C0", "result": {"type": "expired"}}).encode()
    m = meter((ANTHROPIC, "/v1/messages/batches/MsgBatch_X/Results"), method="GET")
    assert only(whole(m, line)).response_id == "MsgBatch_X/C0"
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1}
    line = json.dumps({"response": {"usageMetadata": usage}}).encode()
    m = meter((GOOGLE, "/download/v1beta/files/File-A:Download"), method="GET")
    assert only(whole(m, line)).response_id == "file:File-A/1"
    line = json.dumps({"custom_id": "c", "id": "r", "response": {"body": {"usage": {
        "input_tokens": 1, "output_tokens": 1}}}}).encode()  # fmt: skip
    m = meter((AZURE, "/openai/files/File-B/CONTENT"), method="GET")
    assert only(whole(m, line)).response_id.startswith("file:File-B/r")
    polled = meter((AZURE, "/openai/v1/responses/Resp_1/Cancel"))
    assert polled.named[0] == "Resp_1"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/messages/batches/empty/../dear/results",
        "/v1/messages/batches/empty%2Fresults%3F/../../dear/results",
        "/v1/messages/batches/x/%2e%2e/dear/results",
    ],
)
def test_results_that_may_be_another_batchs_correct_nothing(path: str) -> None:
    """A server that does not resolve dots answers with the batch in which all has failed; the rows
    of the dear one, with the same names in it, would be set to nothing."""
    where = _found(ANTHROPIC, "GET", path)
    assert (where.kind, where.dialect) == (Kind.GENERATE, Dialect.UNKNOWN)
    line = json.dumps({"custom_id": "c0", "result": {"type": "errored"}}).encode()
    rows = whole(meter((ANTHROPIC, path), method="GET"), line, reason=Reason.COMPLETE)
    assert not any(row.response_id.startswith("dear") for row in rows)


def test_a_batch_is_created_whatever_dots_are_in_its_path() -> None:
    assert call((ANTHROPIC, "/v1/x/../messages/batches")).kind is Kind.BATCH_CREATE


@pytest.mark.parametrize("name", ["$httpMethod", "%24httpMethod", "$HTTPMETHOD"])
def test_a_get_that_asks_to_be_a_post_is_one(name: str) -> None:
    path = "/v1beta/models/g:generateContent"
    assert _found(GOOGLE, "GET", f"{path}?alt=sse&{name}=post").kind is Kind.GENERATE
    assert _found(GOOGLE, "GET", f"{path}?alt=sse").kind is Kind.OTHER
