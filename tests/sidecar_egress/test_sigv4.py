"""Signatures equal the published vectors, and cover what is sent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from botbottle.sidecar.egress import sigv4
from botbottle.sidecar.egress.sigv4 import CannotSign, Keys, Unsigned

KEYS = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
SCOPE = ("us-east-1", "service")
HOST = "example.amazonaws.com"


def signature(
    method: str,
    path: str = "/",
    query: str = "",
    headers: sigv4.Fields = (),
    service: str = "service",
) -> str:
    request = Unsigned(method, HOST, path, query, headers, b"")
    signed = dict(sigv4.sign(request, KEYS, ("us-east-1", service), NOW))
    return signed[b"authorization"].decode().rpartition("Signature=")[2]


@pytest.mark.parametrize(
    ("method", "query", "expected"),
    [  # aws-sig-v4-test-suite: get-vanilla, post-vanilla, get-vanilla-query-order-key-case
        ("GET", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ],
)
def test_published_vectors(method: str, query: str, expected: str) -> None:
    assert signature(method, query=query) == expected


@pytest.mark.parametrize(
    ("sent", "canonical"),
    [
        ("prefix=a/b&delimiter=/", "delimiter=%2F&prefix=a%2Fb"),
        ("start=2026-11-01T00:00:00Z", "start=2026-11-01T00%3A00%3A00Z"),
        ("a=%2f&b=%7e", "a=%2F&b=~"),
        ("k=a,b&x=(1)&n='y'*", "k=a%2Cb&n=%27y%27%2A&x=%281%29"),
        ("a=b=c", "a=b%3Dc"),
        ("a=1+2", "a=1%202"),
        ("acl", "acl="),
        ("%C3%A4=%c3%a4", "%C3%A4=%C3%A4"),
        ("b=1&a=%ff", "a=%FF&b=1"),
    ],
)
def test_a_query_is_signed_as_aws_reads_it_however_it_is_written(sent: str, canonical: str) -> None:
    """What is sent stays as it is; AWS decodes and encodes it anew before it compares."""
    assert signature("GET", query=sent) == signature("GET", query=canonical)
    assert signature("GET", query=canonical) != signature("GET", query=canonical + "1")


def test_empty_segments_of_a_path_are_none_except_to_s3() -> None:
    """aws-sig-v4-test-suite: get-slash and get-slashes."""
    assert signature("GET", "//") == signature("GET")
    assert signature("GET", "//example//") == signature("GET", "/example/")
    assert signature("GET", "//a", service="s3") != signature("GET", "/a", service="s3")


@pytest.mark.parametrize("service", ["s3", "s3express", "s3-outposts", "s3-object-lambda"])
def test_a_key_of_s3_is_encoded_once(service: str) -> None:
    assert signature("GET", "/a(b)", service=service) == signature(
        "GET", "/a%28b%29", service=service
    )
    assert signature("GET", "/a+b", service=service) == signature("GET", "/a%20b", service=service)
    assert signature("GET", "/a(b)") != signature("GET", "/a%28b%29"), "others encode it again"
    assert signature("GET", "/a+b") != signature("GET", "/a%20b")


def test_the_agents_signature_and_token_are_replaced() -> None:
    agents = (
        (b"X-Amz-Date", b"19990101T000000Z"),
        (b"X-Amz-Security-Token", b"placeholder"),
        (b"x-amz-content-sha256", b"0" * 64),
        (b"X-Amz-Target", b"T.op"),
    )
    request = Unsigned("POST", HOST, "/", "", agents, b"body")
    signed = sigv4.sign(request, Keys("A", "S", "real-session"), SCOPE, NOW)
    text = b"\n".join(n + b": " + v for n, v in signed)
    assert b"placeholder" not in text and b"1999" not in text
    assert b"x-amz-security-token: real-session" in text
    assert (
        b"SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-target"
        in text
    )
    assert dict(signed)[b"x-amz-content-sha256"] != b"0" * 64


def test_scope_comes_from_the_signature_or_the_host() -> None:
    line = b"AWS4-HMAC-SHA256 Credential=PLACEHOLDER/20260101/eu-west-1/s3/aws4_request, x"
    assert sigv4.scope_of(((b"Authorization", line),), "h") == ("eu-west-1", "s3")
    assert sigv4.scope_of((), "bedrock-runtime.us-east-1.amazonaws.com") == ("us-east-1", "bedrock")
    assert sigv4.scope_of((), "sqs.eu-central-1.amazonaws.com") == ("eu-central-1", "sqs")
    with pytest.raises(CannotSign):
        sigv4.scope_of((), "example.com")


def test_a_url_that_is_signed_already_is_refused() -> None:
    with pytest.raises(CannotSign):
        signature("GET", query="X-Amz-Signature=abc")


@pytest.mark.parametrize("value", ["", "AKID", "AKID:", ":secret"])
def test_a_malformed_credential_is_refused_without_its_text(value: str) -> None:
    with pytest.raises(CannotSign) as caught:
        sigv4.parse_keys(value)
    assert value not in str(caught.value) or not value


def test_keys_do_not_show_themselves() -> None:
    assert "wJalr" not in repr(KEYS)
