"""The fast decoders give what the standard library's slow ones give."""

from __future__ import annotations

import base64
from urllib.parse import unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st

from botbottle.dlp.layers import Budget, decode_run, percent

PIECES = (b"%41", b"%fF", b"%25", b"%4", b"%", b"\\", b"\\u0041", b"\\n", b"u", b"0", b"g", b"\xff")


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_percent_escapes_are_undone_once_whatever_surrounds_them(data: bytes) -> None:
    assert percent(data) == unquote_to_bytes(data)


@given(st.binary(min_size=10, max_size=300).map(lambda data: b"words" + data[: len(data) // 5 * 5]))
def test_base32_is_decoded_in_either_case(data: bytes) -> None:
    text = base64.b32encode(data)
    for run in (text, text.lower()):
        assert ("base32", data) in decode_run(run, Budget(10_000, 100))


def test_what_only_begins_like_base32_is_not_decoded_as_such() -> None:
    run = b"A" * 256 + b"_1890_" * 8
    assert "base32" not in [layer for layer, _ in decode_run(run, Budget(10_000, 100))]
