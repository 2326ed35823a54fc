"""What is looked for beside the pass for rules is what would have been found without it."""

from __future__ import annotations

import base64
import random

import pytest

from botbottle.dlp import Finding, Scanner, ahead, runs
from botbottle.dlp.triggers import RUN_TRIGGER
from tests.dlp.conftest import PATIENT, alnum, body_with

SECRET = b"Zq7Kw2Lm9Xv4Bn8Rt1Yp5Hc3"
FILLER = b"ordinary text without anything in it, line after line\n" * 6000
WORDS = random.Random(4)
BODIES = {
    "percent": b"".join(b"%%%02X" % c for c in SECRET),
    "unicode": b"".join(b"\\u%04x" % c for c in SECRET),
    "base64": base64.b64encode(b"some words, then the value: " + SECRET),
    "runs": b" ".join(base64.b64encode(alnum(WORDS, 60).encode()) for _ in range(400)) + SECRET,
    "nothing": b"",
}


def scanner() -> Scanner:
    return Scanner({"S": SECRET}, key=b"k", limits=PATIENT)


def found(name: str) -> tuple[Finding, ...]:
    return scanner().scan(FILLER + body_with(BODIES[name], 20) + FILLER)


@pytest.mark.parametrize("name", BODIES)
def test_a_large_surface_has_the_same_findings_however_it_is_searched(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "_PARALLEL", 1 << 60)
    alone = found(name)
    monkeypatch.setattr(ahead, "_PARALLEL", 0)
    monkeypatch.setattr(ahead, "begin", lambda scanner, view: lambda: ahead._all(scanner, view))
    assert found(name) == alone
    assert bool(alone) == (name != "nothing")


@pytest.mark.parametrize("count", [1, 3, 40])
def test_runs_that_were_looked_for_ahead_are_passed_on_whole(count: int) -> None:
    rng = random.Random(count)
    words = [base64.b64encode(rng.randbytes(rng.randrange(40, 300))) for _ in range(count)]
    view = memoryview(FILLER + b" ".join(words) + FILLER + words[0])
    before = ahead._all(scanner(), view).further[RUN_TRIGGER]
    matcher = scanner().runs
    first = next(runs.spans(view, matcher))[0]
    assert list(runs.spans(view, matcher, first, before)) == list(runs.spans(view, matcher, first))
    assert len(list(runs.spans(view, matcher, first, before))) == count + 1
