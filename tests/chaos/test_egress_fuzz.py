"""Malformed HTTP/1, HTTP/2, WebSocket and control bytes on the live sidecar, many of them, while
another stream has to be answered: nothing crashes, nothing unlisted is reached, nobody waits.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.chaos.test_egress_soak import ask
from tests.sidecar_egress.rig import EXAMPLE, Rig
from tests.sidecar_egress.test_fuzz import SEEDS, mutate, shoot
from tests.world import World

pytestmark = pytest.mark.chaos

SHOTS = 150
UPGRADE = (
    f"GET /ws HTTP/1.1\r\nHost: {EXAMPLE}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
).encode()


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with World() as world, Rig(tmp_path_factory.mktemp("fuzz"), world) as running:
        running.configure(running.route(EXAMPLE))
        yield running


def http1_inside(rig: Rig, dice: random.Random) -> None:
    with rig.tunnel(EXAMPLE) as tls:
        shoot(tls, mutate(dice, dice.choice(SEEDS)))


def http1_outside(rig: Rig, dice: random.Random) -> None:
    name = f"{EXAMPLE}:{rig.world.tls_port}"
    connect = f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()
    with rig.raw(dice.choice(("proxy", "tls", "plain"))) as raw:
        shoot(raw, mutate(dice, dice.choice((connect, *SEEDS))) + dice.choice(SEEDS))


def http2(rig: Rig, dice: random.Random) -> None:
    frames = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    for _ in range(dice.randint(1, 8)):
        body = dice.randbytes(dice.randint(0, 60))
        head = len(body).to_bytes(3) + bytes([dice.randrange(12), dice.randrange(256)])
        frames += head + dice.randrange(8).to_bytes(4) + body
    with rig.tunnel(EXAMPLE, alpn=["h2"]) as tls:
        shoot(tls, frames)


def websocket(rig: Rig, dice: random.Random) -> None:
    frames = b"".join(
        bytes([dice.randrange(256), 0x80 | len(body)]) + dice.randbytes(4) + body
        for body in (dice.randbytes(dice.randint(0, 100)) for _ in range(dice.randint(1, 5)))
    )
    with rig.tunnel(EXAMPLE) as tls:
        shoot(tls, UPGRADE + mutate(dice, frames))


def control(rig: Rig, dice: random.Random) -> None:
    seeds = (b'{"op":"status"}\n', b'{"op":"configure","config":{}}\n', b'{"op":"vault_get"}\n')
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(rig.sidecar.folder / "control" / "control.sock"))
        shoot(line, mutate(dice, dice.choice(seeds)))


@pytest.mark.parametrize("attack", [http1_inside, http1_outside, http2, websocket, control])
def test_no_crash_no_pass_no_stall(rig: Rig, attack: Callable[[Rig, random.Random], None]) -> None:
    dice = random.Random(attack.__name__)
    rig.world.reset()
    with rig.tunnel(EXAMPLE) as other:
        for _ in range(SHOTS):
            attack(rig, dice)
            assert ask(other, "/other").startswith(b"HTTP/1.1 "), "another stream was not answered"
    hosts = {r["host"].split(":")[0] for r in rig.world.requests(settle_seconds=1)}
    assert hosts == {EXAMPLE}
    assert rig.sidecar.process.poll() is None
    with rig.sidecar.control() as client:
        assert client.status().config is not None
