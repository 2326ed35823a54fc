"""A request that asks to be taken for another one is judged as both, or refused."""

from __future__ import annotations

import gzip
import json
import socket
import tracemalloc
from collections.abc import Iterator

import pytest

from botbottle.model.route import Match, PathMatch, Route
from botbottle.sidecar.egress.forms import BLOCK, methods
from botbottle.sidecar.egress.overrides import named, other_target
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_client import code_of
from tests.sidecar_egress.raw_upstream import RawUpstream
from tests.sidecar_egress.rig import EXAMPLE
from tests.sidecar_egress.test_parts import answer

OK = b"HTTP/1.1 200 OK\r\nX-Botbottle-Denied: no-route\r\nContent-Length: 2\r\n\r\nok"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
PARTS = "multipart/form-data; boundary=B"
PART = b'--B\r\nContent-Disposition: form-data; name="%b"\r\n\r\nx\r\n--B--\r\n'


@pytest.fixture
def limited(inside: Inside) -> Iterator[RawUpstream]:
    """An upstream of which GET and POST are allowed under one path."""

    def talk(stream: socket.socket, _: bytes) -> None:
        stream.sendall(OK)

    with RawUpstream(inside.world.authority, EXAMPLE, talk) as far:
        rule = Match((PathMatch("prefix", "/ok"),), ("GET", "POST"))
        inside.deliver(Route(EXAMPLE, far.port, matches=(rule,), allow_private=True))
        yield far


def asked(inside: Inside, port: int, head: str, *fields: str, body: bytes = b"") -> bytes:
    with inside.tunnel(EXAMPLE, port, "http/1.1") as tls:
        size = (f"Content-Length: {len(body)}",) if body else ()
        lines = (f"{head} HTTP/1.1", f"Host: {EXAMPLE}:{port}", *fields, *size, "", "")
        tls.sendall("\r\n".join(lines).encode() + body)
        return answer(tls)


@pytest.mark.parametrize(
    ("head", "field", "code"),
    [
        ("POST /ok", "X-HTTP-Method-Override: DELETE", "no-match"),
        ("POST /ok", "X-HTTP-Method-Override: POST, DELETE", "no-match"),
        ("POST /ok", "X_HTTP_Method_Override: DELETE", "bad-request"),
        ("POST /ok", "X-HTTP_Method-Override: POST", "bad-request"),
        ("POST /ok?_method=DELETE", "Accept: */*", "no-match"),
        ("POST /ok?a=1;%5Fmethod=delete", "Accept: */*", "no-match"),
        ("POST /ok?_method[]=PUT", "Accept: */*", "no-match"),
        ("POST /ok?X-HTTP-Method-Override=PUT", "Accept: */*", "no-match"),
        ("GET /ok", "X-Original-URL: /admin", "ambiguous-path"),
        ("GET /ok", "x-rewrite-url: /ok", "ambiguous-path"),
        ("GET /ok", "X_Original_URL: /admin", "bad-request"),
        ("GET /ok", "X-Forwarded-Host: evil.example.com", "host-mismatch"),
        ("GET /ok", f"X-Forwarded-Host: {EXAMPLE}, evil.example.com", "host-mismatch"),
        ("GET /ok", "X-Host: 127.1", "host-mismatch"),
        ("GET /ok", "X_Forwarded_Host: evil.example.com", "bad-request"),
        ("GET /ok", 'Forwarded: for=1;host="evil.example.com"', "host-mismatch"),
        ("GET /ok", f"Forwarded: host={EXAMPLE}, Host = evil.example.com", "host-mismatch"),
    ],
)
def test_another_method_path_or_host_in_a_head_is_refused(
    inside: Inside, limited: RawUpstream, head: str, field: str, code: str
) -> None:
    assert code_of(asked(inside, limited.port, head, field)) == code
    assert limited.received == b""


@pytest.mark.parametrize(
    ("head", "field"),
    [
        ("POST /ok", "X-HTTP-Method-Override: GET"),
        ("POST /ok?_method=get&payment_method=DELETE", "Accept: */*"),
        ("GET /ok?method=DELETE", "Accept: */*"),
        ("GET /ok", f"X-Forwarded-Host: {EXAMPLE.upper()}:443"),
        ("GET /ok", f'Forwarded: for="[::1]";host={EXAMPLE};proto=https'),
        ("GET /ok", "X_Other: x"),
    ],
)
def test_what_is_allowed_as_well_passes(
    inside: Inside, limited: RawUpstream, head: str, field: str
) -> None:
    got = asked(inside, limited.port, head, field)
    assert got.startswith(b"HTTP/1.1 200") and head.encode() in limited.received


