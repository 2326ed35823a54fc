"""Lines and server-sent events: any line end, any split, bounded."""

from __future__ import annotations

import itertools
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.meter.lines import JsonLines, Lines, ServerSentEvents

CHARACTERS = st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])
EVENTS = st.lists(st.lists(st.text(CHARACTERS, min_size=1), min_size=1, max_size=3), max_size=5)


def _split(body: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(body) + 1) for cut in cuts} | {0, len(body)})
    return [body[a:b] for a, b in itertools.pairwise(places)]


@given(EVENTS, st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(0, 999), max_size=9))
def test_events_survive_any_line_end_and_any_chunking(
    events: list[list[str]], eol: str, cuts: list[int]
) -> None:
    body = "".join("".join(f"data: {line}{eol}" for line in e) + eol for e in events).encode()
    parser = ServerSentEvents(10_000)
    frames = [frame for chunk in _split(body, cuts) for frame in parser.feed(chunk)]
    assert frames == [("", "\n".join(event).encode()) for event in events]


def test_a_line_end_split_between_cr_and_lf_is_one_line_end() -> None:
    parser = ServerSentEvents(100)
    frames = [*parser.feed(b"data: a\r"), *parser.feed(b"\ndata: b\r"), *parser.feed(b"\n\r\n")]
    assert frames == [("", b"a\nb")]


def test_fields_comments_and_a_byte_order_mark_are_read_as_the_standard_says() -> None:
    parser = ServerSentEvents(100)
    body = b"\xef\xbb\xbfevent: e\n: comment\nid: 1\nretry: 5\ndata:x\ndata\nother: y\n\n"
    assert list(parser.feed(body)) == [("e", b"x\n")]
    assert list(parser.feed(b"data: z\n\n")) == [("", b"z")]  # the event name does not stick


def test_events_without_data_are_no_events() -> None:
    assert list(ServerSentEvents(100).feed(b"event: ping\n\n: hi\n\n\n\n")) == []


ONE_LONG_LINE = b"data: " + b"x" * 200 + b"\n\n"
TWO_LINES = b"data: " + b"x" * 60 + b"\ndata: " + b"y" * 60 + b"\n\n"


@pytest.mark.parametrize("body", [ONE_LONG_LINE, TWO_LINES])
@pytest.mark.parametrize("size", [1, 1000])
def test_an_event_over_the_limit_is_dropped_counted_and_survived(body: bytes, size: int) -> None:
    parser, body = ServerSentEvents(100), body + b"data: ok\n\n"
    chunks = (body[at : at + size] for at in range(0, len(body), size))
    frames = [frame for chunk in chunks for frame in parser.feed(chunk)]
    assert frames == [("", b"ok")]
    assert parser.dropped == 1


def test_a_long_line_in_small_chunks_takes_linear_time() -> None:
    def seconds(count: int) -> float:
        lines, began = Lines(1 << 30), time.thread_time()  # of this thread alone
        for _ in range(count):
            lines.feed(b"x" * 100)
        assert len(lines.rest()) == 100 * count
        return time.thread_time() - began

    assert min(seconds(80_000) for _ in range(3)) < 40 * max(seconds(8_000), 0.002)


def test_a_long_line_in_single_bytes_takes_little_more_memory_than_its_size() -> None:
    lines = Lines(1 << 30)
    tracemalloc.start()
    for _ in range(40_000):
        lines.feed(b"x")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 400_000


def test_many_short_lines_of_an_event_take_little_more_memory_than_their_bytes() -> None:
    parser, chunk = ServerSentEvents(1 << 20), b"data:ab\n" * 4_000
    tracemalloc.start()
    for _ in range(20):
        assert list(parser.feed(chunk)) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * len(chunk)  # 46 bytes a line of 8, where each is an object of its own
    assert list(parser.feed(b"\n")) == [("", b"\n".join([b"ab"] * 80_000))]


def test_empty_lines_of_an_event_count_against_its_limit() -> None:
    parser = ServerSentEvents(100)
    assert list(parser.feed(b"data:\n" * 102 + b"\n" + b"data:\n" * 101 + b"\n")) == [
        ("", b"\n" * 100)
    ]
    assert parser.dropped == 1


def test_json_lines_skip_empty_lines_and_give_the_last_without_its_end() -> None:
    parser = JsonLines(100)
    assert list(parser.feed(b'{"a":1}\n\n \n{"b"')) == [("", b'{"a":1}')]
    assert list(parser.feed(b":2}")) == []
    assert list(parser.close()) == [("", b'{"b":2}')]
    assert list(parser.close()) == []
