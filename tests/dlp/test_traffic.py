"""What agents send all day is not stopped: identifiers, signatures, checksums, public keys."""

from __future__ import annotations

import json

import pytest

from botbottle.dlp import Scanner, Verdict
from tests.dlp import traffic
from tests.dlp.conftest import PATIENT, github

SCANNER = Scanner({}, key=b"k", limits=PATIENT)


@pytest.fixture(autouse=True)
def _same_in_every_process() -> None:
    traffic.RNG.seed(31)


@pytest.mark.parametrize("name", traffic.TRAFFIC)
def test_traffic_without_a_secret_passes(name: str) -> None:
    for _ in range(3):
        text = traffic.TRAFFIC[name]()
        once = json.dumps({"content": text})
        for form in (text, once, json.dumps({"body": once})):
            found = SCANNER.scan(form.encode())
            assert {f.verdict for f in found} <= {Verdict.WARN}, found


@pytest.mark.parametrize("name", traffic.TRAFFIC)
def test_the_same_traffic_with_a_token_does_not(name: str) -> None:
    text = traffic.TRAFFIC[name]()
    body = json.dumps({"content": f"{text}\n{github(traffic.RNG)}\n{text}"})
    assert "github.token" in {f.rule for f in SCANNER.scan(body.encode())}


HEADERS = (
    ("user-agent", "claude-cli/2.1.0 (external, cli)"),
    ("x-stainless-runtime-version", "v24.3.0"),
    ("idempotency-key", "stainless-node-retry-0b2a7c1e-7b1f-4b52-9a43-3a8a1a6c2f10"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("x-client-request-id", "7c0e6a52-6b5c-4b7a-9a41-1f2e3d4c5b6a"),
    ("chatgpt-account-id", "2f5a9d3e-8c1b-4d7e-9a6f-0b1c2d3e4f5a"),
    ("if-none-match", 'W/"1a2b-Xy9Kq0Lm3Np7Rt5Vw8Za2Bc4De6"'),
    ("cookie", "__cf_bm=Q1w2E3r4T5y6U7i8O9p0-1764000000-1.0.1.1-aB3dE5gH7jK9mN1pQ3sT5vX7zA9c"),
)


def test_the_heads_of_requests_pass() -> None:
    found = SCANNER.scan_request("https://api.example.com/v1/messages?beta=true", HEADERS, b"{}")
    assert {f.verdict for f in found} <= {Verdict.WARN}, found


@pytest.mark.parametrize("prefix", ["ABSK", "AKCp", "cflt", "BSA", "EAAA"])
def test_a_short_prefix_inside_a_run_of_base64_is_a_coincidence(prefix: str) -> None:
    around = "".join(traffic.b64(42) for _ in range(4)).rstrip("=")
    for join in ("", "/", "+"):
        body = f'"signature": "{around}{join}{prefix}{around}"'
        assert {f.verdict for f in SCANNER.scan(body.encode())} <= {Verdict.WARN}, body


@pytest.mark.parametrize("prefix", ["vcr_", "fm1_", "ghr_", "cfk_", "tfp_", "npm_", "xai-", "gsk_"])
def test_a_short_prefix_inside_a_run_of_base64url_is_a_coincidence(prefix: str) -> None:
    """Reasoning that a provider encrypted: megabytes of it in a session, sent again each time."""
    for _ in range(3):
        around = traffic.url64(300)
        body = f'"encrypted_content": "gAAAAAB{around}{prefix}{traffic.some(traffic.ALNUM, 900)}"'
        assert {f.verdict for f in SCANNER.scan(body.encode())} <= {Verdict.WARN}, body


@pytest.mark.parametrize("before", ["https://api.test/v1/Users/Home2/Projects/x/", "My-Project9-"])
def test_a_token_in_a_path_or_behind_a_name_is_none(before: str) -> None:
    token = github(traffic.RNG)
    for body in (f"{before}{token}/more", f"{before}{token}", f"\\n{before}{token}\\n"):
        assert "github.token" in {f.rule for f in SCANNER.scan(body.encode())}


def test_a_short_keyword_inside_a_random_word_names_nothing() -> None:
    value = traffic.some(traffic.URL, 42) + "7"
    for text in ("Xq8zflyQ2 key = ", "b7npmk token: ", "9kovhq_id = "):
        found = SCANNER.scan(f"{text}{value}".encode())
        assert not [f for f in found if f.rule.startswith(("fly", "npm", "adafruit"))], text
    for text in ("FLY_API_TOKEN=", "myFlyToken: ", "\\nfly token = "):
        assert SCANNER.scan(f"{text}{value}".encode()), text


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:ec2::320805250157:ipam-resource-discovery-association/ipam-res-1",
        "123456789012:a1b2c3d4-5678-90ab-cdef-EXAMPLE11111",
        '"ServiceSpecificCredentialId": "ACCAQFOXMPL6VW57M7AJP"',
    ],
)
def test_what_only_looks_like_a_bot_s_token_or_a_key_passes(text: str) -> None:
    assert {f.verdict for f in SCANNER.scan(text.encode())} <= {Verdict.WARN}
