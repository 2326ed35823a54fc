"""A held secret in pieces: over fields, over requests, between separators."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from botbottle.dlp import FragmentMemory, Scanner, Verdict
from botbottle.dlp.known.squeeze import squeeze
from tests.dlp.conftest import PATIENT, alnum, body_with, leaks

Make = Callable[..., Scanner]


def test_halves_in_two_fields_are_put_together(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 24)
    body = json.dumps({"a": value[:12], "note": "z" * 40, "b": value[12:]}).encode()
    assert leaks(make({"S": value.encode()}), body)


def test_pieces_in_consecutive_requests_are_put_together(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 24)
    scanner, memory = make({"S": value.encode()}), FragmentMemory()

    def send(part: str, scope: str) -> bool:
        found = scanner.scan_request(
            "https://a.test/", [], part.encode(), memory=memory, scope=scope
        )
        return any(f.verdict is Verdict.BLOCK for f in found)

    assert not send(value[:12], "bottle one, a.test")
    assert not send(value[12:], "bottle two, a.test")
    assert send(value[12:], "bottle one, a.test")


def test_of_a_value_with_a_public_beginning_the_rest_is_enough(
    make: Make, rng: random.Random
) -> None:
    value = "vendor-live-" + alnum(rng, 14)
    scanner, memory = make({"S": value.encode()}), FragmentMemory()
    verdicts = [
        scanner.scan_request("https://a.test/", [], part.encode(), memory=memory, scope="a")
        for part in (value[12:21], value[18:])
    ]
    assert not verdicts[0]
    assert [f.rule for f in verdicts[1]] == ["known_secret/fragments/S"]


def test_fragments_are_forgotten_after_their_time_and_bounded_in_number(rng: random.Random) -> None:
    memory = FragmentMemory(scopes=3, seconds=10)
    for index in range(9):
        memory.add(str(index), [], now=0.0)
    assert len(memory) == 3
    memory.forget()
    assert len(memory) == 0


def test_squeezing_leaves_nothing_of_separators_and_escapes() -> None:
    assert squeeze(b'ab" +\\n "cd-12') == b"abcd12"
    assert squeeze(b"nightmaRe") == b"ighmae"


_SEPARATORS = (
    " ",
    "\n",
    "\\n",
    "\\r\\n    ",
    "', '",
    '" + "',
    '\\", \\"',
    "-",
    ".",
    "/",
    "\\t",
    " & ",
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=60),
    separators=st.lists(st.sampled_from(_SEPARATORS), min_size=1, max_size=5),
    size=st.sampled_from([0, 30, 300]),
)
def test_a_secret_in_uneven_pieces_with_any_separators_is_found(
    seed: int, sizes: list[int], separators: list[str], size: int
) -> None:
    value = alnum(random.Random(seed), 36)
    text, at = "", 0
    for index in range(len(value)):
        text += value[at : at + sizes[index % len(sizes)]] + separators[index % len(separators)]
        at += sizes[index % len(sizes)]
    scanner = Scanner({"S": value.encode()}, key=b"k", limits=PATIENT)
    assert leaks(scanner, body_with(text.encode(), size))
