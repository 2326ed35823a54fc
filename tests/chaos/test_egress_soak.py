"""Memory of the sidecar over long runs. What is judged is the slope of the resident set after a
warm-up, not its size: a leak of 500 bytes a request fails, the machine's habits do not.

The 60-minute WebSocket is simulated by its number of frames: one turn a second, ten frames each.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import wsproto
from wsproto.events import AcceptConnection, Request, TextMessage

from tests.chaos.egress_world import HOST, REPLIES, Upstream, slope
from tests.sidecar_egress.rig import Rig
from tests.world import World

pytestmark = pytest.mark.chaos

MIB = 1024 * 1024
REQUESTS, STEP = 10_000, 1_000
FRAMES = 60 * 60 * (1 + REPLIES)
DOWNLOAD = 500 * MIB


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with World() as world, Rig(tmp_path_factory.mktemp("soak"), world) as running:
        yield running


@pytest.fixture
def upstream(rig: Rig) -> Iterator[Upstream]:
    with Upstream(rig.world.authority) as running:
        rig.configure(rig.route(HOST, port=running.port))
        yield running


def mib(rig: Rig) -> float:
    return rig.sidecar.memory() / MIB


@contextlib.contextmanager
def tunnel(rig: Rig, upstream: Upstream) -> Iterator[ssl.SSLSocket]:
    """A TLS connection to the upstream through the sidecar."""
    context = ssl.create_default_context(cafile=str(rig.sidecar.ca))
    raw = rig.connect(f"{HOST}:{upstream.port}")
    raw.settimeout(60)
    with context.wrap_socket(raw, server_hostname=HOST) as tls:
        yield tls


def ask(tls: ssl.SSLSocket, path: str, *, host: str = HOST, body: bytes = b"") -> bytes:
    """One request on a kept connection; returns the status line, reads the whole body."""
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: {host}\r\n"
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    tls.sendall(f"{head}{length}\r\n".encode() + body)
    reply = b""
    while b"\r\n\r\n" not in reply:
        data = tls.recv(65536)
        assert data, "the connection ended"
        reply += data
    head_, _, rest = reply.partition(b"\r\n\r\n")
    left = int(head_.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]) - len(rest)
    while left > 0:
        left -= len(tls.recv(min(left, 65536)))
    return head_.partition(b"\r\n")[0]


def thousand(rig: Rig, upstream: Upstream) -> None:
    """Requests of several kinds: kept and fresh connections, refused ones, bodies."""
    for number in range(50):
        with tunnel(rig, upstream) as tls:
            for _ in range(16):
                assert b" 200 " in ask(tls, "/1000")
            assert b" 200 " in ask(tls, "/10", body=b'{"text":"hello"}' * 64)
            big = b'{"text":"' + b"word " * 40_000 + b'"}'
            assert b" 200 " in ask(tls, "/10", body=big if number % 10 == 0 else b"{}")
            assert b" 403 " in ask(tls, "/info/refs?service=git-receive-pack")
            assert b" 400 " in ask(tls, "/1", host="evil.example.com")


def test_ten_thousand_requests_leave_nothing_behind(rig: Rig, upstream: Upstream) -> None:
    thousand(rig, upstream)
    thousand(rig, upstream)
    samples = []
    for _ in range(REQUESTS // STEP):
        thousand(rig, upstream)
        samples.append(mib(rig))
    assert slope(samples) < 0.5, samples
    assert not rig.sidecar.errors()


def test_an_hour_of_websocket_frames_leaves_nothing_behind(rig: Rig, upstream: Upstream) -> None:
    text, samples, turn = json.dumps({"text": "a dozen words " * 10}), [], 1 + REPLIES
    with tunnel(rig, upstream) as tls:
        ws = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        tls.sendall(ws.send(Request(host=f"{HOST}:{upstream.port}", target="/ws")))
        got, opened = 0, False
        for sent in range(0, FRAMES, turn):
            if opened:
                tls.sendall(ws.send(TextMessage(text)))
            wanted = got + REPLIES if opened else 0
            while got < wanted or not opened:
                ws.receive_data(tls.recv(65536))
                for event in ws.events():
                    opened = opened or isinstance(event, AcceptConnection)
                    got += isinstance(event, TextMessage)
            if sent % (FRAMES // 20) == 0:
                samples.append(mib(rig))
    assert got == (FRAMES // turn - 1) * REPLIES
    assert slope(samples[4:]) < 0.1, samples  # a twentieth of the hour is 1,800 frames


def test_a_download_of_500_mb_streams(rig: Rig, upstream: Upstream) -> None:
    samples, left, mark = [], DOWNLOAD, DOWNLOAD
    with tunnel(rig, upstream) as tls:
        tls.sendall(f"GET /{DOWNLOAD} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            byte = tls.recv(1)
            assert byte, "the connection ended"
            head += byte
        while left and (data := tls.recv(MIB)):
            left -= len(data)
            if mark - left > 25 * MIB:
                mark = left
                samples.append(mib(rig))
    assert left == 0
    assert slope(samples[2:]) < 0.2, samples  # MiB for each 25 MiB that passed


def test_a_client_that_does_not_read_holds_the_upstream_back(rig: Rig, upstream: Upstream) -> None:
    before = mib(rig)
    with tunnel(rig, upstream) as tls:
        tls.sendall(f"GET /{DOWNLOAD} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        seen = -1
        while seen != upstream.sent or not seen:
            seen = upstream.sent
            time.sleep(1)
        assert seen < 64 * MIB
        assert mib(rig) - before < 32


def test_the_slope_of_a_leak_is_seen(tmp_path: Path) -> None:
    assert slope([10, 11, 12, 13]) == pytest.approx(1)
    assert slope([10, 12, 10, 12, 10]) == pytest.approx(0)
