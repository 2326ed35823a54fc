"""Raw arrivals are recorded, connection alone included."""

from __future__ import annotations

import socket
import time

from tests.world import World


def arrivals(world: World, count: int) -> list[tuple[str, int, bytes]]:
    """What arrived, once there are so many (bounded wait)."""
    deadline = time.monotonic() + 10
    while len(found := world.truth()["raw"]) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return [(item["transport"], item["size"], bytes.fromhex(item["sample"])) for item in found]


def test_a_tcp_connection_is_greeted_and_recorded_even_without_data(world: World) -> None:
    assert world.truth()["raw"] == []
    (port,) = world.service.ports.tcp_sinks
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        assert sock.recv(100) == b"world\n"
        assert arrivals(world, 1) == [("tcp", 0, b"")]
        sock.sendall(b"stolen")
        assert arrivals(world, 2)[1] == ("tcp", 6, b"stolen")


def test_a_datagram_is_sent_back_and_recorded(world: World) -> None:
    (port,) = world.service.ports.udp_sinks
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.sendto(b"quic?", ("127.0.0.1", port))
        assert sock.recv(100) == b"quic?"
    assert arrivals(world, 1) == [("udp", 5, b"quic?")]
