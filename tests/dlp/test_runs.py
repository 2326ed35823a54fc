"""Runs are found whole wherever they stand, and decoded as the standard library does."""

from __future__ import annotations

import base64
import re

from hypothesis import given
from hypothesis import strategies as st

from botbottle.dlp.budget import Budget
from botbottle.dlp.compiled import matcher
from botbottle.dlp.runs import RUN, RUN_EXPRESSION, decode_run, spans, worth

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


def test_identifiers_made_of_words_are_not_decoded() -> None:
    assert not worth(b"GoogleCloudAiplatformV1beta1SchemaModelevaluationMetrics")
    assert worth(base64.b64encode(b"a note with a password in it: hunter2, really"))


@given(st.binary(min_size=10, max_size=300).map(lambda data: b"words" + data[: len(data) // 5 * 5]))
def test_base32_is_decoded_in_either_case(data: bytes) -> None:
    text = base64.b32encode(data)
    for run in (text, text.lower()):
        assert ("base32", data) in decode_run(run, Budget(10_000, 100))


def test_what_only_begins_like_base32_is_not_decoded_as_such() -> None:
    run = b"A" * 256 + b"_1890_" * 8
    assert "base32" not in [layer for layer, _ in decode_run(run, Budget(10_000, 100))]
