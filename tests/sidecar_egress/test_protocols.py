"""HTTP/2, event streams, WebSockets, and programs that never heard of a proxy."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import ssl
from typing import Any

import httpx
import pytest
from wsproto.events import (
    AcceptConnection,
    RejectConnection,
)
from wsproto.extensions import PerMessageDeflate

from botbottle.model.bottle import Limit
from botbottle.sidecar.egress.frames import MAX_MESSAGE
from tests.sidecar_egress.rig import ANTHROPIC, EXAMPLE, OPENAI, Rig, until
from tests.sidecar_egress.ws_client import CREATE, Socket


def client(rig: Rig, *, http2: bool = False) -> httpx.Client:
    context = ssl.create_default_context(cafile=str(rig.sidecar.ca))
    return httpx.Client(proxy=rig.sidecar.proxy, verify=context, timeout=20, http2=http2)


def test_http2_on_both_sides(rig: Rig) -> None:
    with client(rig, http2=True) as http:
        answer = http.get(rig.url(EXAMPLE, "/x"))
        denied = http.get(rig.url("denied.example.com", "/x"))
    assert answer.http_version == "HTTP/2"
    assert [r["protocol"] for r in rig.world.requests()] == ["h2"]
    assert denied.status_code == 403
    assert denied.json()["code"] == "no-route"


def h2_status(rig: Rig, authority: str, *extra: tuple[str, str]) -> bytes:
    """Status of an HTTP/2 request, b"closed" when the connection was ended instead."""
    import h2.config
    import h2.connection
    import h2.events

    with rig.tunnel(EXAMPLE, alpn=["h2"]) as tls:
        assert tls.selected_alpn_protocol() == "h2"
        tls.settimeout(5)
        conn = h2.connection.H2Connection(
            h2.config.H2Configuration(
                validate_outbound_headers=False, normalize_outbound_headers=False
            )
        )
        conn.initiate_connection()
        fields = [(":method", "GET"), (":scheme", "https"), (":path", "/x"),
                  (":authority", authority), *extra]  # fmt: skip
        conn.send_headers(1, fields, end_stream=True)
        tls.sendall(conn.data_to_send())
        try:
            while data := tls.recv(65536):
                for event in conn.receive_data(data):
                    if isinstance(event, h2.events.ResponseReceived):
                        return bytes(dict(event.headers)[b":status"])
                tls.sendall(conn.data_to_send())
        except OSError:
            pass
    return b"closed"


def test_http2_authority_and_host_must_agree(rig: Rig) -> None:
    name = f"{EXAMPLE}:{rig.world.tls_port}"
    assert h2_status(rig, name) == b"404"
    assert h2_status(rig, name, ("host", name)) == b"404"
    assert h2_status(rig, "other.example.com") == b"400"
    assert h2_status(rig, name, ("host", "other.example.com")) in (b"400", b"closed")
    assert h2_status(rig, name, ("connection", "close")) in (b"400", b"closed")
    assert h2_status(rig, name, ("X-Upper", "1")) in (b"400", b"closed")
    assert h2_status(rig, f"user@{name}") in (b"400", b"closed")
    assert len(rig.world.requests()) == 2


def test_events_pass_as_they_come(rig: Rig) -> None:
    """The upstream goes silent after some events: whoever waits for the end gets none of them."""
    rig.world.default(events=20, stall_after=8)
    body = {"model": "claude-opus-5-5", "max_tokens": 50, "stream": True,
            "messages": [{"role": "user", "content": "hi"}]}  # fmt: skip
    with (
        client(rig) as http,
        http.stream("POST", rig.url(ANTHROPIC, "/v1/messages"), json=body) as answer,
    ):
        events = (line for line in answer.iter_lines() if line.startswith("data:"))
        assert len(list(itertools.islice(events, 8))) == 8


def turn(ws: Socket) -> dict[str, Any]:
    """Frames until the response is over."""
    ws.send(CREATE)
    for frame in ws.receive():
        if frame["type"] in ("response.completed", "response.incomplete", "error"):
            return frame
    return {"type": "closed"}


def codex_rows(rig: Rig) -> list[Any]:
    """Rows of this test's provider: an earlier test's stream may still be settling."""
    return [r for r in rig.ledger.rows() if r.provider == "codex"]


def test_a_metered_websocket_counts_every_response(rig: Rig) -> None:
    ws = Socket(rig, OPENAI, "/v1/responses")
    assert isinstance(ws.opened, AcceptConnection)
    for number in (1, 2, 3):
        assert turn(ws)["type"] == "response.completed"
        until(lambda n=number: len(codex_rows(rig)) == n, "a row for each response")
    ws.close()
    records = rig.world.requests(settle_seconds=2, host=OPENAI)
    assert sum(len(r["responses"]) for r in records) == 3
    billed = sum(r["billed"]["output"] for r in records)
    assert sum(r.tokens.output for r in codex_rows(rig)) == billed > 0
    assert {r.completeness for r in codex_rows(rig)} == {"final"}
    assert rig.ledger.reserved() == 0


def test_a_websocket_over_budget_gets_an_error_frame_and_the_provider_nothing(rig: Rig) -> None:
    rig.ledger.limit(Limit("codex", 20_000))
    rig.world.default(input_uncached=20_500, events=1)
    ws = Socket(rig, OPENAI, "/v1/responses")
    turn(ws)
    until(lambda: len(codex_rows(rig)) == 1, "the first row")
    ws.close()
    ws = Socket(rig, OPENAI, "/v1/responses")
    refused = turn(ws)
    ws.close()
    assert refused["type"] == "error"
    assert refused["error"]["type"] == "usage_limit_reached"
    asked = list(rig.world.requests(settle_seconds=2, host=OPENAI))
    assert sum(len(r["responses"]) for r in asked) == 1


def test_a_websocket_without_a_ledger_is_refused(own: Rig) -> None:
    own.ledger.stop()
    until(lambda: not own.sidecar.control().status().ledger, "the sidecar to notice")
    ws = Socket(own, OPENAI, "/v1/responses")
    assert isinstance(ws.opened, RejectConnection)
    assert ws.opened.status_code == 503


def test_the_agents_key_on_a_websocket_is_replaced(rig: Rig) -> None:
    ws = Socket(rig, OPENAI, "/v1/responses", {"authorization": "Bearer mine"})
    ws.close()
    (record,) = rig.world.requests(settle_seconds=2)
    assert record["auth"]["authorization"] == "Bearer sk-real-openai-00002"


def test_a_secret_in_a_websocket_message_ends_it(rig: Rig) -> None:
    ws = Socket(rig, OPENAI, "/v1/responses")
    ws.send({**CREATE, "input": "the key is sk-real-anthropic-0001"})
    with pytest.raises((OSError, StopIteration)):
        next(ws.receive())
    assert "dlp" in [d.get("code") for d in rig.sidecar.control().denials(5)]
    (record,) = rig.world.requests(settle_seconds=2)
    assert record["responses"] == []


class TestLargeMessages:
    """The upstream sends text back as it is, bytes as twice as many characters."""

    @pytest.mark.parametrize("compressed", [True, False])
    @pytest.mark.parametrize(("fits", "breaks"), [
        (MAX_MESSAGE // 4, MAX_MESSAGE + 1),  # the agent's message is too large
        (MAX_MESSAGE // 4, MAX_MESSAGE // 2 + 1),  # the upstream's answer is
    ])  # fmt: skip
    def test_one_over_the_limit_ends_the_socket_and_does_not_arrive(
        self, rig: Rig, fits: int, breaks: int, compressed: bool
    ) -> None:
        deflate = [PerMessageDeflate()] if compressed else []
        ws = Socket(rig, EXAMPLE, "/ws", extensions=deflate)
        assert isinstance(ws.opened, AcceptConnection)
        assert bool(ws.opened.extensions) is compressed
        texts = ws.texts()
        ws.send_raw(bytes(fits))
        assert len(next(texts)) == 2 * fits
        ws.send_raw(bytes(breaks))
        assert next(texts, None) is None
        assert ws.code == 1009
        ws.close()

    def test_decompression_costs_no_more_memory_than_the_limit(self, own: Rig) -> None:
        ws = Socket(own, EXAMPLE, "/ws", extensions=[PerMessageDeflate()])
        before = own.sidecar.memory()
        ws.send_raw(bytes(16 * MAX_MESSAGE))  # 256 MiB in 260 kB
        assert next(ws.texts(), None) is None
        assert ws.code == 1009
        assert own.sidecar.peak() - before < 6 * MAX_MESSAGE
        ws.close()


def direct(rig: Rig, listener: str, host: str | None) -> socket.socket:
    raw = rig.raw(listener)
    if listener == "plain":
        return raw
    context = ssl.create_default_context(cafile=str(rig.sidecar.ca))
    context.check_hostname = host is not None
    return context.wrap_socket(raw, server_hostname=host)


def ask(stream: socket.socket, host: str, path: str = "/x") -> tuple[str, dict[str, Any]]:
    stream.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    data = b""
    while piece := stream.recv(65536):
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    return head.split(b" ")[1].decode(), json.loads(body)


class TestPrograms:
    """Programs that resolve a name, get the sidecar, and connect to its 443 or 80."""

    def test_a_denied_name_gets_the_same_structured_denial(self, rig: Rig) -> None:
        with direct(rig, "tls", "denied.example.com") as tls:
            status, body = ask(tls, "denied.example.com")
        assert (status, body["code"]) == ("403", "no-route")
        with direct(rig, "plain", None) as raw:
            status, body = ask(raw, "denied.example.com")
        assert (status, body["code"]) == ("403", "no-route")

    def test_sni_and_host_must_agree(self, rig: Rig) -> None:
        with direct(rig, "tls", EXAMPLE) as tls:
            status, body = ask(tls, ANTHROPIC)
        assert (status, body["code"]) == ("400", "host-mismatch")

    def test_tls_without_a_name_ends(self, rig: Rig) -> None:
        with pytest.raises((ssl.SSLError, OSError)):
            direct(rig, "tls", None)

    def test_connect_on_the_direct_ports_is_refused(self, rig: Rig) -> None:
        with rig.raw("plain") as raw:
            raw.sendall(f"CONNECT {EXAMPLE}:443 HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n".encode())
            assert raw.recv(4096).split(b" ")[1] in (b"400", b"403")

    def test_plain_bytes_on_the_tls_port_end(self, rig: Rig) -> None:
        with rig.raw("tls") as raw:
            raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert raw.recv(4096) == b""

    def test_an_allowed_name_passes(self, rig: Rig) -> None:
        rig.configure(rig.route(EXAMPLE, port=443), rig.route(EXAMPLE, port=80))
        with direct(rig, "tls", EXAMPLE) as tls:
            status, body = ask(tls, EXAMPLE)
        # The route is used; nothing listens on 443 of the stand-in address in this test.
        assert (status, body["code"]) == ("502", "upstream")
