"""Field bugs that lose usage (1 to 13). The index is in test_field_bugs.py."""

from __future__ import annotations

import gzip
import json
import zlib

import brotli
import pytest
import zstandard

from botbottle.meter import Meter, Reason, unanswered
from botbottle.meter.lanes import MAX_OPEN
from botbottle.model.usage import Completeness, Tokens

from .events import MESSAGE_STOP, completed, message_delta, message_start, sse, text_delta
from .helpers import answer, ask, call, clock, feed, meter, only, request, socket, whole
from .places import CHAT, CLAUDE, RESPONSES

CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-z"}}
WORDS = "twenty-eight characters here"  # 28 ASCII characters are 8 tokens


def test_bug_01_client_gone_mid_stream_leaves_a_flagged_row_with_exact_input() -> None:
    m = meter(CLAUDE)
    rows = feed(m, sse(message_start(cache_read_input_tokens=7), text_delta(WORDS)))
    assert rows == []
    row = only(m.close(Reason.CLIENT_GONE))
    assert row.completeness is Completeness.PARTIAL
    assert row.tokens == Tokens(input_uncached=100, cache_read=7, output=8)
    assert row.note == "client gone"


def test_bug_01_client_gone_before_openai_told_anything_is_estimated_not_zero() -> None:
    m = meter(RESPONSES, body={"input": "x" * 400})
    row = only(whole(m, sse(CREATED), reason=Reason.CLIENT_GONE))
    assert row.completeness is Completeness.PARTIAL
    assert row.tokens.total_input > 30
    assert "input estimated" in row.note


def test_bug_02_upstream_error_event_mid_stream_leaves_a_row() -> None:
    m = meter(CLAUDE)
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    row = only(feed(m, sse(message_start(), text_delta(WORDS), error)))
    assert row.tokens == Tokens(input_uncached=100, output=8)
    assert (row.completeness, row.note) == (Completeness.PARTIAL, "overloaded_error")


@pytest.mark.parametrize("reason", [Reason.UPSTREAM_FAILED, Reason.CUT])
def test_bug_02_upstream_connection_lost_mid_stream_leaves_a_row(reason: Reason) -> None:
    row = only(whole(meter(CLAUDE), sse(message_start()), reason=reason))
    assert (row.tokens.total_input, row.note) == (100, reason.value)


def test_bug_02_failed_response_with_null_usage_after_output_leaves_a_row() -> None:
    delta = {"type": "response.output_text.delta", "delta": WORDS}
    failed = {"type": "response.failed", "response": {"id": "resp_1", "status": "failed",
              "usage": None, "error": {"code": "server_error"}}}  # fmt: skip
    row = only(feed(meter(RESPONSES), sse(CREATED, delta, failed)))
    assert (row.completeness, row.tokens.output) == (Completeness.PARTIAL, 8)


def test_bug_03_interrupted_output_does_not_stay_at_the_placeholder() -> None:
    row = only(whole(meter(CLAUDE), sse(message_start(), *[text_delta(WORDS)] * 25),
                     reason=Reason.CLIENT_GONE))  # fmt: skip
    assert row.tokens.output == 200


def test_bug_03_hidden_thinking_counts_by_the_providers_own_increments() -> None:
    delta = {"type": "thinking_delta", "thinking": "", "estimated_tokens": 50}
    hidden = {"type": "content_block_delta", "delta": delta}
    row = only(whole(meter(CLAUDE), sse(message_start(), hidden, hidden), reason=Reason.CUT))
    assert row.tokens.output == 100


def _flushed_gzip(*parts: bytes) -> list[bytes]:
    z = zlib.compressobj(wbits=31)
    return [z.compress(part) + z.flush(zlib.Z_SYNC_FLUSH) for part in parts]


def test_bug_04_interrupted_gzip_without_trailer_keeps_the_events_already_passed() -> None:
    last = sse(text_delta("0f9c4 q7 Zz kkw 93b 5u hx2"))
    chunks = _flushed_gzip(sse(message_start()), sse(text_delta(WORDS)), last)
    m = meter(CLAUDE, content_encoding="gzip")
    row = only(whole(m, *chunks[:2], chunks[2][:10], reason=Reason.UPSTREAM_FAILED))
    assert row.tokens == Tokens(input_uncached=100, output=8)
    assert row.completeness is Completeness.PARTIAL


