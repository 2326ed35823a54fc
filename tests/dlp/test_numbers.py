"""A held value as a list of the numbers of its bytes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from botbottle.dlp import Scanner
from tests.dlp.conftest import alnum, body_with, leaks

Make = Callable[..., Scanner]

_LISTS: dict[str, Callable[[bytes], str]] = {
    "hex, one a line": lambda value: value.hex("\n"),
    "hex, commas": lambda value: value.hex(","),
    "hex by two": lambda value: value.hex(" ", 2),
    "hex by four": lambda value: value.hex("_", 4),
    "hex in C": lambda value: "{" + "".join(f"\n  0x{c:02X}," for c in value) + "}",
    "hex escapes in pieces": lambda value: '" "'.join(f"\\x{c:02x}" for c in value),
    "JSON, indented": lambda value: json.dumps([*value], indent=1),
    "one a line": lambda value: "\n".join(map(str, value)),
    "semicolons": lambda value: " ; ".join(map(str, value)),
    "three digits": lambda value: "".join(f"{c:03}" for c in value),
    "octal": lambda value: " ".join(f"{c:03o}" for c in value),
    "chr()": lambda value: "+".join(f"chr({c})" for c in value),
}


@pytest.mark.parametrize("name", _LISTS)
def test_a_value_as_a_list_of_numbers_is_seen(name: str, make: Make, rng: random.Random) -> None:
    value, write = alnum(rng, 40).encode(), _LISTS[name]
    scanner = make({"S": value})
    assert leaks(scanner, body_with(write(value).encode(), 30))
    assert leaks(scanner, body_with(write(b"abc" + value[:30]).encode(), 30))
    assert not leaks(scanner, body_with(write(alnum(rng, 40).encode()).encode(), 30))


def test_a_value_in_binary_is_seen(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 40).encode()
    for between in ("", " "):
        text = between.join(f"{c:08b}" for c in value).encode()
        other = between.join(f"{c:08b}" for c in alnum(rng, 40).encode()).encode()
        for size in (30, 1000):
            assert leaks(make({"S": value}), body_with(text, size))
            assert not leaks(make({"S": value}), body_with(other, size))
