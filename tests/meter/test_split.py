"""Wherever a response is torn into pieces its row is the same: inside an event, a character of
several bytes, a compressed frame, a checksum."""

from __future__ import annotations

import random

import pytest

from botbottle.meter import Reason
from botbottle.model.usage import Completeness, Exchange
from tests.meter.judge import _meter
from tests.meter.truth.base import Sample
from tests.meter.truth.wire import ENCODINGS, MAKERS, encode, render

FRAMINGS = ("json", "sse", "array", "lines", "aws")
LONGEST = 900  # bytes of a body: each is torn at every one of them


def response(framing: str, encoding: str) -> tuple[Sample, str, bytes]:
    """A response of this kind with output in it that is not ASCII, as short as can be."""
    for seed in range(5000):
        rng = random.Random(seed)
        sample = rng.choice(MAKERS)(rng)
        told = sum(sum(row[2].classes()) for step in sample.steps for row in step.rows)
        if sample.framing != framing or not told:
            continue
        plain = render(sample, rng)
        if not any(byte > 127 for part in plain for byte in part) and framing != "json":
            continue
        name, parts = encode(plain, encoding, rng)
        body = b"".join(parts)
        if len(body) <= LONGEST:
            return sample, name, body
    raise AssertionError((framing, encoding))


def rows(sample: Sample, name: str, *pieces: bytes) -> list[Exchange]:
    meter, _ = _meter(sample, name, random.Random(1))
    found = [row for piece in pieces for row in meter.feed(piece)]
    return found + meter.close(Reason.COMPLETE)


CASES = [(f, e) for f in FRAMINGS for e in ENCODINGS if f != "aws" or not e]


@pytest.mark.parametrize(("framing", "encoding"), CASES)
def test_a_response_that_is_torn_anywhere_gives_the_same_rows(framing: str, encoding: str) -> None:
    sample, name, body = response(framing, encoding)
    whole = rows(sample, name, body)
    assert whole and all(row.completeness is Completeness.FINAL for row in whole)
    assert any(row.tokens.total for row in whole)
    for at in range(1, len(body)):
        assert rows(sample, name, body[:at], body[at:]) == whole, at
    assert rows(sample, name, *(body[at : at + 1] for at in range(len(body)))) == whole
    assert rows(sample, name, *(body[at : at + 3] for at in range(0, len(body), 3))) == whole
