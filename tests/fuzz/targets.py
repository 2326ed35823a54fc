"""One function a parser: it takes arbitrary bytes and fails when a promise is broken.

The same functions run under Hypothesis (a short slice with the unit tests, a longer one in a
chaos run) and, where it is installed, under atheris: ``python -m tests.fuzz NAME RUNS``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from botbottle.meter import Meter, Reason, identify, read_request
from botbottle.meter.decode import ContentDecoder, Undecodable
from botbottle.model.route import HeaderMatch, Match, PathMatch, Route
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.match import Query, RouteIndex
from botbottle.sidecar.egress.target import Claim, canonical_host, resolve

_PLAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_ROUTES = (
    Route("api.example.com"),
    Route("*.wild.example.com", matches=(Match(methods=("GET",)),)),
    Route("p.example.com", matches=(Match(paths=(PathMatch("prefix", "/v1"),)),)),
    Route("r.example.com", matches=(Match(paths=(PathMatch("regex", "/a[0-9]+"),)),)),
    Route("h.example.com", matches=(Match(headers=(HeaderMatch("x-k", "v"),)),)),
)
_INDEX = RouteIndex(_ROUTES)
_STREAMS = (
    ("api.anthropic.com", "/v1/messages", "text/event-stream"),
    ("api.openai.com", "/v1/responses", "text/event-stream"),
    ("api.openai.com", "/v1/chat/completions", "text/event-stream"),
    ("api.anthropic.com", "/v1/messages/batches/b/results", "application/x-jsonl"),
    ("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/invoke-with-response-stream",
     "application/vnd.amazon.eventstream"),
    ("generativelanguage.googleapis.com", "/v1beta/models/g:streamGenerateContent",
     "application/json"),
)  # fmt: skip


def _fields(data: bytes, count: int) -> list[str]:
    parts = data.decode("latin-1").split("\n")[:count]
    return parts + [""] * (count - len(parts))


def target(data: bytes) -> None:
    """A resolved target names one plain host that every part of the claim names, too."""
    authority, sni, host, other, method, path = _fields(data, 6)
    hosts = tuple(h for h in (host, other) if h)
    claim = Claim("proxy", True, 443, authority, sni, hosts, method, path)
    found = resolve(claim)
    if isinstance(found, Denial):
        json.loads(found.body("id"))
        return
    assert _PLAIN.fullmatch(found.host), found
    for text in filter(None, (authority, *hosts)):
        assert canonical_host(text.partition(":")[0]) == found.host
    assert found.path.startswith("/")
    assert not re.search(r"(^|/)\.\.?(;[^/]*)?(/|$)", found.path), found


def routes(data: bytes) -> None:
    """What matches lies under the route's own host and rules."""
    host, method, path, value = _fields(data, 4)
    found = _INDEX.find(Query(host, 443, (method,), path, {"x-k": value}))
    if found is None:
        return
    assert host == found.host or host.endswith(found.host.removeprefix("*")), host
    (rule,) = found.matches or (Match(),)
    assert not rule.methods or method in rule.methods
    assert not rule.headers or value == "v"
    if found.host == "p.example.com":
        assert path.rstrip("/") == "/v1" or path.startswith("/v1/")


def _pieces(data: bytes) -> Iterator[bytes]:
    at, size = 0, 1
    while at < len(data):
        yield data[at : at + size]
        at, size = at + size, size * 3 % 97 + 1


def _metered(stream: tuple[str, str, str], chunks: Iterator[bytes]) -> list[str]:
    host, path, kind = stream
    method = "GET" if kind.endswith("jsonl") else "POST"
    call = identify(host, method, path, {}, {})
    assert call is not None
    request = read_request(call, b'{"stream":true}', "", "flow")
    meter = Meter(call, request, status=200, headers={"content-type": kind}, clock=lambda: 0.0)
    rows = [row for chunk in chunks for row in meter.feed(chunk)]
    return [str(row.tokens) for row in (*rows, *meter.close(Reason.COMPLETE))]


def meters(data: bytes) -> None:
    """No stream stops the meter, and how it was cut into chunks changes no number."""
    for stream in _STREAMS:
        assert _metered(stream, iter([data])) == _metered(stream, _pieces(data)), stream


def codings(data: bytes) -> None:
    """A body decodes or is said to be undecodable; nothing else happens."""
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, br"):
        try:
            decoder = ContentDecoder(coding)
            for chunk in _pieces(data):
                for _ in decoder.feed(chunk):
                    pass
        except Undecodable:
            continue


def denials(data: bytes) -> None:
    """Whatever a request said, a denial is one JSON object with clean header fields."""
    reason, host, method, path = _fields(data, 4)
    denial = Denial("no-route", reason, host, method, path)
    body = denial.body("id")
    assert json.loads(body)["format"] == "botbottle-denial/1"
    for name, value in denial.headers(len(body)):
        assert b"\n" not in name + value
        assert b"\r" not in name + value


TARGETS: dict[str, Callable[[bytes], None]] = {
    "target": target,
    "routes": routes,
    "meters": meters,
    "codings": codings,
    "denials": denials,
}
SEEDS: dict[str, tuple[bytes, ...]] = {
    "target": (b"api.example.com:443\napi.example.com\napi.example.com\n\nGET\n/a/b?c",),
    "routes": (b"a.wild.example.com\nGET\n/v1/x\nv", b"p.example.com\nPOST\n/v1/\n"),
    "meters": (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"c",'
        b'"usage":{"input_tokens":3,"output_tokens":1}}}\n\ndata: {"type":"message_stop"}\n\n',
        b'data: {"type":"response.completed","response":{"id":"r","status":"completed",'
        b'"usage":{"input_tokens":1,"output_tokens":2}}}\r\n\r\n',
        b'[{"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}]',
        b"\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff",
    ),
    "codings": (b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", b"\x28\xb5\x2f\xfd\x24\0"),
    "denials": (b"no route\r\nallows\nh\nGET\n/",),
}