def test_bug_04_a_final_event_cut_short_is_said_not_swallowed() -> None:
    torn = sse(text_delta(WORDS))[:-20]
    row = only(whole(meter(CLAUDE), sse(message_start()) + torn, reason=Reason.CLIENT_GONE))
    assert row.note == "client gone; last event cut short"


def test_bug_04_a_final_event_that_lacks_only_its_empty_line_still_counts() -> None:
    events = sse(message_start(), message_delta(output_tokens=9), MESSAGE_STOP)
    row = only(whole(meter(CLAUDE), events.rstrip(b"\n"), reason=Reason.UPSTREAM_FAILED))
    assert (row.completeness, row.tokens.output) == (Completeness.FINAL, 9)


def test_bug_05_a_plain_call_whose_client_vanished_leaves_a_row() -> None:
    m = meter(CLAUDE, "application/json", content_length="4000")
    row = only(whole(m, b'{"id":"msg_1","type":"mess', reason=Reason.CLIENT_GONE))
    assert row.completeness is Completeness.PARTIAL
    assert row.tokens.total_input > 0
    assert row.tokens.output == 1000  # guessed from the announced size: it was all generated


def test_bug_05_a_request_that_never_got_a_response_leaves_a_row() -> None:
    where = call(CLAUDE)
    asked = request(where, messages=[{"role": "user", "content": "x" * 500}], stream=True)
    row = only(unanswered(where, asked, clock, Reason.CLIENT_GONE))
    assert row.tokens == Tokens(input_uncached=asked.input_estimate)
    assert row.response_id == "flow-1"
    assert "input estimated" in row.note


def test_bug_06_the_row_is_made_when_the_terminal_event_passes_not_at_the_end() -> None:
    m = meter(RESPONSES)
    row = only(feed(m, sse(CREATED, completed(input_tokens=50, output_tokens=5))))
    assert row.tokens == Tokens(input_uncached=50, output=5)
    assert m.committed
    assert m.close(Reason.CLIENT_GONE) == []  # HTTP/2 CANCEL after the client saw enough


def test_bug_06_a_plain_body_is_counted_when_its_last_byte_passes() -> None:
    body = json.dumps({"id": "msg_1", "type": "message", "usage": {"input_tokens": 3,
                       "output_tokens": 2}}).encode()  # fmt: skip
    m = meter(CLAUDE, "application/json", content_length=str(len(body)))
    assert feed(m, body[:-1]) == []
    assert only(feed(m, body[-1:])).tokens == Tokens(input_uncached=3, output=2)


def test_bug_07_every_response_of_a_socket_is_counted_not_only_the_last() -> None:
    m, settled = socket(), []
    for at in range(3):
        ask(m)
        settled += answer(m, completed(f"resp_{at}", input_tokens=10 + at, output_tokens=1))
    assert [s.request_id for s in settled] == ["ws:1", "ws:2", "ws:3"]
    assert [s.exchanges[0].tokens.input_uncached for s in settled] == [10, 11, 12]


def test_bug_07_a_prewarm_zero_settles_only_its_own_admission() -> None:
    m = socket()
    ask(m, generate=False)
    turn = ask(m)
    (first,) = answer(m, completed("resp_0", input_tokens=0, output_tokens=0))
    assert (first.request_id, first.exchanges) == ("ws:1", ())
    (second,) = answer(m, completed("resp_1", input_tokens=70, output_tokens=7))
    assert second.request_id == turn
    assert second.exchanges[0].tokens.total == 77


def test_bug_07_a_socket_keeps_a_bounded_number_of_open_responses() -> None:
    m, settled = socket(), []
    for at in range(MAX_OPEN + 10):
        ask(m)
        created = {"type": "response.created", "response": {"id": f"resp_{at}"}}
        settled += answer(m, created)
    assert len(settled) == 10
    assert all(s.exchanges[0].completeness is Completeness.PARTIAL for s in settled)


def test_bug_07_an_error_frame_ends_the_accounting_of_no_response() -> None:
    m = socket()
    turn = ask(m)
    created = {"type": "response.created", "response": {"id": "resp_0"}}
    assert answer(m, created, {"type": "error", "error": {"code": "provoked"}}) == []
    (settled,) = answer(m, completed("resp_0", input_tokens=70, output_tokens=7))
    assert settled.request_id == turn
    assert settled.exchanges[0].tokens.total == 77


def test_bug_08_streamed_responses_usage_is_under_response() -> None:
    row = only(feed(meter(RESPONSES), sse(completed(input_tokens=50, output_tokens=5))))
    assert row.tokens.total == 55