def test_an_upstream_does_not_say_that_a_request_was_refused_here(
    inside: Inside, limited: RawUpstream
) -> None:
    got = asked(inside, limited.port, "GET /ok")
    assert got.endswith(b"\r\n\r\nok") and b"denied" not in got.lower()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, b"_method=DELETE"),
        (FORM, b"a=1&%5f%6Dethod=delete"),
        (FORM, b"a=1;_method[]=PUT"),
        (FORM, b"x=" + b"y" * 3 * BLOCK + b"&_method=DELETE"),
        ("", b"_method=DELETE"),
        (PARTS, PART % b"_method"),
        (PARTS, (PART % b"_method").replace(b'"', b"")),
        (PARTS, b"y" * (BLOCK - 30) + PART % b"_method"),
        (JSON, b'{"_method": "DELETE"}'),
        (JSON, b'{"a": {}, "_METHOD" : "delete", "b": 1}'),
        (JSON, b'{"_\\u006dETHOD": "\\u0044ELETE"}'),
        (JSON, b'{" X-HTTP-Method-Override": "PUT"}'),
        (JSON, b'{"_method": ["DELETE"]}'),
        (JSON, b'{"_method": "DELETE", "_method": "GET"}'),
        (JSON, b"{'a': 1, \"_method\": 'DELETE', }"),
        (JSON, b'\xef\xbb\xbf{"_method": "DELETE"}'),
        (JSON, '{"_method": "DELETE"}'.encode("utf-16")),
        ("application/vnd.api+json; charset=utf-8", b'{"_method": "DELETE"}'),
        (JSON, b'{"x": "' + b"y" * 3 * BLOCK + b'", "_method": "DELETE"}'),
    ],
)
def test_a_form_that_asks_for_a_method_that_is_not_allowed_is_refused(
    inside: Inside, limited: RawUpstream, kind: str, body: bytes
) -> None:
    fields = (f"Content-Type: {kind}",) if kind else ()
    assert code_of(asked(inside, limited.port, "POST /ok", *fields, body=body)) == "no-match"
    assert limited.received == b""


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, b"_method=post&x=1"),
        (FORM, b"payment_method=DELETE"),
        (FORM, b"x=" + b"y" * (2 * BLOCK - 9) + b"_method=DELETE"),
        (PARTS, PART % b"payment_method"),
        (PARTS, PART % b"x" + b'name="_method"'),
        (JSON, b'{"a": "&_method=DELETE&"}'),
        (JSON, b'{"_method": "get"}'),
        (JSON, b'{"messages": [{"_method": "DELETE"}], "payment_method": "DELETE"}'),
        (JSON, b'{"text": "{\\"_method\\": 1}"}'),
        (JSON, b'[{"_method": "DELETE"}]'),
        (JSON, b"not JSON at all"),
    ],
)
def test_other_forms_pass(inside: Inside, limited: RawUpstream, kind: str, body: bytes) -> None:
    got = asked(inside, limited.port, "POST /ok", f"Content-Type: {kind}", body=body)
    assert got.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("kind", [FORM, JSON])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_compressed_form_is_read_as_well(
    inside: Inside, limited: RawUpstream, kind: str, method: str
) -> None:
    text = f"_method={method}" if kind == FORM else f'{{"_method": "{method}"}}'
    fields = (f"Content-Type: {kind}", "Content-Encoding: gzip")
    got = asked(inside, limited.port, "POST /ok", *fields, body=gzip.compress(text.encode()))
    assert code_of(got) == ("no-match" if method == "DELETE" else "")


def test_a_route_without_methods_passes_every_form(inside: Inside, limited: RawUpstream) -> None:
    inside.deliver(Route(EXAMPLE, limited.port, allow_private=True))
    got = asked(inside, limited.port, "POST /ok", f"Content-Type: {FORM}", body=b"_method=DELETE")
    assert got.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("at", range(2 * BLOCK - 40, 2 * BLOCK + 2))
def test_a_pair_is_found_wherever_blocks_of_a_form_meet(at: int) -> None:
    assert methods(FORM, b"a=" + b"y" * (at - 2) + b"&%5f%6d%65%74%68%6f%64=PUT") == ("?",)


def test_a_search_for_names_keeps_no_more_than_a_block() -> None:
    """A state for each blank took gigabytes."""
    body = b'{"a":"' + b" " * 4_000_000 + b'", "_method": "DELETE"}'
    other = body.replace(b"_method", b"method")
    tracemalloc.start()
    try:
        assert methods(JSON, body) == ("?",)
        assert methods(JSON, other) == ()
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024  # bytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [10, 1_100_000])
def test_a_form_that_a_text_holds_is_none(size: int) -> None:
    """A template among what an agent read: the conversation would be refused for ever."""
    text = '<input name="_method" value="put">' + "x" * size
    said = {"messages": [{"role": "user", "content": text}]}
    assert methods(JSON, json.dumps(said).encode()) == ()
    assert methods(JSON, json.dumps({"quoted": json.dumps(said)}).encode()) == ()
    real = methods(JSON, json.dumps({**said, "_method": "PUT"}).encode())
    assert real == (("PUT",) if size < 1_000_000 else ("?",))


@pytest.mark.parametrize("at", range(BLOCK - 2, BLOCK + 3))
def test_a_quote_within_a_text_is_told_wherever_blocks_meet(at: int) -> None:
    body = b'{"a":"' + b"y" * (at - 7) + b'\\"_method": 1"}'
    assert methods(JSON, body) == ()


@pytest.mark.parametrize("at", range(BLOCK - 12, BLOCK + 2))
def test_a_member_is_found_wherever_blocks_meet(at: int) -> None:
    body = b'{"a":"' + b"y" * (at - 9) + b'", "_method": "DELETE"}'
    assert methods(JSON, body) == ("DELETE",)


def test_the_names_are_read_as_frameworks_do() -> None:
    assert list(named("a=_method&+_method+=put&_METHOD=Patch")) == ["PUT", "PATCH"]
    assert other_target({"host": "x", "x-forwarded-proto": "http"}, "x") is None
