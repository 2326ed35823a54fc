"""Heads are refused before anything parses them: fields that go on in the next line, and more of
them than anybody sends. Each costs seconds to put together, for everybody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import h11
import pytest
from h11._readers import ChunkedReader
from mitmproxy import http
from mitmproxy.net.http.http1 import read as parser

from botbottle.dlp import Finding, Scanner
from botbottle.model.route import Route
from botbottle.sidecar.egress.gate import Ledger
from botbottle.sidecar.egress.heads import joined
from botbottle.sidecar.egress.lines import MAX_FIELDS, BadLines, Lines
from botbottle.sidecar.egress.scan import OFF_LOOP, OutboundScan, Outgoing
from botbottle.sidecar.egress.target import MAX_PATH
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_client import code_of, exchange, get, reached, read
from tests.sidecar_egress.raw_upstream import RawUpstream, answering
from tests.sidecar_egress.rig import EXAMPLE, Rig

ENDLESS = b"X: y\r\n" + b" z\r\n" * 200
MANY = b"a: b\r\n" * MAX_FIELDS


def buffered(data: bytes) -> Lines:
    made = Lines()
    made += data
    return made


class TestLines:
    def test_they_are_as_h11_reads_them(self) -> None:
        head = b"GET / HTTP/1.1\r\na: b\nc:\td e \r\n\r\nbody\r\n folded\r\n\r\n"
        buffer = buffered(head)
        assert buffer.maybe_extract_lines() == [b"GET / HTTP/1.1", b"a: b", b"c:\td e "]
        assert bytes(buffer) == b"body\r\n folded\r\n\r\n"
        assert buffered(b"GET / HTTP/1.1\r\na: b\r\n").maybe_extract_lines() is None
        assert buffered(b"\r\nx").maybe_extract_lines() == []

    @pytest.mark.parametrize("space", [b" ", b"\t"])
    def test_a_line_that_begins_with_a_space_goes_on_from_the_last(self, space: bytes) -> None:
        with pytest.raises(BadLines) as bad:
            buffered(b"GET / HTTP/1.1\r\na: b\r\n" + space + b"c\r\n\r\n").maybe_extract_lines()
        assert bad.value.folded

    def test_a_head_has_a_thousand_fields_at_most(self) -> None:
        most = buffered(b"GET / HTTP/1.1\r\n" + MANY + b"\r\n").maybe_extract_lines()
        assert most is not None and len(most) == MAX_FIELDS + 1
        with pytest.raises(BadLines) as bad:
            buffered(b"GET / HTTP/1.1\r\n" + MANY + b"c: d\r\n\r\n").maybe_extract_lines()
        assert not bad.value.folded

    @pytest.mark.parametrize("trailers", [ENDLESS, MANY * 2])
    def test_trailers_are_lines_too(self, trailers: bytes) -> None:
        with pytest.raises(h11.ProtocolError):
            ChunkedReader()(buffered(b"0\r\n" + trailers + b"\r\n"))
        assert isinstance(ChunkedReader()(buffered(b"0\r\na: b\r\n\r\n")), h11.EndOfMessage)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many lines the parser was given, head by head."""
    seen: list[int] = []
    real = parser._read_headers

    def counted(lines: Any) -> http.Headers:
        kept = list(lines)
        seen.append(len(kept))
        return real(kept)

    monkeypatch.setattr(parser, "_read_headers", counted)
    return iter([seen])


@pytest.mark.parametrize(
    ("fields", "code"),
    [(ENDLESS, "header-injection"), (MANY, "bad-request"), (MANY[: 6 * 900], "")],
    ids=["folded", "many", "the control"],
)
def test_a_request_is_refused_before_it_is_parsed(
    inside: Inside, parsed: Iterator[list[int]], fields: bytes, code: str
) -> None:
    (seen,) = parsed
    with inside.tunnel(EXAMPLE, inside.world.tls_port, "http/1.1") as tls:
        seen.clear()
        tls.sendall(get(extra=fields.decode()))
        assert code_of(read(tls)) == code
    assert any(count > 100 for count in seen) is not bool(code)


@pytest.mark.parametrize(
    ("fields", "code"),
    [(ENDLESS, "upstream-protocol"), (MANY * 2, "upstream-protocol"), (MANY[: 6 * 900], "")],
    ids=["folded", "many", "the control"],
)
def test_a_response_is_refused_before_it_is_parsed(
    inside: Inside, parsed: Iterator[list[int]], fields: bytes, code: str
) -> None:
    (seen,) = parsed
    page = b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 2\r\n\r\nok"
    with RawUpstream(inside.world.authority, EXAMPLE, answering(page)) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            tls.sendall(get(host=f"{EXAMPLE}:{far.port}"))
            assert code_of(read(tls)) == code
    assert any(count > 100 for count in seen) is not bool(code)


def test_informational_responses_are_read_line_by_line_as_well(rig: Rig) -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\n" + ENDLESS + b"\r\n"
    page = hint + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    for sent, code in ((page, "upstream-protocol"), (page.replace(b" z\r\n", b""), "")):
        with RawUpstream(rig.world.authority, EXAMPLE, answering(sent)) as far:
            rig.configure(rig.route(EXAMPLE, port=far.port))
            with rig.tunnel(EXAMPLE, port=far.port) as tls:
                tls.sendall(get(host=f"{EXAMPLE}:{far.port}"))
                assert code_of(read(tls)) == code


def test_a_path_is_as_long_as_paths_are(rig: Rig) -> None:
    for size, code in ((MAX_PATH, ""), (MAX_PATH + 1, "too-large")):
        rig.world.reset()
        path = "/a" * (size // 2) + "/" * (size % 2)
        assert code_of(exchange(rig, get(path))) == code
        assert [r["path"] for r in reached(rig)] == ([] if code else [path])
    assert code_of(exchange(rig, get("/x?" + "q" * (2 * MAX_PATH)))) == "", "queries may be longer"


def test_repeated_fields_are_joined_in_their_order() -> None:
    fields = [(b"A", b"1"), (b"b", b"2"), (b"a", b"3"), (b"B", b"4"), (b"a", b""), (b"c", b"5")]
    assert joined(http.Headers(fields)) == {"a": "1, 3, ", "b": "2, 4", "c": "5"}


@pytest.mark.parametrize(
    ("message", "aside"),
    [
        (Outgoing("https://a/", ((b"x", b"y" * OFF_LOOP),), b""), True),
        (Outgoing("https://a/?" + "y" * OFF_LOOP, (), b""), True),
        (Outgoing("https://a/", (), b"y" * OFF_LOOP), True),
        (Outgoing("https://a/", (), b"y", coding="gzip"), True),
        (Outgoing("https://a/", ((b"x", b"y" * 1000),) * 3, b"y" * 1000), False),
    ],
    ids=["a field", "the URL", "the body", "encoded", "small"],
)
def test_a_large_head_is_scanned_beside_the_loop(message: Outgoing, aside: bool) -> None:
    where: list[int] = []

    class Watched(Scanner):
        def scan_request(self, *given: Any, **named: Any) -> tuple[Finding, ...]:
            where.append(threading.get_ident())
            return ()

    scanner = Watched({}, key=b"k")
    judge: Callable[..., Any] = OutboundScan(cast(Ledger, None)).judge
    asyncio.run(judge(scanner, Route("a"), message, supervised=False))
    assert (where != [threading.get_ident()]) is aside
