"""Runs are found whole wherever they stand, and decoded as the standard library does."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.dlp import runs
from botbottle.dlp.budget import Budget
from botbottle.dlp.compiled import matcher
from botbottle.dlp.digits import decode_run, worth
from botbottle.dlp.runs import RUN, RUN_EXPRESSION, Ends, run_end, spans

ENGINE = matcher([RUN_EXPRESSION])
_PIECES = st.one_of(
    st.integers(1, 900).map(lambda n: b"aB3" * n),
    st.integers(1, 90).map(lambda n: b" " * n),
    st.sampled_from([b"{}", b"==", b"x y", b"QUJD" * 20]),
)


@given(st.lists(_PIECES, max_size=30).map(b";".join))
def test_every_long_run_is_found_once_and_whole(data: bytes) -> None:
    wanted = [m.span() for m in re.finditer(rb"[A-Za-z0-9+/_-]{%d,}={0,2}" % RUN, data)]
    assert list(spans(memoryview(data), ENGINE)) == wanted


_WHOLE = re.compile(
    rb"[A-Za-z0-9+/_-]++(?:(?:\\+[rn]|[\r\n]|\\/){1,4}[ \t]{0,8}[A-Za-z0-9+/_-]{4,})*={0,2}"
)
_LINES = st.tuples(st.sampled_from([4, 5, 9, 76, 700, 9000]), st.integers(1, 400))
_BREAKS = st.sampled_from([b"\n", b"\r\n", b"\\n", b"\\r\\n", b"\n  ", b"\\/", b"\n\n\n\n"])
_ENDS = st.sampled_from([b"", b"=", b"===", b"\nab", b" x", b"\n\n\n\n\nabcd"])


@given(st.lists(st.tuples(_LINES, _BREAKS), min_size=1, max_size=4), _ENDS)
def test_a_run_over_many_lines_ends_where_one_match_would_end(
    parts: list[tuple[tuple[int, int], bytes]], end: bytes
) -> None:
    """It is matched in windows, because one match keeps every other thread waiting."""
    text = b"aB3+" * 2250
    pieces = (between.join([text[:size]] * n) for (size, n), between in parts)
    data = b"\n".join(pieces) + end
    found = _WHOLE.match(data)
    assert found is not None and run_end(memoryview(data), 0) == found.end()


def test_no_match_that_stops_other_threads_is_given_more_than_a_glance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_: list[int] = []

    class Counting:
        def match(self, surface: memoryview, start: int, end: int) -> re.Match[bytes] | None:
            given_.append(end - start)
            return body.match(surface, start, end)

    body = runs._BODY
    monkeypatch.setattr(runs, "_BODY", Counting())
    data = b"\n".join([b"aB3+"] * 50_000)
    assert run_end(memoryview(data), 0) == len(data)
    assert given_ and max(given_) <= 1024


def test_identifiers_made_of_words_are_not_decoded() -> None:
    assert not worth(b"GoogleCloudAiplatformV1beta1SchemaModelevaluationMetrics")
    assert worth(base64.b64encode(b"a note with a password in it: hunter2, really"))


@given(st.binary(min_size=10, max_size=300).map(lambda data: b"words" + data[: len(data) // 5 * 5]))
def test_base32_is_decoded_in_either_case(data: bytes) -> None:
    text = base64.b32encode(data)
    for run in (text, text.lower()):
        assert ("base32", data) in decode_run(run, Budget(10_000, 100))


def test_what_only_begins_like_base32_is_decoded_as_far_as_it_is() -> None:
    run = b"A" * 256 + b"_1890_" * 8
    found = [data for layer, data in decode_run(run, Budget(10_000, 100)) if layer == "base32"]
    assert found == [bytes(160)]


def test_beginnings_inside_of_a_long_run_are_passed_over_without_a_look_for_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There can be tens of thousands, and each look would be at another 16 KiB."""

    def looked(_surface: memoryview, _at: int) -> int:
        raise AssertionError

    monkeypatch.setattr(runs, "_long_end", looked)
    long = b"QUJD" * 250_000
    ends = list(range(100, len(long) - 100, 29))
    assert list(runs.begun_spans(memoryview(long), ends)) == []
    short = b"x " + b"QUJD" * 7 + b" y"
    assert list(runs.begun_spans(memoryview(short), [12])) == [(2, 30)]


@given(
    st.lists(
        st.sampled_from(
            [b"QUJD", b"a", b"\\n", b"\n", b"\r\n  ", b"=", b" ", b"\\/", b"QUJDREVG" * 5]
        ),
        max_size=40,
    ),
    st.lists(st.integers(1, 400), max_size=8),
)
def test_beginnings_have_the_ends_that_a_look_at_all_of_it_finds(
    parts: list[bytes], ends: list[int]
) -> None:
    surface = memoryview(b"".join(parts))
    places = sorted({end for end in ends if end <= len(surface)})
    found = list(runs.begun_spans(surface, places))
    for start, last in found:
        assert runs.run_end(surface, start) == last and last - start < runs.RUN + 2


@given(st.lists(_PIECES, max_size=30).map(b";".join), st.integers(80, 900), st.integers(1, 5))
def test_runs_of_which_a_part_was_looked_for_ahead_are_found_whole(
    data: bytes, size: int, most: int
) -> None:
    """Piece by piece, each with what goes before it, and no more than a few ends of each."""
    view, known = memoryview(data), list[Ends]()
    for start in range(0, len(data), size):
        low, stop = max(0, start - 64), min(len(data), start + size)
        hits, more = ENGINE.find(view[low:stop], most)
        if hits:
            known.append(Ends([low + end for _, end in hits], stop, more))
    wanted = list(spans(view, ENGINE))
    assert known or not wanted
    assert not known or list(spans(view, ENGINE, 0, known)) == wanted
