"""Mutated and random bytes on the live proxy: nothing unlisted is reached, nothing stops."""

from __future__ import annotations

import random
import socket
import ssl

from tests.sidecar_egress.raw_client import code_of, exchange, get
from tests.sidecar_egress.rig import EXAMPLE, Rig

SEEDS = (
    get(),
    b"POST /x HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /x HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n0\r\n\r\n",
    b"GET https://api.example.com/x HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
)
PIECES = (b"\0", b"\r", b"\n", b"\r\n", b"Host: evil.example.com\r\n", b"@evil.example.com", b"%00",
          b"evil.example.com", b"http://evil.example.com/", b"\xff", b" ", b"\t", b":", b"0x7f.1",
          b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n",
          b"CONNECT evil:443 HTTP/1.1\r\n")  # fmt: skip


def mutate(dice: random.Random, data: bytes) -> bytes:
    """A few insertions, deletions, swaps and repeats."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(out) + 1)
        match dice.randrange(4):
            case 0:
                out[at:at] = dice.choice(PIECES)
            case 1:
                del out[at : at + dice.randint(1, 8)]
            case 2 if at < len(out):
                out[at] = dice.randrange(256)
            case _:
                out[at:at] = out[max(0, at - 12) : at]
    return bytes(out)


def shoot(stream: socket.socket, data: bytes) -> None:
    stream.settimeout(0.05)
    try:
        stream.sendall(data)
        while stream.recv(65536):
            pass
    except (OSError, ssl.SSLError):
        pass


def test_mutations_inside_a_tunnel_reach_nothing_else(rig: Rig) -> None:
    dice = random.Random(7)
    for _ in range(80):
        with rig.tunnel(EXAMPLE) as tls:
            shoot(tls, mutate(dice, dice.choice(SEEDS)))
    assert {r["host"].split(":")[0] for r in rig.world.requests(settle_seconds=1)} <= {EXAMPLE}
    assert code_of(exchange(rig, get())) == ""


def test_mutations_of_the_proxy_protocol_reach_nothing(rig: Rig) -> None:
    dice = random.Random(11)
    port = rig.world.tls_port
    connect = f"CONNECT {EXAMPLE}:{port} HTTP/1.1\r\nHost: {EXAMPLE}:{port}\r\n\r\n".encode()
    for number in range(120):
        with rig.raw() as raw:
            seed = connect if number % 2 else dice.choice(SEEDS)
            shoot(raw, mutate(dice, seed) + dice.choice(SEEDS))
    assert {r["host"].split(":")[0] for r in rig.world.requests(settle_seconds=1)} <= {EXAMPLE}
    assert code_of(exchange(rig, get())) == ""


def test_random_http2_frames_stop_nothing(rig: Rig) -> None:
    dice = random.Random(13)
    for _ in range(40):
        with rig.tunnel(EXAMPLE, alpn=["h2"]) as tls:
            frames = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
            for _ in range(dice.randint(1, 6)):
                body = dice.randbytes(dice.randint(0, 40))
                kind, flags = dice.randrange(12), dice.randrange(256)
                frames += len(body).to_bytes(3) + bytes([kind, flags])
                frames += dice.randrange(8).to_bytes(4) + body
            shoot(tls, frames)
    assert rig.world.requests(settle_seconds=0.5) == []
    assert code_of(exchange(rig, get())) == ""
    assert rig.sidecar.process.poll() is None
