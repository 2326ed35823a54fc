"""HTTP/2 as an attacker writes it: nothing gets past the target, others are served meanwhile."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived, StreamEnded
from hyperframe.frame import ContinuationFrame, Frame, HeadersFrame, PriorityFrame, SettingsFrame

from tests.sidecar_egress.raw_client import code_of, exchange, get
from tests.sidecar_egress.rig import EXAMPLE, Rig, until

type Fields = list[tuple[str, str]]

PLAIN: Fields = [(":method", "GET"), (":scheme", "https"), (":path", "/p"), (":authority", "HOST")]


def fields(*extra: tuple[str, str], **pseudo: str) -> Fields:
    """The plain request with other pseudo-headers, and more headers."""
    changed = [(n, pseudo.get(n[1:], v)) for n, v in PLAIN]
    return [(n, v) for n, v in changed if v] + list(extra)


HEADS: dict[str, Fields] = {
    "extended-connect": fields((":protocol", "websocket"), method="CONNECT"),
    "connect": fields(method="CONNECT", scheme="", path="", authority="evil.example.com:443"),
    "connect-with-path": fields(method="CONNECT"),
    "absolute-form": fields(path="https://evil.example.com/x"),
    "double-slash-host": fields(path="http://HOST/../x"),
    "asterisk": fields(method="OPTIONS", path="*"),
    "empty-path": [f for f in PLAIN if f[0] != ":path"] + [(":path", "")],
    "fragment": fields(path="/x#y"),
    "two-authorities": [*PLAIN, (":authority", "evil.example.com")],
    "two-paths": [*PLAIN, (":path", "/other")],
    "late-pseudo-header": [PLAIN[0], PLAIN[1], PLAIN[3], ("accept", "*/*"), PLAIN[2]],
    "unknown-pseudo-header": [*PLAIN, (":route", "x")],
    "host-of-another": fields(("host", "evil.example.com")),
    "two-hosts": fields(("host", "HOST"), ("host", "evil.example.com")),
    "upgrade-h2c": fields(("upgrade", "h2c")),
    "connection": fields(("connection", "upgrade"), ("upgrade", "websocket")),
    "chunked": fields(("transfer-encoding", "chunked")),
    "te": fields(("te", "gzip")),
    "line-break": fields(("x-a", "1\r\nhost: evil.example.com")),
    "nul": fields(("x-a", "1\0")),
    "upper-case": fields(("X-Upper", "1")),
    "space-in-name": fields(("x a", "1")),
    "length-without-body": fields(("content-length", "5"), method="POST"),
    "two-lengths": fields(("content-length", "0"), ("content-length", "5"), method="POST"),
}


def opened(rig: Rig) -> tuple[ssl.SSLSocket, H2Connection]:
    tls = rig.tunnel(EXAMPLE, alpn=["h2"])
    tls.settimeout(30)
    rules = H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    conn = H2Connection(rules)
    conn.initiate_connection()
    return tls, conn


def spoken(rig: Rig, head: Fields) -> list[tuple[str, str]]:
    name = f"{EXAMPLE}:{rig.world.tls_port}"
    return [(n, v.replace("HOST", name)) for n, v in head]


def status(tls: ssl.SSLSocket, conn: H2Connection) -> str:
    """The status of the first response; '' when the connection ends instead."""
    with contextlib.suppress(OSError):
        while data := tls.recv(65536):
            for event in conn.receive_data(data):
                if isinstance(event, ResponseReceived):
                    return str(dict(event.headers)[b":status"].decode())
                if type(event).__name__ in ("StreamReset", "ConnectionTerminated"):
                    return ""
            tls.sendall(conn.data_to_send())
    return ""


@pytest.mark.parametrize("name", HEADS)
def test_a_head_that_names_something_else_reaches_nobody(rig: Rig, name: str) -> None:
    rig.configure(rig.route(EXAMPLE))
    tls, conn = opened(rig)
    with tls:
        conn.send_headers(1, spoken(rig, HEADS[name]), end_stream=True)
        tls.sendall(conn.data_to_send())
        assert status(tls, conn) in ("400", "403", "")
    assert rig.world.requests(settle_seconds=0.05) == []


def test_the_plain_head_arrives(rig: Rig) -> None:
    """The control of all the others."""
    rig.configure(rig.route(EXAMPLE))
    tls, conn = opened(rig)
    with tls:
        conn.send_headers(1, spoken(rig, PLAIN), end_stream=True)
        tls.sendall(conn.data_to_send())
        assert status(tls, conn) == "404"
    assert [r["path"] for r in rig.world.requests()] == ["/p"]


def _continuations(conn: H2Connection) -> list[Frame]:
    """A head that never ends."""
    first = HeadersFrame(1, data=conn.encoder.encode([(n, v) for n, v in PLAIN]))
    return [first, *(ContinuationFrame(1, data=b"\x00\x01a\x01b" * 2000) for _ in range(500))]


def _bomb(conn: H2Connection) -> list[Frame]:
    """One header of 4 kB in the table, named ten thousand times (a byte each)."""
    head = conn.encoder.encode([(n, v) for n, v in PLAIN])
    large = b"\x40\x01a\x7f\x81\x1e" + b"x" * 4000
    frame = HeadersFrame(1, data=head + large + b"\xbe" * 10_000)
    frame.flags.add("END_HEADERS")
    return [frame]


def _settings(conn: H2Connection) -> list[Frame]:
    """The same two windows again and again."""
    return [SettingsFrame(0, settings={4: 65535 + n % 2, 1: 2**32 - 1}) for n in range(5000)]


def _priorities(conn: H2Connection) -> list[Frame]:
    """Weights of streams that do not exist."""
    return [PriorityFrame(2 * n + 1, depends_on=2 * n + 3) for n in range(1, 5000)]


@pytest.mark.parametrize("flood", [_continuations, _bomb, _settings, _priorities])
def test_a_flood_of_frames_is_bounded_and_hurts_nobody_else(
    rig: Rig, flood: Callable[[H2Connection], list[Frame]]
) -> None:
    rig.configure(rig.route(EXAMPLE))
    before = rig.sidecar.memory()
    tls, conn = opened(rig)
    with tls, contextlib.suppress(OSError):
        tls.sendall(conn.data_to_send())
        for frame in flood(conn):
            tls.sendall(frame.serialize())
        while tls.recv(65536):
            if flood in (_settings, _priorities):
                break
    assert code_of(exchange(rig, get("/after"))) == ""
    assert [r["path"] for r in rig.world.requests()] == ["/after"]
    assert rig.sidecar.memory() - before < 64 * 1024 * 1024
    until(lambda: not _streams(rig), "all streams to be over")


def test_streams_that_are_reset_at_once_leave_nothing(rig: Rig) -> None:
    rig.configure(rig.route(EXAMPLE))
    tls, conn = opened(rig)
    with tls:
        for number in range(1, 1001, 2):
            conn.send_headers(number, spoken(rig, PLAIN), end_stream=True)
            conn.reset_stream(number)
        tls.sendall(conn.data_to_send())
        conn.send_headers(1001, spoken(rig, fields(path="/last")), end_stream=True)
        with contextlib.suppress(OSError):
            tls.sendall(conn.data_to_send())
            ended = False
            while not ended and (data := tls.recv(65536)):
                ended = any(isinstance(e, StreamEnded) for e in conn.receive_data(data))
                tls.sendall(conn.data_to_send())
        assert code_of(exchange(rig, get("/after"))) == ""
    until(lambda: not _streams(rig), "all streams to be over")


def _streams(rig: Rig) -> int:
    with rig.sidecar.control() as control:
        return int(control.details()["streams"])
