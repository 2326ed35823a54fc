"""A held value in Base64 or Base32 that is cut into short pieces, as ``fold`` and listings do."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

import pytest

from botbottle.dlp import Scanner
from tests.dlp.conftest import alnum, body_with, leaks

Make = Callable[..., Scanner]
Encode = Callable[[bytes], bytes]

_CODES = [
    pytest.param(base64.b64encode, id="base64"),
    pytest.param(lambda text: base64.urlsafe_b64encode(b"a=" + text).rstrip(b"="), id="base64url"),
    pytest.param(lambda text: base64.b64encode(b"k" + text + b"\n"), id="base64 shifted"),
    pytest.param(base64.b32encode, id="base32"),
    pytest.param(
        lambda text: base64.b32encode(b"abc" + text).lower().rstrip(b"="), id="base32 low"
    ),
]
_BETWEEN = (b" ", b"\n", b"\\n", b'" + "', b"-", b'","', b"' \\\n  '")


def _cut(text: bytes, size: int, between: bytes) -> bytes:
    return between.join(text[at : at + size] for at in range(0, len(text), size))


@pytest.mark.parametrize("encode", _CODES)
def test_encoded_values_in_short_pieces_are_seen(
    encode: Encode, make: Make, rng: random.Random
) -> None:
    values = [
        b"sk-ant-api03-" + alnum(rng, 40).encode(),
        *(alnum(rng, n).encode() for n in (24, 51)),
    ]
    scanner = make({f"S{n}": value for n, value in enumerate(values)})
    for between in _BETWEEN:
        for size in (1, 4, 5, 8, 10, 12, 20):
            for value in values:
                body = body_with(_cut(encode(value), size, between), 30)
                assert leaks(scanner, body), (between, size)
                assert leaks(scanner, json.dumps({"content": body.decode()}).encode())
            other = encode(values[0][:13] + alnum(rng, 40).encode())
            assert not leaks(scanner, body_with(_cut(other, size, between), 30))


def test_half_of_a_value_in_pieces_of_base64_is_a_leak(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 48).encode()
    scanner = make({"S": value})
    for part in (value[:20], value[13:33], value[-20:]):
        assert leaks(scanner, body_with(_cut(base64.b64encode(part), 4, b" "), 30))
    assert not leaks(scanner, body_with(_cut(base64.b64encode(value[:6]), 4, b" "), 30))


@pytest.mark.parametrize(
    ("size", "between"),
    [(4, b"','"), (5, b'" + "'), (8, b"'+'"), (12, b"' || '"), (16, b"' . '"), (20, b"\\n")],
)
def test_pieces_of_base64_are_seen_in_a_large_body(
    size: int, between: bytes, make: Make, rng: random.Random
) -> None:
    value = b"sk-ant-api03-" + alnum(rng, 40).encode()
    scanner = make({"S": value})
    for code in (base64.b64encode, lambda text: base64.b64encode(b"k=" + text)):
        assert leaks(scanner, body_with(_cut(code(value), size, between), 2000))
        other = value[:13] + alnum(rng, 40).encode()
        assert not leaks(scanner, body_with(_cut(code(other), size, between), 2000))
