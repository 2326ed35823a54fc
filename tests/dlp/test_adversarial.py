"""Hostile bodies cost linear time and never raise."""

from __future__ import annotations

import base64
import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.dlp import OUTBOUND_ALL, Limits, Scanner, ahead
from botbottle.dlp.engines.base import Buffer, Candidates, Matcher

SIZE = 100_000
SCANNER = Scanner({"S": b"Zq7Kw2Lm9Xv4Bn8Rt1Yp"}, key=b"k", limits=Limits())
HOSTILE = {
    "key=": b"key=",
    "api_key = ": b'api_key = "',
    "eyJ": b"eyJ",
    "eyJ segments": b"eyJhbGciOiJIUzI1NiJ9.",
    "pem headers": b"-----BEGIN PRIVATE KEY-----\n",
    "base64 lines": base64.b64encode(b"some text that decodes to itself") + b"\n",
    "percent": b"%41%42",
    "unicode escapes": b"\\u0041",
    "hex escapes": b"\\x41\\x42",
    "entities": b"&#65;&#66;",
    "gzip magic": b"\x1f\x8b\x08\x00",
    "zip magic": b"PK\x03\x04",
    "zlib in base64": b" eJwDAAAAAAEAAAAAAAAAAAAAAA",
    "slashes": b"a\\/b",
    "urls": b"https://user:pass1234@host.test/",
    "curl": b"curl -u a:b1234567 ",
    "kind secret": b"kind: Secret data: ",
    "github prefix": b"ghp_",
    "one letter": b"a",
    "zeros": b"\0",
    "quotes": b'"\\',
}


class Counting:
    """A matcher that counts the bytes it is given, up to the hit where it stops, and its hits."""

    def __init__(self, inner: Matcher, counts: list[int]) -> None:
        self._inner, self._counts = inner, counts

    def find(self, surface: Buffer, limit: int) -> Candidates:
        found = self._inner.find(surface, limit)
        self._counts.append(found.hits[-1][1] if found.overflow else len(surface))
        self._counts.append(100 * len(found.hits))
        return found


class Idle:
    """In place of other threads, which might look at a piece twice: none."""

    def submit(self, work: object) -> None:
        """Do nothing."""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_pool", Idle)


def _work(body: bytes) -> int:
    """Bytes scanned for ``body``, decoded layers included, a hit counting as much as 100 bytes."""
    counts: list[int] = []
    scanner = copy.copy(SCANNER)
    scanner.limits = Limits(seconds=60.0)  # no bound of time: the work itself has to be bounded
    scanner.rules = copy.copy(SCANNER.rules)
    scanner.rules.matcher = Counting(SCANNER.rules.matcher, counts)
    scanner.known = Counting(SCANNER.known, counts)
    scanner.squeezed = Counting(SCANNER.squeezed, counts) if SCANNER.squeezed else None
    scanner.runs = Counting(SCANNER.runs, counts)
    scanner.triggers = tuple(Counting(one, counts) for one in SCANNER.triggers)
    scanner.scan(body)
    return sum(counts)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_costs_linear_work(name: str) -> None:
    unit = HOSTILE[name]
    small, large = (_work(unit * (size // len(unit))) for size in (SIZE, 8 * SIZE))
    assert large <= 10 * small
    assert large <= 10 * 8 * SIZE


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=600), st.sampled_from(sorted(HOSTILE)), st.binary(max_size=60))
def test_no_bytes_make_the_scanner_raise(data: bytes, name: str, tail: bytes) -> None:
    scanner = SCANNER
    body = data + HOSTILE[name] * 9 + tail
    scanner.scan(body, detectors=OUTBOUND_ALL)
    scanner.scan_request(data, [(tail, data)], body, "x", "gzip")
    scanner.scan_response([], body)
