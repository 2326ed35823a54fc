"""Sixteen bytes of a held secret are a leak; what many values share, and words, are none."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable

import pytest

from botbottle.dlp import Scanner
from botbottle.dlp.known import measure
from tests.dlp.conftest import PATIENT, alnum, github, leaks

Make = Callable[..., Scanner]


@pytest.mark.parametrize("start", [4, 9, 20, 24])
def test_sixteen_bytes_of_a_secret_are_a_leak(start: int, make: Make, rng: random.Random) -> None:
    value = github(rng)
    part = value[start : start + 16].encode()
    assert leaks(make({"S": value.encode()}), b"x " + part + b" y")


def test_seven_bytes_of_a_secret_are_none(make: Make, rng: random.Random) -> None:
    value = github(rng)
    assert not leaks(make({"S": value.encode()}), b"x " + value[10:17].encode() + b" y")


def test_the_public_prefix_of_a_token_is_no_leak(make: Make, rng: random.Random) -> None:
    scanner = make({"S": b"sk-ant-api03-" + alnum(rng, 60).encode()})
    assert not leaks(scanner, b"keys look like sk-ant-api03-... in the console")


def test_the_header_of_a_held_jwt_is_no_leak(make: Make, rng: random.Random) -> None:
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
    scanner = make({"S": header + b"." + alnum(rng, 40).encode() + b"." + alnum(rng, 43).encode()})
    assert not leaks(scanner, b"every such token starts " + header + b".")


def test_a_key_s_armor_is_no_leak_but_its_body_is(make: Make, rng: random.Random) -> None:
    lines = [alnum(rng, 64) for _ in range(6)]
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    scanner = make({"S": "\n".join([begin, *lines, end]).encode()})
    assert not leaks(scanner, f"{begin}\n{end}".encode())
    assert leaks(scanner, f"line three is {lines[3]}".encode())


def test_a_short_secret_matches_only_as_a_word(make: Make) -> None:
    scanner = make({"PIN": b"kq7w2z"})
    assert leaks(scanner, b"pin=kq7w2z;")
    assert not leaks(scanner, b"xkq7w2zy")


@pytest.mark.parametrize(
    "value", [b"true", b"production", b"test", b"aaaaaaaaaaaaaaaa", b"password"]
)
def test_a_plain_word_held_as_a_secret_blocks_nothing(value: bytes, make: Make) -> None:
    assert not leaks(make({"S": value}), b'{"stage": "' + value + b'", "x": ' + value + b"}")


def test_values_too_short_to_look_for_are_found_nowhere(make: Make) -> None:
    scanner = make({"TINY": b"ab", "EMPTY": b"", "PIN": b"kq7w2z"})
    assert leaks(scanner, b"x: kq7w2z;")
    assert not leaks(scanner, b"x: ab; y: ;")


def test_no_repr_shows_a_value(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 32)
    scanner = make({"S": value.encode()})
    finding = scanner.scan(value.encode())[0]
    for text in (repr(scanner), repr(scanner.index), repr(finding), str(finding)):
        assert value not in text
        assert value[:8] not in text


def test_a_long_value_costs_no_more_than_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = 0
    real = measure.squeeze

    def counted(data: bytes) -> bytes:
        nonlocal looked_at
        looked_at += len(data)
        return real(data)

    monkeypatch.setattr(measure, "squeeze", counted)
    rng = random.Random(5)
    costs = []
    for size in (64, 4096):
        secret = alnum(rng, size).encode()
        flood = b"|".join(secret[4 * i % 40 : 4 * i % 40 + 5] for i in range(300))
        looked_at = 0
        Scanner({"S": secret}, key=b"k", limits=PATIENT).scan(b"#" * 40_000 + flood)
        costs.append(looked_at)
    assert 0 < costs[1] <= 2 * costs[0]
