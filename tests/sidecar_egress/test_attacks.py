"""What an agent may try on the live proxy. Each attack has a positive control beside it."""

from __future__ import annotations

import contextlib
import ssl

import pytest

from botbottle.model.route import Auth, Match, PathMatch
from tests.sidecar_egress.raw_client import code_of, exchange, get, one_response, reached, read
from tests.sidecar_egress.rig import EXAMPLE, Rig, until

OTHER = "other.example.com"


def test_an_allowed_request_passes(rig: Rig) -> None:
    assert code_of(exchange(rig, get())) == ""
    old = get().replace(b"HTTP/1.1", b"HTTP/1.0")
    assert code_of(exchange(rig, old)) == ""
    assert [r["path"] for r in reached(rig)] == ["/x", "/x"]


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
        (get(host=""), "bad-host"),
        (get(path=f"https://{EXAMPLE}/x").replace(b"Host:", b"Not-Host:"), "bad-host"),
        (get(path=f"https://{EXAMPLE}:PORT/x").replace(b"Host:", b"Not-Host:"), "bad-host"),
        (get(path=f"https://{EXAMPLE}:PORT/x", host=""), "bad-host"),
        (b"GET https://api.example.com:PORT/x HTTP/1.0\r\n\r\n", "bad-host"),
        (get().replace(b"Host:", b"Not-Host:"), "bad-host"),
        (get().replace(b"HTTP/1.1", b"HTTP/2.0"), "bad-request"),
        (get().replace(b"HTTP/1.1", b"HTTP/3.0").replace(b"Host:", b"Not-Host:"), "bad-request"),
        (get().replace(b"HTTP/1.1", b"HTTP/0.9"), "bad-request"),
        (get().replace(b"HTTP/1.1", b"HTTP/1.2"), "bad-request"),
        (get(extra="Transfer_Encoding: chunked\r\n"), "bad-request"),
        (get(extra="Content_Length: 0\r\n"), "bad-request"),
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


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (f"Host: {OTHER}:PORT", "host-mismatch"),
        (f"Host: {OTHER}", "host-mismatch"),
        (f"Host: {EXAMPLE}:1", "host-mismatch"),
        (f"Host: {EXAMPLE}:", "host-mismatch"),
        (f"Host: {EXAMPLE}:PORT\r\nHost: {OTHER}:PORT", "host-mismatch"),
        (f"Host: user@{EXAMPLE}:PORT", "bad-host"),
        ("Host: 127.1", "ip-notation"),
        (f"Host: {EXAMPLE.upper()}:PORT", ""),
        (f"Host: {EXAMPLE}", ""),
        ("Accept: */*", ""),  # as older clients in HTTP/1.0
    ],
)
def test_the_host_header_of_a_connect_is_that_of_its_target(
    rig: Rig, fields: str, expected: str
) -> None:
    port = str(rig.world.tls_port)
    with rig.raw() as raw:
        head = f"CONNECT {EXAMPLE}:{port} HTTP/1.1\r\n{fields}\r\n\r\n"
        raw.sendall(head.replace("PORT", port).encode())
        reply = read(raw) if expected else raw.recv(4096)
    assert code_of(reply) == expected
    assert reply.startswith(b"HTTP/1.1 4" if expected else b"HTTP/1.1 200")


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


@pytest.mark.parametrize("apart", [False, True], ids=["in one piece", "line by line"])
@pytest.mark.parametrize(("empty", "code"), [(1, ""), (4, ""), (5, "bad-request")])
@pytest.mark.parametrize("line", [b"\r\n", b"\n"])
def test_a_few_empty_lines_before_a_request_are_ignored_and_more_are_refused(
    rig: Rig, apart: bool, empty: int, code: str, line: bytes
) -> None:
    """In front of the first request and of the second."""
    for ahead in (b"", f"GET /1 HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n".encode()):
        with rig.tunnel(EXAMPLE) as tls:
            if ahead:
                tls.sendall(ahead)
                assert one_response(tls)[0] == 404
            pieces = [*[line] * empty, get("/2")]
            with contextlib.suppress(OSError):  # it was refused meanwhile
                for piece in pieces if apart else [b"".join(pieces)]:
                    tls.sendall(piece)
            assert code_of(read(tls)) == code
    assert [r["path"] for r in reached(rig)].count("/2") == (0 if code else 2)


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