def test_bug_08_chat_names_are_read() -> None:
    body = {"id": "chatcmpl-1", "object": "chat.completion",
            "usage": {"prompt_tokens": 8, "completion_tokens": 2}}  # fmt: skip
    row = only(whole(meter(CHAT, "application/json"), json.dumps(body).encode()))
    assert row.tokens == Tokens(input_uncached=8, output=2)


def test_bug_08_batch_lines_with_responses_names_are_read() -> None:
    place = ("api.openai.com", "/v1/files/f/content")
    line = {"id": "batch_req_1", "custom_id": "a", "response": {"status_code": 200, "body":
            {"id": "resp_1", "usage": {"input_tokens": 8, "output_tokens": 2}}}}  # fmt: skip
    m = meter(place, "application/octet-stream", method="GET")
    assert only(feed(m, json.dumps(line).encode() + b"\n")).tokens.total == 10


def _chunk(**fields: object) -> dict[str, object]:
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-z", **fields}


FINISH = _chunk(choices=[{"delta": {}, "finish_reason": "stop"}])


def test_bug_09_chat_usage_after_the_finish_reason_is_counted() -> None:
    usage = _chunk(choices=[], usage={"prompt_tokens": 8, "completion_tokens": 2})
    m = meter(CHAT)
    assert feed(m, sse(FINISH)) == feed(m, sse(usage)) == []
    assert only(feed(m, sse("[DONE]"))).tokens == Tokens(input_uncached=8, output=2)
    assert m.close(Reason.COMPLETE) == []


def test_bug_09_chat_usage_counts_also_where_the_end_mark_never_comes() -> None:
    usage = _chunk(choices=[], usage={"prompt_tokens": 8, "completion_tokens": 2})
    for reason in Reason:
        row = only(whole(meter(CHAT), sse(FINISH, usage), reason=reason))
        assert (row.tokens, row.completeness) == (Tokens(8, output=2), Completeness.FINAL)


def test_bug_09_a_chat_stream_without_usage_is_estimated_and_alarms() -> None:
    said = _chunk(choices=[{"delta": {"content": WORDS}}])
    m = meter(CHAT, body={"stream": True, "messages": [{"content": "x" * 400}]})
    row = only(whole(m, sse(said, FINISH, "[DONE]")))
    assert row.completeness is Completeness.ESTIMATED
    assert "include_usage" in row.note
    assert row.tokens.output == 8
    assert row.tokens.input_uncached > 30


@pytest.mark.parametrize("eol", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_bug_10_frames_split_anywhere_with_any_line_end_are_counted(eol: str, size: int) -> None:
    body = sse(message_start(), text_delta("東京 ééé\u2028"), message_delta(output_tokens=9),
               MESSAGE_STOP).replace(b"\n", eol.encode())  # fmt: skip
    rows = feed(meter(CLAUDE), *(body[at : at + size] for at in range(0, len(body), size)))
    assert only(rows).tokens == Tokens(input_uncached=100, output=9)


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda b: zlib.compress(b, wbits=-15)),
        ("br", brotli.compress),
        ("zstd", zstandard.compress),
        ("GZIP", lambda b: gzip.compress(b[:90]) + gzip.compress(b[90:])),
        ("zstd", lambda b: zstandard.compress(b[:90]) + zstandard.compress(b[90:])),
    ],
)
def test_bug_11_every_content_encoding_is_read(encoding: str, encode) -> None:  # type: ignore[no-untyped-def]
    body = encode(sse(message_start(), message_delta(output_tokens=9), MESSAGE_STOP))
    m = meter(CLAUDE, content_encoding=encoding)
    assert only(feed(m, body)).tokens == Tokens(input_uncached=100, output=9)


def test_bug_12_a_sidecar_that_stops_right_after_the_job_still_gets_the_row() -> None:
    m = meter(CLAUDE)
    feed(m, sse(message_start(), text_delta(WORDS)))
    assert only(m.close(Reason.SHUTDOWN)).tokens == Tokens(input_uncached=100, output=8)


def test_bug_13_usage_that_cannot_be_read_raises_an_alarm_instead_of_nothing() -> None:
    m: Meter = meter(CLAUDE, "application/json")
    row = only(whole(m, b'{"type":"message","usage":' + b"[" * 5))
    assert row.completeness is Completeness.ESTIMATED
    assert row.tokens.total > 0
