"""What an agent may try on the live proxy. Each attack has a positive control beside it."""

from __future__ import annotations

import json
import socket
import ssl
from typing import Any

import pytest

from botbottle.model.route import Auth, Match, PathMatch
from tests.sidecar_egress.rig import ANTHROPIC, EXAMPLE, Rig, until

OTHER = "other.example.com"


def read(stream: socket.socket, seconds: float = 60) -> bytes:
    """Everything until the end; after a whole response only a moment is waited for more."""
    data = b""
    try:
        stream.settimeout(seconds)
        while piece := stream.recv(65536):
            data += piece
            stream.settimeout(2 if _whole(data) else seconds)
    except OSError:  # TimeoutError is one
        pass
    return data


def _whole(data: bytes) -> bool:
    """Whether ``data`` holds at least one response to its end, as far as its head tells."""
    head, _, body = data.partition(b"\r\n\r\n")
    size = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0].strip()
    return size.isdigit() and len(body) >= int(size)


def exchange(rig: Rig, request: bytes, *, host: str = EXAMPLE, sni: str | None = None) -> bytes:
    with rig.tunnel(host, sni=sni) as tls:
        tls.sendall(request.replace(b"PORT", str(rig.world.tls_port).encode()))
        return read(tls)


def get(path: str = "/x", host: str = EXAMPLE, extra: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{extra}Connection: close\r\n\r\n".encode()


def code_of(reply: bytes) -> str:
    """The denial code of an answer, '' for an answer of the upstream."""
    head, _, body = reply.partition(b"\r\n\r\n")
    if b"x-botbottle-denied" not in head.lower():
        return ""
    return str(json.loads(body)["code"])


def reached(rig: Rig, settle: float = 0.2) -> list[dict[str, Any]]:
    return rig.world.requests(settle_seconds=settle)


def test_an_allowed_request_passes(rig: Rig) -> None:
    assert code_of(exchange(rig, get())) == ""
    assert [r["path"] for r in reached(rig)] == ["/x"]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (get(host=OTHER), "host-mismatch"),
        (get(extra=f"Host: {OTHER}\r\n"), "host-mismatch"),
        (get(host=f"user@{EXAMPLE}"), "bad-host"),
        (get(host=EXAMPLE + "."), "bad-host"),
        (get(path=f"https://{OTHER}/x"), "host-mismatch"),
        (get(path="/a/../x"), "ambiguous-path"),
        (get(path="/%2e%2e/x"), "ambiguous-path"),
        (get(extra="Upgrade: h2c\r\n"), "protocol"),
        (b"TRACE /x HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "method"),
        (b"get /x HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "method"),
        (b"GET /x HTTP/1.1\r\nHost: api.example.com\r\nX: a\r\n b\r\n\r\n", "header-injection"),
        (get(host=f"{EXAMPLE}:1"), "host-mismatch"),
        (get(host="[::1]"), "ip-notation"),
    ],
)  # fmt: skip
def test_a_request_that_disagrees_with_itself_is_refused(
    rig: Rig, request_: bytes, expected: str
) -> None:
    assert code_of(exchange(rig, request_)) == expected
    assert reached(rig) == []


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4, 4\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: -1\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Content_Length: 4\r\nContent-Length\t: 4\r\n",
    ],
)
def test_framing_that_two_parsers_read_differently_is_refused(rig: Rig, framing: str) -> None:
    smuggled = (
        f"POST /x HTTP/1.1\r\nHost: {EXAMPLE}\r\n{framing}\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n"
    )
    reply = exchange(rig, smuggled.encode() + b"Host: api.example.com\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 400")
    assert code_of(reply) == "bad-request"
    assert reached(rig) == []


def test_sni_of_one_host_and_host_of_another_is_refused(rig: Rig) -> None:
    raw = rig.connect(f"{EXAMPLE}:{rig.world.tls_port}")
    context = ssl.create_default_context(cafile=str(rig.sidecar.ca))
    with context.wrap_socket(raw, server_hostname=OTHER) as tls:
        tls.sendall(get())
        assert code_of(read(tls)) == "host-mismatch"
    assert reached(rig) == []


def test_connect_to_one_host_then_plain_http_to_another_is_refused(rig: Rig) -> None:
    with rig.connect(f"{EXAMPLE}:{rig.world.tls_port}") as raw:
        raw.sendall(get(host=OTHER))
        assert code_of(read(raw)) == "host-mismatch"
    rig.configure(rig.route(EXAMPLE, auth=Auth("Bearer", "T")), secrets={"T": "real-secret-0123"})
    with rig.connect(f"{EXAMPLE}:{rig.world.tls_port}") as raw:
        raw.sendall(get())
        assert code_of(read(raw)) == "plain-http"
    assert reached(rig) == []


