"""The responder answers alike over UDP and TCP and remembers who asked."""

from __future__ import annotations

import socket
import struct

from tests.world import World
from tests.world.dns import Responder


def question(name: str, kind: int = 1) -> bytes:
    """A query packet, built after RFC 1035."""
    labels = b"".join(struct.pack("B", len(p)) + p.encode() for p in name.split("."))
    head = struct.pack(">HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0)
    return head + labels + b"\0" + struct.pack(">HH", kind, 1)


def ask_udp(world: World, packet: bytes) -> bytes:
    """One datagram there and back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.sendto(packet, ("127.0.0.1", world.service.ports.dns))
        return sock.recv(512)


def test_an_a_question_gets_the_configured_address_and_is_recorded(world: World) -> None:
    reply = ask_udp(world, question("Secret-Data.evil.example"))
    ident, flags, _, answers = struct.unpack(">HHHH", reply[:8])
    assert (ident, flags & 0xF, answers) == (0x1234, 0, 1)
    assert reply[-4:] == bytes([10, 9, 8, 7])
    (query,) = world.truth()["dns"]
    assert (query["name"], query["type"]) == ("secret-data.evil.example", "A")
    assert query["transport"] == "udp"


def test_other_types_get_an_empty_answer(world: World) -> None:
    reply = ask_udp(world, question("x.example", 16))
    assert struct.unpack(">H", reply[6:8]) == (0,)
    assert world.truth()["dns"][0]["type"] == "TXT"


def test_tcp_is_answered_too(world: World) -> None:
    packet = question("tcp.example")
    with socket.create_connection(("127.0.0.1", world.service.ports.dns), 10) as sock:
        sock.sendall(struct.pack(">H", len(packet)) + packet)
        (size,) = struct.unpack(">H", sock.recv(2))
        reply = sock.recv(size)
    assert reply[-4:] == bytes([10, 9, 8, 7])
    assert world.truth()["dns"][0]["transport"] == "tcp"


def test_garbage_is_recorded_and_kills_nothing(world: World) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"\x00" * 5, ("127.0.0.1", world.service.ports.dns))
    reply = ask_udp(world, struct.pack(">HHHHHH", 7, 0, 1, 0, 0, 0) + b"\xff\xff")
    assert reply[3] & 0xF == 1, "format error"
    assert [query["type"] for query in world.truth()["dns"]].count("garbage") == 2


def test_without_an_address_every_name_is_unknown() -> None:
    reply = Responder(None).respond(question("any.example"), "udp", "peer")
    assert reply[3] & 0xF == 3
    assert struct.unpack(">H", reply[6:8]) == (0,)
