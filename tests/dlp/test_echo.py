"""Echoed secrets are overwritten, whatever the chunks; nothing else changes and nothing waits."""

from __future__ import annotations

import base64
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.dlp import EchoScrubber, EchoSecrets
from tests.dlp.conftest import alnum, github


def _pump(secrets: EchoSecrets, data: bytes, cuts: list[int]) -> bytes:
    scrubber, out, at = EchoScrubber(secrets), b"", 0
    for cut in sorted({min(c, len(data)) for c in cuts}):
        out += scrubber.feed(data[at:cut])
        at = cut
    return out + scrubber.feed(data[at:]) + scrubber.finish()


def test_plain_and_encoded_echoes_are_overwritten_at_the_same_length(rng: random.Random) -> None:
    value = github(rng).encode()
    for form in (
        value,
        base64.b64encode(value),
        value.hex().encode(),
        value.hex().upper().encode(),
    ):
        out = _pump(EchoSecrets({"S": value}), b'{"echo": "' + form + b'"}', [])
        assert form not in out
        assert len(out) == len(form) + 12
        assert b"*" * 20 in out


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=12), st.integers(0, 2**32))
def test_the_result_does_not_depend_on_the_chunks(cuts: list[int], seed: int) -> None:
    rng = random.Random(seed)
    value = alnum(rng, 30).encode()
    data = b"a" * rng.randrange(90) + value + value[:12] + b"\n" + value + value[:5]
    secrets = EchoSecrets([value])
    assert _pump(secrets, data, cuts) == _pump(secrets, data, [])
    assert value not in _pump(secrets, data, cuts)


def test_text_that_begins_no_secret_is_not_held_back(rng: random.Random) -> None:
    scrubber = EchoScrubber(EchoSecrets([github(rng).encode()]))
    event = b'data: {"delta": {"text": "hello"}}\n\n'
    assert scrubber.feed(event) == event


def test_the_beginning_of_a_secret_waits_for_its_end(rng: random.Random) -> None:
    value = github(rng).encode()
    scrubber = EchoScrubber(EchoSecrets([value]))
    assert scrubber.feed(b"x " + value[:11]) == b"x "
    assert scrubber.feed(b"other") == value[:11] + b"other"
    assert scrubber.scrubbed == 0


def test_short_values_are_left_alone() -> None:
    assert _pump(EchoSecrets([b"abc"]), b"abcabc", [2]) == b"abcabc"
    assert "abc" not in repr(EchoSecrets([b"abcdefghijkl"]))
