"""Credentials and secrets on the live proxy: what is put in, stripped, found and overwritten."""

from __future__ import annotations

import json

import pytest

from botbottle.model.route import Auth, Dlp
from tests.sidecar_egress.raw_client import code_of, exchange, get, reached
from tests.sidecar_egress.rig import ANTHROPIC, EXAMPLE, Rig, until

OTHER = "other.example.com"


def test_the_agents_own_credentials_never_arrive(rig: Rig) -> None:
    own = "Authorization: Bearer mine-own-token\r\nX-Api-Key: mine\r\nCookie: s=mine\r\n"
    exchange(rig, get(extra=own))
    exchange(rig, get("/v1/models", ANTHROPIC, own), host=ANTHROPIC)
    plain, metered = reached(rig)
    assert plain["auth"] == {}
    assert metered["auth"] == {"x-api-key": "sk-real-anthropic-0001"}


def test_a_missing_credential_refuses(rig: Rig) -> None:
    rig.configure(rig.route(EXAMPLE, auth=Auth("Bearer", "MISSING")))
    assert code_of(exchange(rig, get())) == "missing-secret"
    assert reached(rig) == []


def test_an_echo_of_the_real_credential_is_overwritten(rig: Rig) -> None:
    rig.configure(
        rig.route(EXAMPLE, auth=Auth("Bearer", "T")), secrets={"T": "real-secret-value-0123"}
    )
    rig.world.default(status=200, body={"you sent": "Bearer real-secret-value-0123"},
                      headers={"x-echo": "real-secret-value-0123"})  # fmt: skip
    reply = exchange(rig, get())
    assert b"you sent" in reply
    assert b"real-secret-value" not in reply
    assert b"*" * 22 in reply


def test_a_compressed_echo_is_overwritten_and_passes_as_it_is_without(rig: Rig) -> None:
    rig.configure(
        rig.route(EXAMPLE, auth=Auth("Bearer", "T")), secrets={"T": "real-secret-value-0123"}
    )
    rig.world.default(status=200, body={"x": "real-secret-value-0123"}, encoding="gzip")
    reply = exchange(rig, get(extra="Accept-Encoding: gzip\r\n"))
    assert b"\x1f\x8b" not in reply and b"gzip" not in reply
    assert b'"' + b"*" * 22 + b'"' in reply
    rig.world.default(status=200, body={"x": "nothing to see"}, encoding="gzip")
    assert b"nothing to see" in exchange(rig, get(extra="Accept-Encoding: gzip\r\n"))
    rig.configure(rig.route(EXAMPLE))  # without a credential
    assert b"\x1f\x8b" in exchange(rig, get(extra="Accept-Encoding: gzip\r\n"))


def test_a_push_over_https_is_always_refused(rig: Rig) -> None:
    rig.configure(rig.route(EXAMPLE, git_fetch=True))
    push = get("/o/r.git/info/refs?service=git-receive-pack")
    assert code_of(exchange(rig, push)) == "git-push"
    fetch = get("/o/r.git/info/refs?service=git-upload-pack")
    assert code_of(exchange(rig, fetch)) == ""
    rig.configure(rig.route(EXAMPLE))
    assert code_of(exchange(rig, fetch)) == "git-fetch"


def test_a_known_secret_in_a_request_is_refused(rig: Rig) -> None:
    rig.configure(
        rig.route(EXAMPLE), rig.route(OTHER, auth=Auth("Bearer", "T")),
        secrets={"T": "real-secret-value-0123"},
    )  # fmt: skip
    assert code_of(exchange(rig, get("/x?leak=real-secret-value-0123"))) == "dlp"
    assert code_of(exchange(rig, get(extra="X-Leak: real-secret-value-0123\r\n"))) == "dlp"
    assert reached(rig) == []
    assert code_of(exchange(rig, get("/x?fine=yes"))) == ""


def test_a_token_is_cut_out_blocked_or_held_as_the_route_says(rig: Rig) -> None:
    token = "ghp_" + "A1b2C3d4E5f6G7h8I9j0" + "K1l2M3n4O5p6Q7r8"
    rig.configure(rig.route(EXAMPLE, dlp=Dlp(outbound_on_match="block")))
    assert code_of(exchange(rig, get(f"/x?t={token}"))) == "dlp"
    rig.configure(rig.route(EXAMPLE))  # supervise, and nobody supervises
    assert code_of(exchange(rig, get(f"/x?t={token}"))) == "dlp"
    rig.configure(rig.route(EXAMPLE, dlp=Dlp(outbound_detectors=())))
    assert code_of(exchange(rig, get(f"/off?t={token}"))) == ""
    rig.configure(rig.route(EXAMPLE, dlp=Dlp(outbound_on_match="redact")))
    assert code_of(exchange(rig, get(f"/cut?t={token}"))) == ""
    off, cut = reached(rig)
    assert token in off["target"]
    assert token not in cut["target"]
    assert "REDACTED" in cut["target"]


def test_denials_are_in_the_log_and_on_the_control_socket_without_secrets(rig: Rig) -> None:
    rig.configure(
        rig.route(EXAMPLE, auth=Auth("Bearer", "T")), secrets={"T": "real-secret-value-0123"}
    )
    exchange(rig, get("/x?leak=real-secret-value-0123"))
    with rig.sidecar.control() as control:
        last = control.denials(1)[0]
    assert (last["code"], last["host"], last["path"]) == ("dlp", EXAMPLE, "/x")
    assert "real-secret" not in json.dumps(rig.sidecar.lines)


def test_a_request_signed_with_placeholders_is_signed_anew(rig: Rig) -> None:
    secret = "AKIDREAL:real-secret-key-0123456789"
    rig.configure(rig.route(EXAMPLE, auth=Auth("sigv4", "AWS")), secrets={"AWS": secret})
    scope = "PLACEHOLDER/20260101/eu-west-1/sqs/aws4_request"
    line = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    assert code_of(exchange(rig, get(extra=f"Authorization: {line}\r\n"))) == ""
    (record,) = reached(rig)
    sent = record["auth"]["authorization"]
    assert sent.startswith("AWS4-HMAC-SHA256 Credential=AKIDREAL/")
    assert "/eu-west-1/sqs/aws4_request" in sent
    assert code_of(exchange(rig, get("/x?X-Amz-Signature=1"))) == "signature"


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: {}\r\n",
        "Content-Length: 1\r\nContent-Length: {}\r\n",
        "Transfer-Encoding: {}\r\n",
        "{} x: y\r\n",
        "Upgrade: {}\r\n",
    ],
)
def test_a_refusal_quotes_nothing_of_a_head(rig: Rig, head: str) -> None:
    """Nor does it say how to switch the check off."""
    rig.configure(rig.route(EXAMPLE))
    before, hidden = len(rig.sidecar.lines), "AKIAIOSFODNN7EXAMPLQ"
    reply = exchange(rig, get(extra=head.format(hidden)))
    assert code_of(reply) in ("bad-request", "protocol")
    until(lambda: len(rig.sidecar.lines) > before or "{} x" in head, "a line of the log")
    told = reply.decode() + str(list(rig.sidecar.lines)[before:])
    assert hidden not in told and hidden.lower() not in told.lower() and "option" not in told
