"""A held value in short pieces inside a body that is too large to be taken apart as a whole."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from botbottle.dlp import Scanner
from botbottle.dlp.known.splits import WHOLE, around, merged, splits
from tests.dlp.conftest import alnum, leaks

Make = Callable[..., Scanner]

_BETWEEN = (
    "|", "\t", "/", "~", ";", "+", "\\t", "\\\\n", '""', "', '", "','", "'+'", "' + '", '","',
    '", "', '" .. "', "' || '", "' . '", "'}${'", '\\",\\"', '\\" + \\"', "\u200b", "\u2060",
    "\u00ad", "\ufeff",
)  # fmt: skip


def _large(payload: str) -> bytes:
    filler = "def load(path):\n    return open(path).read()  # it is\n" * 1000
    body = f"{filler}x = '{payload}'\n{filler}".encode()
    assert len(body) > 2 * WHOLE
    return body


def _pieces(value: str, size: int) -> list[str]:
    return [value[at : at + size] for at in range(0, len(value), size)]


@pytest.mark.parametrize("between", _BETWEEN)
def test_a_split_value_is_seen_in_a_large_body(
    between: str, make: Make, rng: random.Random
) -> None:
    value = alnum(rng, 40)
    scanner = make({"S": value.encode()})
    for size in (1, 2, 3, 4):
        assert leaks(scanner, _large(between.join(_pieces(value, size)))), size
        assert not leaks(scanner, _large(between.join(_pieces(alnum(rng, 40), size)))), size


def test_quoted_pieces_of_uneven_length_are_seen_in_a_large_body(
    make: Make, rng: random.Random
) -> None:
    value, parts = alnum(rng, 40), []
    for size in (1, 3, 2, 4, 1, 1, 2, 3, 4, 2, 1, 3, 2, 4, 3, 4):
        parts.append(value[:size])
        value = value[size:]
    scanner = make({"S": "".join(parts).encode()})
    assert leaks(scanner, _large("', '".join(parts)))
    assert leaks(scanner, json.dumps({"content": _large('" + "'.join(parts)).decode()}).encode())


def test_a_list_of_characters_inside_a_large_message_is_seen(
    make: Make, rng: random.Random
) -> None:
    value = alnum(rng, 40)
    text = _large("").decode() + json.dumps(list(value), separators=(",", ":"))
    assert leaks(make({"S": value.encode()}), json.dumps({"content": text}).encode())


def test_many_short_pieces_in_front_hide_no_value_behind_them(
    make: Make, rng: random.Random
) -> None:
    value = alnum(rng, 40)
    rows = "".join(f"{n % 9}|{n % 7}|{n % 5}\n" for n in range(60_000))
    scanner = make({"S": value.encode()})
    assert not leaks(scanner, rows.encode())
    assert leaks(scanner, (rows + "|".join(value)).encode())


def test_a_scanner_that_holds_nothing_looks_for_no_pieces(make: Make, rng: random.Random) -> None:
    assert make().scan(_large("|".join(alnum(rng, 40)))) == ()


def test_stretches_around_places_are_one_where_they_overlap(engine: str) -> None:
    assert list(merged([(0, 5), (3, 9), (20, 30)])) == [(0, 9), (20, 30)]
    assert list(merged([])) == []
    assert around([100, 110, 9000], 1000, 20_000, 40_000) == ((588, 1622), (9488, 10512))
    assert around(None, 1000, 20_000, 20_100) == ((488, 20_100),)
    assert splits(engine).find(b"a, b, c, d" * 100) == []
    assert splits(engine).find(b"|a|b|c" * 1000) is None
