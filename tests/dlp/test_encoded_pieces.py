"""Pieces of a held secret that leave encoded, over requests and over the fields of one."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

import pytest

from botbottle.dlp import FragmentMemory, Scanner, Verdict
from tests.dlp.conftest import alnum, leaks

Make = Callable[..., Scanner]
Encode = Callable[[bytes], bytes]

_CODES = [
    pytest.param(bytes, 8, id="plain"),
    pytest.param(lambda piece: piece.hex().encode(), 8, id="hex"),
    pytest.param(base64.b64encode, 10, id="base64"),
    pytest.param(lambda piece: base64.b64encode(b"xy" + piece + b"z"), 11, id="base64 shifted"),
    pytest.param(lambda piece: piece[::-1], 14, id="backwards"),
]


def _sent(scanner: Scanner, pieces: list[bytes]) -> list[bool]:
    memory = FragmentMemory()
    found = (
        scanner.scan_request("https://a.test/", [], b"note " + each, memory=memory, scope="a")
        for each in pieces
    )
    return [any(f.verdict is Verdict.BLOCK for f in each) for each in found]


@pytest.mark.parametrize(("encode", "size"), _CODES)
def test_encoded_pieces_in_consecutive_requests_are_put_together(
    encode: Encode, size: int, make: Make, rng: random.Random
) -> None:
    for value in (alnum(rng, 42).encode() for _ in range(8)):
        pieces = [encode(value[at : at + size]) for at in range(0, 42 - size, size)]
        told = _sent(make({"S": value}), pieces)
        assert not told[0] and any(told)
        other = make({"S": alnum(rng, 42).encode()})
        assert not any(_sent(other, pieces))


def test_encoded_pieces_in_fields_of_one_message_are_put_together(
    make: Make, rng: random.Random
) -> None:
    value = alnum(rng, 40).encode()
    for encode in (base64.b64encode, lambda piece: piece.hex().encode()):
        fields = {f"f{at}": encode(value[at : at + 14]).decode() for at in (0, 14)}
        assert leaks(make({"S": value}), json.dumps(fields).encode())
        del fields["f14"]
        assert not leaks(make({"S": value}), json.dumps(fields).encode())


def test_the_same_piece_in_several_codes_is_one_piece(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 40).encode()
    piece = value[7:19]
    forms = [piece, piece.hex().encode(), base64.b64encode(piece), piece[::-1], piece.swapcase()]
    assert not any(_sent(make({"S": value}), forms))
    assert _sent(make({"S": value}), [*forms, value[19:27]])[-1]


def test_what_is_public_in_front_is_not_looked_for_backwards(
    make: Make, rng: random.Random
) -> None:
    prefix, rest = b"sk-ant-api03-", alnum(rng, 40).encode()
    scanner = make({"S": prefix + rest})
    assert not leaks(scanner, b"x " + (prefix + rest[:4])[::-1])
    assert leaks(scanner, b"x " + rest[-16:][::-1])
    assert leaks(scanner, base64.b64encode((prefix + rest)[::-1]))
