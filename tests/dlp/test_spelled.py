"""Compressed data that is written as text, as programs print bytes and forms send them."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterable
from urllib.parse import quote

import pytest

from botbottle.dlp import Scanner
from botbottle.dlp.budget import Budget
from botbottle.dlp.inflate import compressed, inflate
from botbottle.dlp.spelled import HEAD, packed, undone
from tests.dlp.conftest import alnum, body_with, leaks

Make = Callable[..., Scanner]
Write = Callable[[bytes], str]

_WRITTEN: list[Write] = [
    repr,
    lambda data: json.dumps(data.decode("latin-1")),
    lambda data: json.dumps(data.decode("latin-1"), ensure_ascii=False),
    quote,
    lambda data: "".join(f"%{byte:02x}" for byte in data),
]
_PACKED: list[Callable[[bytes], bytes]] = [
    lambda data: gzip.compress(data, mtime=0),
    *(lambda data, level=level: zlib.compress(data, level) for level in (1, 6, 9)),  # type: ignore[misc]
]


@pytest.mark.parametrize("pack", _PACKED, ids=["gzip", "zlib 1", "zlib 6", "zlib 9"])
@pytest.mark.parametrize("write", _WRITTEN, ids=["repr", "json", "utf-8", "percent", "all percent"])
def test_compressed_data_that_is_written_as_text_is_opened(
    write: Write, pack: Callable[[bytes], bytes], make: Make, rng: random.Random
) -> None:
    values = [alnum(rng, 40).encode() for _ in range(6)]
    scanner = make({f"S{n}": value for n, value in enumerate(values)})
    for value in (*values, *(b"%s '\\\"/ %s" % (b"text " * n, values[n]) for n in range(6))):
        body = body_with(write(pack(value)).encode(), 9)
        assert leaks(scanner, body)
        assert leaks(scanner, json.dumps({"content": body.decode()}).encode())
    assert not leaks(scanner, body_with(write(pack(alnum(rng, 40).encode())).encode(), 9))


def test_what_only_begins_so_is_no_compressed_data(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 40).encode()
    rows = [rb"x\x9c\x01", rb"\x1f\x8b", b"a=x%DA%01&b=%78%9C", "xÚ".encode(), b"b'x^'"] * 60
    scanner = make({"S": value})
    assert scanner.scan(b"\n".join(rows)) == ()
    assert leaks(scanner, b"\n".join([*rows, repr(zlib.compress(value)).encode()]))


@pytest.mark.parametrize("begun", [rb"\x1f\x8b", rb"\\x1f\\x8b", b"%78%9c"])
def test_no_text_makes_it_raise(begun: bytes, rng: random.Random) -> None:
    signs = (b"\\", b"u", b"x", b"0", b"%", b"9c", b"\xff", b"\xc2\x8b", b'"', b"\\u12")
    for _ in range(200):
        text = begun + b"".join(rng.choices(signs, k=40))
        assert all(isinstance(each, bytes) for each in undone(text, begun))


@pytest.mark.parametrize("pack", _PACKED, ids=["gzip", "zlib 1", "zlib 6", "zlib 9"])
@pytest.mark.parametrize("write", _WRITTEN, ids=["repr", "json", "utf-8", "percent", "all percent"])
@pytest.mark.parametrize("damage", [0, 300, 600, 5000, 40_000])
def test_the_beginning_decides_only_where_all_of_it_would_be_refused(
    write: Write, pack: Callable[[bytes], bytes], damage: int, rng: random.Random
) -> None:
    whole = pack(rng.randbytes(20_000))
    data = whole[:damage] + rng.randbytes(40_000)[: max(0, len(whole) - damage)]
    text = write(data).strip("b'\"").encode() + rng.choice([b"", b" and more" * 4000])
    slow = [(compressed(each[:8]), each) for each in undone(text, text[:8])]
    assert opened(packed(text, text[:8])) == opened((k, each) for k, each in slow if k)


@pytest.mark.parametrize("begun", [rb"x\x9c", b"x%9C"])
def test_of_what_is_none_only_the_beginning_is_undone(begun: bytes) -> None:
    text = begun + b" is not the beginning of anything\n" * 2000
    assert all(len(data) <= HEAD for _, data in packed(text, begun))


def opened(each: Iterable[tuple[str, bytes]]) -> list[bytes]:
    return [inflate(kind, memoryview(data), Budget(1 << 24, 100)) for kind, data in each]
