"""What the event loop looks at itself is little; what is more is scanned beside it, with the same
findings."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import random
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from botbottle.dlp import Finding, Limits, Scanner, Verdict
from botbottle.model.route import Route
from botbottle.sidecar.egress.gate import Ledger
from botbottle.sidecar.egress.glance import glancing, settled
from botbottle.sidecar.egress.scan import OFF_LOOP, OutboundScan, Outgoing
from tests.dlp.conftest import github

HELD = b"q7Zr2Kx9VbT4mPw8Ld3HsNf6YcJg1XeA5uRk0QzM"
TOKEN = github(random.Random(4))
PATIENT = Limits(seconds=60.0)
ORDINARY = json.dumps(
    {"model": "m", "messages": [{"role": "user", "content": "the file was read and changed " * 60}]}
).encode()


def squeezed(plain: bytes) -> bytes:
    """A few bytes that decode to many."""
    return base64.b64encode(gzip.compress(plain, mtime=0))


FLOODS = [
    pytest.param(squeezed(b"eyJ" * 300_000), id="decodes to a megabyte"),
    pytest.param(b"password = 'aB3dE5fG7h'\n" * 600, id="many candidates"),
    pytest.param(
        (base64.b64encode(b"some words of a text here and there ") + b"\n") * 250, id="runs"
    ),
]


class Watched(Scanner):
    """Notes the limits of each scan, and whether it was in this thread."""

    def __init__(self) -> None:
        super().__init__({"T": HELD}, key=b"k", limits=PATIENT)
        self.looks: list[tuple[Limits, bool]] = []
        self._home = threading.get_ident()

    def scan_request(self, *given: Any, **named: Any) -> tuple[Finding, ...]:
        self.looks.append((self.limits, threading.get_ident() == self._home))
        return super().scan_request(*given, **named)


def judged(
    body: bytes, content_type: str = ""
) -> tuple[Sequence[Finding], list[tuple[Limits, bool]]]:
    scanner, stage = Watched(), OutboundScan(cast(Ledger, None))
    message = Outgoing("https://a/", (), body, content_type)
    verdict = asyncio.run(stage.judge(scanner, Route("a"), message, supervised=False))
    return verdict.noted, scanner.looks


@pytest.mark.parametrize("body", FLOODS)
def test_a_small_message_that_costs_much_is_scanned_beside_the_loop(body: bytes) -> None:
    assert len(body) < OFF_LOOP
    found, looks = judged(body)
    assert [(limits == PATIENT, here) for limits, here in looks] == [(False, True), (True, False)]
    assert tuple(found) == Scanner({"T": HELD}, key=b"k", limits=PATIENT).scan_request(
        "https://a/", (), body
    )


def test_an_ordinary_one_is_looked_at_once_and_here() -> None:
    plenty = replace(glancing(Watched()).limits, seconds=60.0)  # whatever else runs here
    scanner = Watched()
    scanner.limits = plenty
    for body in (ORDINARY, ORDINARY + TOKEN.encode(), ORDINARY + base64.b64encode(b"a word " * 30)):
        assert settled(scanner.scan_request("https://a/", (), body))


def test_the_look_has_no_wider_bounds_than_the_scanner() -> None:
    narrow = Scanner({}, key=b"k", limits=Limits(decoded=100, events=3, runs=2, seconds=1e-6))
    quick = glancing(narrow).limits
    assert (quick.decoded, quick.events, quick.runs, quick.seconds) == (100, 3, 2, 1e-6)
    assert quick.body == narrow.limits.body and quick.depth == narrow.limits.depth
    assert narrow.limits.decoded == 100 and glancing(Watched()).limits.seconds <= 0.001


@pytest.mark.parametrize("pad", [0, 20_000, 60_000])
def test_what_is_hidden_deep_is_found_whichever_look_meets_it(pad: int) -> None:
    found, _ = judged(squeezed(b"a word " * (pad // 7) + HELD))
    assert found[0].verdict is Verdict.BLOCK
    assert found[0].rule == "known_secret/plain/T"


def test_a_form_that_is_more_than_is_undone_is_told() -> None:
    body = b"v=" + b"aaaaaaaa%71" * 1200  # so far apart that only a form is undone for them
    tight = Scanner({"T": HELD}, key=b"k", limits=replace(PATIENT, decoded=1000))
    kind = "application/x-www-form-urlencoded"
    assert [f.rule for f in tight.scan_request("https://a/", (), body, kind)] == ["limit.decoded"]
    assert tight.scan_request("https://a/", (), body[:200], kind) == (), "a small one passes"
    found, looks = judged(body, kind)
    assert not found and [here for _, here in looks] == [True, False]


def test_pieces_over_requests_are_put_together_whichever_look_meets_them() -> None:
    scanner, stage = Watched(), OutboundScan(cast(Ledger, None))
    flood = FLOODS[0].values[0]

    def send(body: bytes) -> bool:
        message = Outgoing("https://a/", (), body)
        judge = stage.judge(scanner, Route("a"), message, supervised=False)
        noted = asyncio.run(judge).noted
        return any(f.rule == "known_secret/fragments/T" for f in noted)

    assert not send(HELD[:12] + b" " + bytes(cast(bytes, flood)))
    assert send(HELD[12:24])
    assert not send(ORDINARY)
