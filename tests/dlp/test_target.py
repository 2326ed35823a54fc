"""Where something was found is told without telling what: an agent names its headers itself."""

from __future__ import annotations

import pytest

from botbottle.dlp import Scanner
from botbottle.dlp.target import UNUSUAL, label
from tests.dlp.families import FAMILIES, HEX, some

SECRET = b"9f86d081884c7d659a2feaa0c55ad015"
PHRASE = b"correct-horse-battery-stable"
SCANNER = Scanner({"S": SECRET, "P": PHRASE}, key=b"k")


def locations(*headers: tuple[bytes, bytes]) -> set[str]:
    found = SCANNER.scan_request("https://a.test/x", headers, b"")
    return {f.location.partition(">")[0] for f in found} - {"headers"}


@pytest.mark.parametrize(
    "name", [SECRET, b"x-" + SECRET, b"X-" + SECRET[::-1], PHRASE, b"x-" + PHRASE, SECRET * 50]
)
def test_a_held_value_in_a_name_is_found_and_not_told(name: bytes) -> None:
    assert locations((name, b"1")) == {UNUSUAL}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_token_in_a_name_is_not_told(family: str) -> None:
    for token in FAMILIES[family]:
        for where in locations((b"x-" + token.encode(), b"1"), (b"x-a\r\n" + token.encode(), b"1")):
            assert where == UNUSUAL


def test_names_that_clients_use_are_told() -> None:
    for name in (b"Authorization", b"x-api-key", b"X-Custom-Token", b"datadog-api-key", b"x-a"):
        assert label(name, lambda _: False) == "header:" + name.decode().lower()
        assert locations((name, SECRET)) == {f"header:{name.decode().lower()}"}


def test_names_that_are_no_words_are_not_told() -> None:
    for name in (some(HEX, 16), "x-kqzvwpxhdtqr", "a" * 33, "b-" * 9):
        assert label(name.encode(), lambda _: False) == UNUSUAL
