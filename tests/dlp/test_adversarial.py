"""Hostile bodies cost linear time and never raise."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.dlp import OUTBOUND_ALL, Limits, Scanner

SIZE = 1_000_000
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


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_of_hostile_text_is_bounded_in_time(name: str) -> None:
    scanner = SCANNER
    body = HOSTILE[name] * (SIZE // len(HOSTILE[name]))
    scanner.scan(body[:1000])
    started = time.process_time()
    scanner.scan(body)
    # The message's budget is 0.1 s; one stage may overrun it. The margin is for busy machines.
    assert time.process_time() - started < 1.5


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=600), st.sampled_from(sorted(HOSTILE)), st.binary(max_size=60))
def test_no_bytes_make_the_scanner_raise(data: bytes, name: str, tail: bytes) -> None:
    scanner = SCANNER
    body = data + HOSTILE[name] * 9 + tail
    scanner.scan(body, detectors=OUTBOUND_ALL)
    scanner.scan_request(data, [(tail, data)], body, "x", "gzip")
    scanner.scan_response([], body)
