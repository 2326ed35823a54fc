"""Requests as a whole: every surface, every coding, every bound."""

from __future__ import annotations

import base64
import gzip
import random
import threading
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from botbottle.dlp import (
    OUTBOUND_ALL,
    Finding,
    Limits,
    Scanner,
    Verdict,
    strongest,
)
from tests.dlp.conftest import alnum, github

Make = Callable[..., Scanner]
URL = "https://api.test/v1/items"


def _verdicts(found: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(f.verdict.value, f.location) for f in found}


def test_a_clean_request_has_no_findings(make: Make) -> None:
    assert (
        make().scan_request(URL, [("accept", "*/*")], b'{"q": "hello"}', "application/json") == ()
    )


def test_a_token_is_found_in_path_query_header_and_body(make: Make, rng: random.Random) -> None:
    scanner, value = make(), github(rng)
    assert _verdicts(scanner.scan_request(f"{URL}/{value}", [], b"")) == {("token", "url")}
    assert ("token", "url") in _verdicts(scanner.scan_request(f"{URL}?t={value}", [], b""))
    header = scanner.scan_request(URL, [("X-Note", value)], b"")
    assert ("token", "header:x-note") in _verdicts(header)
    assert _verdicts(scanner.scan_request(URL, [], value.encode())) == {("token", "body")}


def test_offset_and_length_span_exactly_the_secret(make: Make, rng: random.Random) -> None:
    value = github(rng)
    (finding,) = make().scan(b"say " + value.encode() + b" now")
    assert (finding.offset, finding.length, finding.end) == (4, 40, 44)


def test_a_secret_in_host_labels_is_found(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 32).lower()
    host = f"{value[:10]}.{value[10:20]}.{value[20:]}.evil.test"
    found = make({"S": value.encode()}).scan_request(f"https://{host}/", [], b"")
    assert strongest(found) is Verdict.BLOCK


def test_a_percent_encoded_secret_in_the_path_is_found(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 20) + "/" + alnum(rng, 10)
    path = value.replace("/", "%2F")
    found = make({"S": value.encode()}).scan_request(f"{URL}/{path}", [], b"")
    assert strongest(found) is Verdict.BLOCK


def test_a_secret_split_over_two_headers_is_found(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 30)
    headers = [("x-a", value[:15]), ("x-b", value[15:])]
    assert strongest(make({"S": value.encode()}).scan_request(URL, headers, b"")) is Verdict.BLOCK


def test_a_form_body_with_plus_for_blanks_is_read(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 12) + " " + alnum(rng, 12)
    body = b"a=1&b=" + value.replace(" ", "+").encode()
    found = make({"S": value.encode()}).scan_request(
        URL, [], body, "application/x-www-form-urlencoded"
    )
    assert strongest(found) is Verdict.BLOCK


def test_a_multipart_body_is_read(make: Make, rng: random.Random) -> None:
    value = github(rng)
    body = f'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n{value}\r\n--b--\r\n'
    found = make().scan_request(URL, [], body.encode(), "multipart/form-data; boundary=b")
    assert _verdicts(found) == {("token", "body")}


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip, br": lambda data: brotli.compress(gzip.compress(data, mtime=0)),
    "identity": lambda data: data,
}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_coded_body_is_decoded_and_read(coding: str, make: Make, rng: random.Random) -> None:
    body = CODINGS[coding](b"note: " + github(rng).encode())
    found = make().scan_request(URL, [], body, "text/plain", coding)
    assert strongest(found) is Verdict.TOKEN


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("snappy", b"abc"),
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(b"x" * 100, mtime=0)[:-9]),
        ("br", b"\x00\xff\xff"),
        ("zstd", b"no zstd"),
        ("deflate", b"\xff\xff"),
    ],
)
def test_a_body_that_cannot_be_decoded_is_blocked(coding: str, body: bytes, make: Make) -> None:
    found = make().scan_request(URL, [], body, "text/plain", coding)
    assert [(f.verdict, f.rule) for f in found] == [(Verdict.BLOCK, "undecodable")]


def test_a_decompression_bomb_is_blocked(make: Make) -> None:
    bomb = gzip.compress(b"\0" * 20_000_000, mtime=0)
    assert strongest(make().scan_request(URL, [], bomb, "", "gzip")) is Verdict.BLOCK
    inner = base64.b64encode(bomb)
    assert strongest(make().scan_request(URL, [], inner)) is Verdict.BLOCK


