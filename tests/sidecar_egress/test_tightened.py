"""What is open and still sends ends when its route would judge it differently."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from botbottle.model.approval import Approval
from botbottle.model.route import Dlp, HeaderMatch, Match
from tests.sidecar_egress.raw_upstream import RawUpstream
from tests.sidecar_egress.rig import EXAMPLE, Rig, until
from tests.sidecar_egress.ws_client import Socket

APPROVED = Dlp(allow=(Approval(fingerprint="0" * 15 + "1", reason="x", until="2099-01-31"),))
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "approval-withdrawn": ({"dlp": APPROVED}, {}),
    "detectors-added": ({"dlp": Dlp(outbound_detectors=())}, {}),
    "refused-not-asked": ({}, {"dlp": Dlp(outbound_on_match="block")}),
}
MORE = b"and " * 50_000  # more than is held back until what follows is known
BY_HEADER = (Match(headers=(HeaderMatch("x-kind", "a"),)),)


def cut(rig: Rig, path: str) -> bool:
    """Whether the request to this path, which only one test uses, was cut."""
    return any(line["event"] == "cut" and line["path"] == path for line in rig.sidecar.lines)


def ended(tls: socket.socket) -> None:
    """The sidecar ends the connection; a time-out is a failure."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while tls.recv(65536):
            pass


@pytest.mark.parametrize("change", CHANGES)
def test_a_websocket_ends_and_others_go_on(rig: Rig, change: str) -> None:
    before, after = CHANGES[change]
    rig.configure(rig.route(EXAMPLE, **before))
    ws = Socket(rig, EXAMPLE, "/ws")
    texts = ws.texts()
    # The control: a configuration that changes something else leaves it open.
    rig.configure(rig.route(EXAMPLE, **before), rig.route("other.example.com"))
    ws.send_raw(b"one")
    assert next(texts)
    rig.configure(rig.route(EXAMPLE, **after), rig.route("other.example.com"))
    with pytest.raises((OSError, StopIteration)):
        ws.send_raw(b"two")
        next(texts)


def test_a_more_specific_route_that_is_new_is_the_one_that_counts(rig: Rig) -> None:
    loose, strict = Dlp(outbound_detectors=()), Dlp(outbound_on_match="block")
    rig.configure(rig.route(EXAMPLE, dlp=loose))
    marked = Socket(rig, EXAMPLE, "/ws", {"x-kind": "a"})
    plain = Socket(rig, EXAMPLE, "/ws")
    rig.configure(rig.route(EXAMPLE, dlp=loose), rig.route(EXAMPLE, dlp=strict, matches=BY_HEADER))
    plain.send_raw(b"one")
    assert next(plain.texts())
    with pytest.raises((OSError, StopIteration)):
        marked.send_raw(b"two")
        next(marked.texts())


def _switches(stream: socket.socket, head: bytes) -> None:
    """An upstream that opens a WebSocket whether or not it was asked to."""
    head_ = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
    stream.sendall(head_ + b"Sec-WebSocket-Accept: x\r\n\r\n")


def test_a_websocket_that_nobody_asked_for_ends_too(rig: Rig) -> None:
    with RawUpstream(rig.world.authority, EXAMPLE, _switches) as far:
        rig.configure(rig.route(EXAMPLE, port=far.port))
        with rig.tunnel(EXAMPLE, port=far.port) as tls:
            tls.settimeout(60)
            head = f"GET /unasked HTTP/1.1\r\nHost: {EXAMPLE}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            tls.sendall(head.encode())
            assert tls.recv(65536).startswith(b"HTTP/1.1 101")
            strict = Dlp(outbound_on_match="block")
            rig.configure(rig.route(EXAMPLE, port=far.port, dlp=strict))
            ended(tls)
            until(lambda: cut(rig, "/unasked"), "the cut to be told")


@contextlib.contextmanager
def uploading(rig: Rig, path: str, port: int) -> Iterator[socket.socket]:
    """A chunked upload whose first piece is on its way."""
    head = f"POST {path} HTTP/1.1\r\nHost: {EXAMPLE}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with rig.tunnel(EXAMPLE, port=port) as tls:
        tls.settimeout(60)
        tls.sendall(head.encode() + b"3\r\none\r\n")
        yield tls


@pytest.mark.parametrize("change", [*CHANGES, "streaming-withdrawn"])
def test_an_upload_ends(rig: Rig, change: str) -> None:
    before, after = CHANGES.get(change, ({}, {}))
    path = f"/upload/{change}"
    still = change != "streaming-withdrawn"
    with RawUpstream(rig.world.authority, EXAMPLE, lambda stream, head: None) as far:
        first = rig.route(EXAMPLE, port=far.port, stream_uploads=True, **before)
        rig.configure(first)
        with uploading(rig, path, far.port) as tls:
            far.got(b"\r\n\r\n")
            rig.configure(first, rig.route("other.example.com"))
            tls.sendall(b"%x\r\n%b\r\n" % (len(MORE), MORE))
            far.got(MORE[:1000])  # the control: another change leaves it open
            rig.configure(rig.route(EXAMPLE, port=far.port, stream_uploads=still, **after))
            ended(tls)
            with contextlib.suppress(OSError):
                tls.sendall(b"3\r\ntwo\r\n")
        until(lambda: cut(rig, path), "the cut to be told")
        assert b"two" not in far.received