def test_after_a_mismatch_the_connection_is_closed(rig: Rig) -> None:
    request = get(host=OTHER).replace(b"Connection: close\r\n", b"") + get()
    reply = exchange(rig, request)
    assert reply.count(b"HTTP/1.1 ") == 1
    assert code_of(reply) == "host-mismatch"
    assert reached(rig) == []


def test_keep_alive_judges_every_request(rig: Rig) -> None:
    rig.configure(rig.route(EXAMPLE, matches=(Match((PathMatch("prefix", "/ok"),)),)))
    request = get("/ok").replace(b"Connection: close\r\n", b"") + get("/evil")
    with rig.tunnel(EXAMPLE) as tls:
        tls.sendall(request)
        reply = read(tls)
    assert b"no-match" in reply
    assert [r["path"] for r in reached(rig)] == ["/ok"]


@pytest.mark.parametrize(
    "authority",
    [
        "api.example.com:22",
        "2130706433:443",
        "0x7f.1:443",
        "127.1:443",
        "[::1]:443",
        "user@api.example.com:443",
        "api.example.com.:443",
        "api.exa\x00mple.com:443",
        ":443",
        "api.example.com",
    ],
)
def test_connect_to_anything_but_a_plain_host_and_port_is_refused(rig: Rig, authority: str) -> None:
    with pytest.raises(ConnectionRefusedError):
        rig.connect(authority)


def test_connect_inside_a_tunnel_is_refused(rig: Rig) -> None:
    line = f"CONNECT {EXAMPLE}:{rig.world.tls_port} HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n"
    assert exchange(rig, line.encode()).startswith(b"HTTP/1.1 400")
    assert reached(rig) == []


def test_an_origin_form_request_to_the_proxy_port_is_refused(rig: Rig) -> None:
    with rig.raw() as raw:
        raw.sendall(get())
        assert b"x-botbottle-denied" in read(raw).lower()
    assert reached(rig) == []


def test_raw_bytes_pass_nowhere(rig: Rig) -> None:
    with rig.connect(f"{EXAMPLE}:{rig.world.tls_port}") as raw:
        raw.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" + b"\x00" * 64 + b"\r\n\r\n")
        assert b" 400 " in read(raw)
    assert rig.world.truth()["connections"] == [] or reached(rig) == []


def test_an_oversized_head_is_refused(rig: Rig) -> None:
    with rig.raw() as raw:
        raw.sendall(b"GET http://api.example.com/ HTTP/1.1\r\n")
        try:
            for _ in range(600):
                raw.sendall(b"X: " + b"a" * 1024 + b"\r\n")
        except OSError:
            return
        assert b" 400 " in read(raw)


def test_an_oversized_body_is_refused_before_it_is_read(rig: Rig) -> None:
    head = f"POST /x HTTP/1.1\r\nHost: {EXAMPLE}\r\nContent-Length: {40 * 1024 * 1024}\r\n\r\n"
    reply = exchange(rig, head.encode())
    assert reply.startswith(b"HTTP/1.1 413")
    assert code_of(reply) == "too-large"
    assert reached(rig) == []


def test_a_chunked_body_without_end_is_refused(rig: Rig) -> None:
    head = f"POST /x HTTP/1.1\r\nHost: {EXAMPLE}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with rig.tunnel(EXAMPLE) as tls:
        tls.sendall(head.encode())
        piece = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
        try:
            for _ in range(40):
                tls.sendall(piece)
        except OSError:
            pass
        assert b"too-large" in read(tls)
    assert reached(rig) == []
    until(lambda: rig.sidecar.memory() < 400 * 1024 * 1024, "the body to be forgotten")


def test_names_that_resolve_to_private_addresses_are_refused(rig: Rig) -> None:
    public = rig.route(EXAMPLE, allow_private=False)
    rig.configure(public)
    assert code_of(exchange(rig, get())) == "private-address"
    assert reached(rig) == []
    assert rig.world.truth()["connections"] == []
    rig.configure(rig.route(EXAMPLE))
    assert code_of(exchange(rig, get())) == ""


def test_an_upstream_with_a_bad_certificate_is_refused(rig: Rig) -> None:
    for fault in ("expired", "wrong-name", "untrusted"):
        rig.world.fail_certificates({EXAMPLE: fault})
        assert code_of(exchange(rig, get())) == "upstream-tls", fault
    rig.world.fail_certificates({})
    assert code_of(exchange(rig, get())) == ""
    assert len(reached(rig)) == 1


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


def test_a_compressed_echo_ends_the_connection(rig: Rig) -> None:
    rig.configure(
        rig.route(EXAMPLE, auth=Auth("Bearer", "T")), secrets={"T": "real-secret-value-0123"}
    )
    rig.world.default(status=200, body={"x": "real-secret-value-0123"}, encoding="gzip")
    reply = exchange(rig, get(extra="Accept-Encoding: gzip\r\n"))
    assert b"\x1f\x8b" not in reply
    rig.world.default(status=200, body={"x": "nothing to see"}, encoding="gzip")
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
    from botbottle.model.route import Dlp

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
