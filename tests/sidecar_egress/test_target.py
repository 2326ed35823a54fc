"""A request names one host, or it is refused."""

from __future__ import annotations

import dataclasses
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import http

from botbottle.sidecar.egress import git, overrides, stripping
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.hooks import weight
from botbottle.sidecar.egress.target import (
    MAX_PARAMETERS,
    MAX_QUERY,
    Claim,
    Target,
    canonical_host,
    canonical_path,
    decoded,
    resolve,
    split_authority,
)

GOOD = Claim("tunnel", True, 443, "api.example.com:443", "api.example.com",
             ("api.example.com",), "GET", "/v1/x?q=1")  # fmt: skip


def code(claim: Claim) -> str:
    found = resolve(claim)
    return found.code if isinstance(found, Denial) else "ok"


def test_a_request_that_agrees_with_itself_has_a_target() -> None:
    assert resolve(GOOD) == Target("api.example.com", 443, True, "GET", "/v1/x", "q=1")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sni": "other.example.com"}, "host-mismatch"),
        ({"hosts": ("other.example.com",)}, "host-mismatch"),
        ({"hosts": ("api.example.com", "other.example.com")}, "host-mismatch"),
        ({"hosts": ("api.example.com", "API.example.com")}, "host-mismatch"),
        ({"hosts": ("api.example.com:8443",)}, "host-mismatch"),
        ({"hosts": ("api.example.com:0443",)}, "host-mismatch"),
        ({"hosts": ("api.example.com:",)}, "host-mismatch"),
        ({"hosts": ("user@api.example.com",)}, "bad-host"),
        ({"hosts": ("api.example.com.",)}, "bad-host"),
        ({"hosts": ("api.example.com\x00.evil",)}, "bad-host"),
        ({"hosts": ("api.exämple.com",)}, "bad-host"),
        ({"hosts": ("",), "authority": "", "sni": ""}, "bad-host"),
        ({"hosts": ("",)}, "bad-host"),
        ({"hosts": ()}, "bad-host"),
        ({"hosts": ("[::1]",), "authority": "", "sni": ""}, "ip-notation"),
        ({"path": "/v1/../admin"}, "ambiguous-path"),
        ({"path": "/v1/x y"}, "ambiguous-path"),
        ({"path": "*"}, "ambiguous-path"),
    ],
)
def test_disagreement_is_refused(change: dict[str, object], expected: str) -> None:
    assert code(GOOD) == "ok"
    assert code(dataclasses.replace(GOOD, **change)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host",
    [
        "2130706433", "0x7f000001", "0x7f.1", "127.1", "127.0.1", "0177.0.0.1", "127.0.0.01",
        "127.0.0.1.", "256.1.1.1", "1.2.3.4.5", "0", "example.0x1", "a.b.123", "[::1]", "::1",
        "[::ffff:127.0.0.1]", "fe80::1%eth0", "0x", "1.2.3",
    ],
)  # fmt: skip
def test_addresses_in_odd_notations_are_refused(host: str) -> None:
    found = canonical_host(host)
    assert isinstance(found, Denial)


@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        ("API.Example.COM", "api.example.com"),
        ("127.0.0.1", "127.0.0.1"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a_b.example", "a_b.example"),
        ("1password.com", "1password.com"),
        ("localhost", "localhost"),
    ],
)
def test_plain_names_pass(host: str, canonical: str) -> None:
    assert canonical_host(host) == canonical


@pytest.mark.parametrize(
    "host",
    [
        "", ".", "a..b", "-a.b", "a-.b", "a b", "a\tb", "a/b", "a\\b", "a#b", "a?b", "a%2eb",
        "ａ.com", "a\u3002b", "a" * 64 + ".b", "a." * 127 + "b", "*.example.com", "a,b", "a;b",
    ],
)  # fmt: skip
def test_anything_else_is_not_a_name(host: str) -> None:
    assert isinstance(canonical_host(host), Denial)


@given(st.text(max_size=40))
def test_a_canonical_host_is_canonical(text: str) -> None:
    found = canonical_host(text)
    if isinstance(found, str):
        assert canonical_host(found) == found == text.lower()
        assert set(found) <= set(string.ascii_lowercase + string.digits + "-._")


@pytest.mark.parametrize(
    "path",
    [
        "/a/..", "/a/./b", "/%2e%2e/b", "/a/%2E./b", "/a/..%2fb", "/a/%252e%252e/b", "/a/..;x/b",
        "/a\\b", "/a/..%5cb", "/a%00", "/a\x00", "/a#b", "/a%zz", "/a%2", "a", "", "/é",
        "/a/..%252fb",
    ],
)  # fmt: skip
def test_paths_that_parsers_read_differently_are_refused(path: str) -> None:
    assert canonical_path(path) is None


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/", "/"),
        ("/v1/messages", "/v1/messages"),
        ("/%76%31/x", "/v1/x"),
        ("/@scope%2fname", "/@scope%2Fname"),
        ("/a/.well-known", "/a/.well-known"),
        ("/a/...", "/a/..."),
        ("//a", "//a"),
    ],
)
def test_ordinary_paths_pass_with_unreserved_characters_decoded(path: str, canonical: str) -> None:
    assert canonical_path(path) == canonical


@given(st.text(alphabet="/.%25eEfF\\;a", max_size=12))
@settings(max_examples=300)
def test_no_accepted_path_ever_climbs(tail: str) -> None:
    from urllib.parse import unquote

    found = canonical_path("/" + tail)
    while found is not None and "%" in found and unquote(found) != found:
        found = unquote(found)
        assert ".." not in found.replace("\\", "/").split("/")


def test_authorities_are_split_strictly() -> None:
    assert split_authority("a.b:443") == ("a.b", 443)
    assert split_authority("a.b") == ("a.b", 0)
    assert split_authority("a.b:99999")[1] == -1
    assert split_authority("a.b:+443")[1] == -1
    assert split_authority("[::1]:443") == ("[::1]", 443)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q" * MAX_QUERY, "ok"),
        ("q" * (MAX_QUERY + 1), "too-large"),
        ("a=b&" * (MAX_PARAMETERS - 1), "ok"),
        ("a=b&" * MAX_PARAMETERS, "too-large"),
        ("a;b&" * (MAX_PARAMETERS // 2), "too-large"),
    ],
)
def test_a_query_is_no_larger_than_the_event_loop_can_take_apart(query: str, expected: str) -> None:
    assert code(dataclasses.replace(GOOD, path=f"/v1/x?{query}")) == expected


def test_judging_a_long_head_is_worth_many_steps() -> None:
    def steps(path: str, fields: int) -> int:
        headers = http.Headers([(b"a", b"b")] * fields)
        return weight(http.Request.make("GET", f"https://a.example{path}", b"", headers))

    assert steps("/x", 10) < 4
    assert steps("/x?" + "q" * MAX_QUERY, 10) >= 256 <= steps("/x?" + "q" * 50_000, 1000)


def test_a_query_is_decoded_once_for_all_stages() -> None:
    decoded.cache_clear()
    query = "%61" * 1000 + "&token=x"
    assert git.use(("GET",), "/x", query) == "" and overrides.methods({}, query) == ()
    stripping.strip((), query)
    assert decoded.cache_info().misses == 1