def test_a_body_over_the_cap_is_blocked(make: Make) -> None:
    found = make(limits=Limits(body=100, seconds=30)).scan_request(URL, [], b"x" * 101)
    assert [(f.verdict, f.rule) for f in found] == [(Verdict.BLOCK, "limit.size")]


def test_a_scan_over_its_time_is_held(make: Make) -> None:
    found = make(limits=Limits(seconds=0.0)).scan(b"x" * 1000)
    assert [(f.verdict, f.rule) for f in found] == [(Verdict.SUPERVISE, "limit.time")]


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("https://a.test/x\r\nHost: b", []),
        ("https://a.test/x%0d%0aSet-Cookie:%20a", []),
        ("https://a.test/x?y=%0D%0Aa", []),
        ("https://a.test/x?y=%250d%250aa", []),
        ("https://a.test/x?y=%0aX-Header:%20v", []),
        ("https://a.test/%E5%98%8A%E5%98%8D", []),
        ("https://a.test/", [("x-a", "one\r\nx-b: two")]),
        ("https://a.test/", [("x-a\n", "one")]),
        ("https://a.test/", [("x-a", "nul\0")]),
    ],
)
def test_line_breaks_in_target_and_headers_are_blocked(
    url: str, headers: list[tuple[str, str]], make: Make
) -> None:
    found = make().scan_request(url, headers, b"", detectors=frozenset())
    assert ("block", "crlf.injection") in {(f.verdict.value, f.rule) for f in found}


@pytest.mark.parametrize(
    "url", ["https://a.test/x?q=line%0Atwo", "https://a.test/%E5%98%8B?q=a%20b"]
)
def test_a_bare_newline_in_a_query_value_is_data(url: str, make: Make) -> None:
    assert not make().scan_request(url, [("x-a", "v")], b"a\r\nb")


def test_detectors_can_be_switched_off(make: Make, rng: random.Random) -> None:
    value = github(rng)
    scanner = make({"S": alnum(rng, 32).encode()})
    assert scanner.scan(value.encode(), detectors=frozenset({"known_secrets"})) == ()
    assert scanner.scan(value.encode(), detectors=frozenset()) == ()


def test_entropy_warns_only_when_asked(make: Make, rng: random.Random) -> None:
    body = b"blob " + alnum(rng, 90).encode()
    assert make().scan(body) == ()
    found = make().scan(body, detectors=OUTBOUND_ALL)
    assert {(f.verdict, f.rule) for f in found} == {(Verdict.WARN, "entropy.high")}


def test_many_threads_share_one_scanner(make: Make, rng: random.Random) -> None:
    scanner, body = make(), b"x" * 5000 + github(rng).encode()
    results: list[tuple[Finding, ...]] = []
    threads = [
        threading.Thread(target=lambda: results.append(scanner.scan(body))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert len(set(results)) == 1


@pytest.mark.parametrize(
    "value",
    [
        "ghp_" + "x" * 36,
        "AKIAIOSFODNN7EXAMPLE",
        "glpat-" + "xxxx" * 5,
        "sk-ant-api03-YOUR_KEY_HERE" + "A" * 40,
    ],
)
def test_documentation_values_are_at_most_a_warning(value: str, make: Make) -> None:
    assert strongest(make().scan(f'token = "{value}"'.encode())) in (None, Verdict.WARN)


def test_a_filler_word_behind_a_token_does_not_disarm_it(make: Make, rng: random.Random) -> None:
    token = "glpat" + "-" + alnum(rng, 20)
    assert (
        strongest(make().scan(f"{token}-example-xxxxxxxxxxxxxxxxxxxxxxx".encode())) is Verdict.TOKEN
    )


@pytest.mark.parametrize("glue", ["\\n", "%0A", "\\u000a", "\\x0a", "\x1b[31m", "\\u001b[1;32m"])
def test_a_token_behind_an_escape_has_a_boundary(glue: str, make: Make, rng: random.Random) -> None:
    value = "AKIA" + "".join(rng.choice("ABCDEFGHJKLMNPQR2345") for _ in range(16))
    assert strongest(make().scan(f"text{glue}{value} end".encode())) is Verdict.TOKEN
    assert not make().scan(f"text{value}end".encode())
