"""Where encoded words are many, every one of them is still looked into."""

from __future__ import annotations

import base64
import bz2
import lzma
import random
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.dlp import Finding, Scanner, Verdict
from botbottle.dlp.dense import Stretch, joined
from tests.dlp.conftest import PATIENT, github

TOKEN = github(random.Random(3)).encode()
SCANNER = Scanner({}, key=b"k", limits=PATIENT)
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "hex": lambda b: b.hex().encode(),
    "HEX": lambda b: b.hex().upper().encode(),
    "base32": base64.b32encode,
    "base32 in small letters": lambda b: base64.b32encode(b).lower(),
}
WORDS = {name: encode(random.Random(5).randbytes(40)) for name, encode in ENCODERS.items()}


def crowd(
    word: bytes, name: str, *, before: int = 400, after: int = 400, gap: bytes = b" "
) -> bytes:
    """``word`` among others in the same code."""
    rng = random.Random(before)
    others = [ENCODERS[name](rng.randbytes(rng.randrange(36, 60))) for _ in range(before + after)]
    return gap.join([*others[:before], word, *others[before:]])


def hits(body: bytes) -> list[Finding]:
    return [f for f in SCANNER.scan(body) if f.rule.startswith("github")]


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("gap", [b" ", b"\n", b"\\n", b'","', b"\\\\n    "])
def test_a_word_that_holds_a_secret_is_found_among_hundreds(name: str, gap: bytes) -> None:
    for before in (b"", b"x", b"xy"):
        word = ENCODERS[name](before + b" " + TOKEN + b" and more")
        assert hits(crowd(word, name, gap=gap))
    assert not hits(crowd(ENCODERS[name](b"nothing of any interest here at all"), name, gap=gap))


@pytest.mark.parametrize("prefix", [b"", b"x", b"xy", b"xyz"])
@pytest.mark.parametrize(
    "pack", [zlib.compress, lambda b: zlib.compress(b, 0), bz2.compress, lzma.compress]
)
def test_compressed_words_are_found_at_every_alignment(
    prefix: bytes, pack: Callable[[bytes], bytes]
) -> None:
    word = prefix + base64.b64encode(pack(b"the value is " + TOKEN + b" and no other"))
    assert hits(crowd(word, "base64"))


def test_too_many_beginnings_of_compressed_data_ask_an_operator() -> None:
    short = base64.b64encode(zlib.compress(b"ordinary"))
    found = SCANNER.scan(b" ".join([short] * 1000))
    assert {(f.rule, f.verdict) for f in found} == {("limit.runs", Verdict.SUPERVISE)}
    assert SCANNER.scan(b" ".join([short] * 100)) == ()


def test_the_place_is_that_of_the_word() -> None:
    word = base64.b64encode(b"--- " + TOKEN + b" ---, and what follows it")
    body = crowd(word, "base64", before=3000, after=3000, gap=b",\n")
    (found,) = hits(body)
    assert found.layered and abs(found.offset - body.index(word)) < 16 and found.length < 80


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(ENCODERS)),
    value=st.binary(min_size=30, max_size=90),
    before=st.text("AQ9z +/_-=\n\\", max_size=40),
    after=st.text("AQ9z +/_-=\n\\", max_size=40),
)
def test_one_alignment_has_every_byte_of_a_word(
    name: str, value: bytes, before: str, after: str
) -> None:
    word = ENCODERS[name](value)
    marks = b" ".join([WORDS[name], word])  # the other words of a stretch show its code
    stretch = Stretch(before.encode() + marks + after.encode(), 1000)
    places = [
        span(data.index(value), data.index(value) + len(value))
        for _, data, span in stretch.views()
        if value in data
    ]
    assert places
    low = 1000 + len(before.encode()) + marks.index(word)
    assert min(abs(start - low) for start, _ in places) <= 8


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    for _, view, span in Stretch(data, 0).views():
        start, length = span(0, len(view))
        assert 0 <= start <= len(data) and length >= 1
    assert len(joined(data)) <= len(data)
