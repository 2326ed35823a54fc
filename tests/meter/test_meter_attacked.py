"""Whatever comes in, the meter stays bounded, never raises, and leaves its row."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.meter import Limits, Meter, Reason
from botbottle.meter.dialects.anthropic import AnthropicReader
from botbottle.model.usage import Completeness

from .events import MESSAGE_STOP, message_delta, message_start, sse, text_delta
from .helpers import call, clock, feed, meter, only, request, whole
from .places import CHAT, CLAUDE, CONVERSE, GEMINI, RESPONSES

DONE = (message_delta(output_tokens=9), MESSAGE_STOP)
GOOGLE, AWS = "generativelanguage.googleapis.com", "bedrock-runtime.us-east-1.amazonaws.com"
PLACES = (
    CLAUDE, CHAT, RESPONSES, GEMINI, CONVERSE, ("ollama.com", "/api/chat"),
    ("api.openai.com", "/v1/new"), (GOOGLE, "/v1beta/interactions"),
    (AWS, "/model/m/invoke-with-response-stream"),
)  # fmt: skip
TYPES = ("text/event-stream", "application/json", "application/x-ndjson", "",
         "application/vnd.amazon.eventstream", "audio/mpeg")  # fmt: skip


@given(st.sampled_from(PLACES), st.sampled_from(TYPES),
       st.sampled_from(["", "gzip", "br", "zstd", "deflate", "nonsense"]), st.binary(max_size=300),
       st.sampled_from(list(Reason)))  # fmt: skip
def test_any_bytes_give_exactly_one_row_that_is_not_final_or_none_if_refused(
    place: tuple[str, str], kind: str, encoding: str, body: bytes, reason: Reason
) -> None:
    m = meter(place, kind, content_encoding=encoding)
    rows = whole(m, body[:100], body[100:], reason=reason)
    assert len(rows) <= 1
    assert all(row.completeness is not Completeness.FINAL for row in rows)
    assert m.committed
    if not rows:  # only an error document of the provider may end without a row
        assert b"error" in body


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
WORDS = """type id model usage message delta choices response candidates content parts error text
    input_tokens output_tokens prompt_tokens usageMetadata promptTokenCount cache_creation
    iterations interaction metadata bytes done result custom_id body finish_reason
    input_tokens_details tool_usage status index"""
KEYS = st.sampled_from(WORDS.split())
DOCS = st.recursive(
    SCALARS | st.sampled_from(["message_start", "message_delta", "compaction", "error"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)


@given(st.sampled_from(PLACES), st.lists(st.dictionaries(KEYS, DOCS, max_size=6), max_size=4))
def test_documents_of_the_wrong_types_never_break_the_meter(
    place: tuple[str, str], docs: list[dict[str, object]]
) -> None:
    m = meter(place)
    for row in whole(m, sse(*docs)):
        assert "meter fault" not in row.note
        assert all(n >= 0 for n in (row.tokens.total_input, row.tokens.output))
        assert row.tokens.reasoning <= row.tokens.output


def test_a_fault_of_the_meter_itself_leaves_an_estimated_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: AnthropicReader, event: str, doc: dict[str, object]) -> bool:
        raise RuntimeError("bug")

    monkeypatch.setattr(AnthropicReader, "read", fail)
    row = only(whole(meter(CLAUDE), sse(message_start())))
    assert (row.completeness, row.note[:25]) == (
        Completeness.ESTIMATED,
        "meter fault: RuntimeError",
    )


def test_a_bomb_is_estimated_and_said_and_keeps_what_was_known() -> None:
    z = zlib.compressobj(9, wbits=31)
    head = z.compress(sse(message_start(cache_read_input_tokens=5))) + z.flush(zlib.Z_SYNC_FLUSH)
    bomb = z.compress(bytes(50 * 1024 * 1024)) + z.flush()
    row = only(whole(meter(CLAUDE, content_encoding="gzip"), head, bomb))
    assert (row.completeness, row.note) == (Completeness.ESTIMATED, "decompression bomb")
    assert (row.tokens.input_uncached, row.tokens.cache_read) == (100, 5)
    assert row.tokens.output > 4


def test_an_unknown_encoding_is_estimated_within_what_the_request_allows() -> None:
    m = meter(CLAUDE, content_encoding="dcz", body={"max_tokens": 50, "messages": "x" * 300})
    row = only(whole(m, b"\xff" * 500))  # far more would show that the limit is not heeded
    assert row.completeness is Completeness.ESTIMATED
    assert row.tokens.output == 50
    assert "unknown content encoding" in row.note


def test_memory_stays_within_one_document_for_an_endless_stream() -> None:
    m = meter(CLAUDE)
    chunk = sse(*[text_delta("x" * 1000)] * 100)
    feed(m, sse(message_start()), chunk)
    tracemalloc.start()
    for _ in range(100):
        m.feed(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * len(chunk)
    assert only(feed(m, sse(*DONE))).tokens.output == 9


def _small(limit: int, content_type: str = "text/event-stream") -> Meter:
    where = call(CLAUDE)
    headers = {"content-type": content_type}
    return Meter(where, request(where), status=200, headers=headers, clock=clock,
                 limits=Limits(document=limit))  # fmt: skip


def test_a_document_over_the_limit_is_skipped_and_the_terminal_numbers_still_count() -> None:
    m = _small(1000)
    row = only(whole(m, sse(message_start(), text_delta("x" * 5000), *DONE)))
    assert (row.completeness, row.tokens.output) == (Completeness.FINAL, 9)


def test_terminal_numbers_over_the_limit_are_estimated_and_said() -> None:
    m = _small(1000)
    rows = whole(m, sse(message_start(), message_delta(output_tokens=9, padding="x" * 5000)))
    row = only(rows)
    assert (row.completeness, row.note) == (Completeness.ESTIMATED, "document over the limit")
    row = only(whole(_small(10, "application/json"), b'{"type":"message","usage":{}}'))
    assert row.completeness is Completeness.ESTIMATED
    assert row.note == "document over the limit; input estimated"


def test_json_nested_too_deeply_is_estimated_not_raised() -> None:
    body = b'{"usage":' * 100_000
    row = only(whole(meter(CLAUDE, "application/json"), body))
    assert row.completeness is Completeness.ESTIMATED


@pytest.mark.parametrize("value", [-1, True, "7", 1.0e300, 10**15, None, [], float("inf")])
def test_a_number_that_is_no_count_is_not_taken_for_one(value: object) -> None:
    rows = whole(meter(CLAUDE), sse(message_start(input_tokens=value), *DONE))
    assert only(rows).tokens.input_uncached == 0


@pytest.mark.parametrize("status", [[], {}, 7, None])
def test_a_status_of_the_wrong_type_is_no_fault(status: object) -> None:
    doc = {"type": "response.completed", "response": {"id": "r", "status": status, "usage": None}}
    for place in (("api.openai.com", "/v1/responses"),):
        for docs in ([doc], [{"status": status, "id": "r"}]):
            m = meter(place)
            assert all("meter fault" not in row.note for row in whole(m, sse(*docs)))
