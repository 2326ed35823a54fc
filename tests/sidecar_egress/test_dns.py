"""Every name in the bottle is the sidecar; no query goes anywhere."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.sidecar.egress.dns import answer
from tests.sidecar_egress.rig import Rig

ADDRESS = "10.1.2.3"


def query(name: str, kind: int = 1, klass: int = 1, flags: int = 0x0100, count: int = 1) -> bytes:
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"
    return (
        struct.pack("!HHHHHH", 7, flags, count, 0, 0, 0) + labels + struct.pack("!HH", kind, klass)
    )


def counts(reply: bytes) -> tuple[int, int]:
    """(response code, number of answers)"""
    _, flags, _, answers, _, _ = struct.unpack_from("!HHHHHH", reply)
    assert flags & 0x8000
    return flags & 15, answers


def test_an_a_query_gets_the_sidecar() -> None:
    reply = answer(query("exfil.data.attacker.example"), ADDRESS)
    assert reply is not None
    assert counts(reply) == (0, 1)
    assert reply.endswith(bytes([10, 1, 2, 3]))
    assert reply[:2] == b"\0\7"


@pytest.mark.parametrize("kind", [28, 65, 16, 15, 33, 5])
def test_other_types_get_an_empty_answer(kind: int) -> None:
    reply = answer(query("a.example", kind), ADDRESS)
    assert reply is not None
    assert counts(reply) == (0, 0)


def test_a_response_is_never_answered() -> None:
    assert answer(query("a.example", flags=0x8180), ADDRESS) is None


def test_malformed_and_unusual_queries_get_an_error() -> None:
    assert counts(answer(query("a.example", count=2), ADDRESS) or b"")[0] == 1
    assert counts(answer(query("a.example", flags=0x2800), ADDRESS) or b"")[0] == 4
    pointer = struct.pack("!HHHHHH", 7, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1"
    assert counts(answer(pointer, ADDRESS) or b"")[0] == 1


@given(st.binary(max_size=600))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    reply = answer(data, ADDRESS)
    assert reply is None or len(reply) <= 600


def test_it_answers_on_udp_and_tcp(rig: Rig) -> None:
    where = ("127.0.0.1", rig.sidecar.ports["dns"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(5)
        udp.sendto(query("api.example.com"), where)
        over_udp = udp.recv(512)
    with socket.create_connection(where, timeout=5) as tcp:
        asked = query("api.example.com")
        tcp.sendall(struct.pack("!H", len(asked)) + asked)
        over_tcp = tcp.recv(514)[2:]
    assert over_udp == over_tcp
    assert over_udp.endswith(bytes([127, 0, 0, 1]))
