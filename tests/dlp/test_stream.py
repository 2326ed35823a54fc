"""A streamed body gives the same findings however it is cut into chunks."""

from __future__ import annotations

import base64
import random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.dlp import Finding, Limits, Scanner, StreamScanner, Verdict
from botbottle.dlp.stream import BLOCK, OVERLAP
from tests.dlp.conftest import PATIENT, alnum, github

SCANNER = Scanner({"S": b"held-" + b"Zq7Kw2Lm9Xv4Bn8Rt1Yp" * 2}, key=b"k", limits=PATIENT)
FILLER = b"plain words in a long body.\n"


def _pump(data: bytes, sizes: list[int]) -> list[Finding]:
    stream, found, at = StreamScanner(SCANNER), list[Finding](), 0
    for size in sizes:
        found += stream.feed(data[at : at + size])
        at += size
    return [*found, *stream.feed(data[at:]), *stream.finish()]


def _data(rng: random.Random, size: int) -> bytes:
    data = bytearray(FILLER * (size // len(FILLER)))
    for at in (5, BLOCK - 17, BLOCK + OVERLAP - 3, size // 2, size - 300):
        data[at : at + 40] = github(rng).encode()
    return bytes(data)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 70_000), max_size=8), st.integers(0, 1000))
def test_findings_do_not_depend_on_the_chunks(sizes: list[int], seed: int) -> None:
    data = _data(random.Random(seed), 3 * BLOCK)
    assert _pump(data, sizes) == _pump(data, [])


def test_a_stream_finds_what_a_whole_scan_finds(rng: random.Random) -> None:
    data = _data(rng, 5 * BLOCK)
    assert sorted(_pump(data, [1000] * 300), key=lambda f: f.offset) == sorted(
        SCANNER.scan(data), key=lambda f: f.offset
    )


@pytest.mark.parametrize("size", [0, 1, 40, BLOCK, BLOCK + 1])
def test_short_streams_end_cleanly(size: int) -> None:
    assert _pump(b"x" * size, [size // 2]) == []


def test_a_held_secret_across_a_block_edge_is_found_once() -> None:
    value = b"held-" + b"Zq7Kw2Lm9Xv4Bn8Rt1Yp" * 2
    data = FILLER * 3000
    data = data[: BLOCK - 20] + value + data[BLOCK:]
    assert [f.rule for f in _pump(data, [777] * 50)] == ["known_secret/plain/S"]


def test_pieces_of_a_held_secret_are_put_together_whatever_hides_the_earlier_one() -> None:
    value = b"Zq7Kw2Lm9Xv4Bn8Rt1YpHs6Jd3Fg5Ac0"
    scanner = Scanner({"S": value}, key=b"k", limits=PATIENT)
    hidden = base64.b64encode(b"some words in front " + value[:12] + b" and some behind it")
    early, late = BLOCK - 300, BLOCK + OVERLAP + 300  # only the second window has both
    data = bytearray(FILLER * (2 * BLOCK // len(FILLER)))
    data[early : early + len(hidden) + 2] = b" " + hidden + b" "
    assert scanner.scan(bytes(data)) == ()
    data[late : late + 14] = b" " + value[14:26] + b" "
    stream = StreamScanner(scanner)
    found = [*stream.feed(bytes(data)), *stream.finish()]
    assert [(f.rule, f.length) for f in found] == [("known_secret/fragments/S", 0)]


def test_a_bound_is_told_again_when_it_comes_to_weigh_more(rng: random.Random) -> None:
    few = Scanner({}, key=b"k", limits=Limits(findings=5, seconds=30.0))
    data = bytearray(FILLER * (3 * BLOCK // len(FILLER)))
    vague = b"\n".join(f'"password": "{alnum(rng, 24)}"'.encode() for _ in range(9))
    tokens = b" ".join(github(rng).encode() for _ in range(9))
    data[100 : 100 + len(vague)] = vague
    data[2 * BLOCK : 2 * BLOCK + len(tokens)] = tokens
    stream = StreamScanner(few)
    found = [*stream.feed(bytes(data)), *stream.finish()]
    bounds = [f.verdict for f in found if f.rule == "limit.findings"]
    assert bounds == [Verdict.SUPERVISE, Verdict.TOKEN]


def test_memory_stays_bounded(rng: random.Random) -> None:
    stream = StreamScanner(SCANNER)
    for _ in range(40):
        stream.feed(alnum(rng, 100).encode() * 100 + b" " * 10_000)
        assert len(stream._buffer) <= BLOCK + 3 * OVERLAP + 20_000


class Keeping:
    """A scanner of which something (a cycle, a thread) still looks at the bytes afterwards."""

    def __init__(self) -> None:
        self.kept: list[memoryview] = []

    def scan(self, data: Any, location: str, **options: Any) -> Any:
        self.kept.append(memoryview(data))
        return SCANNER.scan(data, location, **options)


def test_a_pass_that_still_holds_the_bytes_does_not_end_the_stream() -> None:
    data, keeping = _data(random.Random(1), 3 * BLOCK), Keeping()
    stream = StreamScanner(cast(Scanner, keeping))
    assert [*stream.feed(data), *stream.finish()] == _pump(data, [])
    assert len(keeping.kept) > 2
