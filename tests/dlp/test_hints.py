"""What tells of text and of compressed data before anything is decoded misses none of it."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import random
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.dlp import Scanner
from botbottle.dlp.dense import Stretch
from botbottle.dlp.engines.base import Buffer, Candidates, Matcher
from tests.dlp.conftest import PATIENT

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "hex": lambda data: data.hex().encode(),
    "base32": base64.b32encode,
    "base32 in small letters": lambda data: base64.b32encode(data).lower(),
}
TEXT = "".join(map(chr, (*range(32, 127), 9, 10, 13)))
LEAST = 28  # bytes of text that hold the groups that are asked for, wherever they begin
RNG = random.Random(4)
NOISE = RNG.randbytes(60)


def noise(name: str, size: int) -> bytes:
    rng = random.Random(size)
    words = (ENCODERS[name](rng.randbytes(40)) for _ in range(size // 52))
    return b" ".join(words)


@given(
    name=st.sampled_from(sorted(ENCODERS)),
    value=st.text(TEXT, min_size=LEAST, max_size=60).map(str.encode),
    before=st.integers(0, 40),
    glued=st.sampled_from([b"", b"A", b"ab", b"abc", b"abcd", b"abcde", b"abcdef"]),
)
def test_text_within_noise_is_decoded(name: str, value: bytes, before: int, glued: bytes) -> None:
    word = glued + ENCODERS[name](NOISE[:before] + value + NOISE)
    views = Stretch(ENCODERS[name](NOISE) + b" " + word, 0).views()
    assert any(value in view.data for view in views)


def test_noise_is_not_decoded() -> None:
    for name in ENCODERS:
        stretch = Stretch(noise(name, 200_000), 0)
        assert sum(len(view.data) for view in stretch.views()) < 20_000


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("before", range(9))
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, bz2.compress, lzma.compress])
def test_what_compressed_data_begins_with_is_met_at_every_alignment(
    name: str, before: int, pack: Callable[[bytes], bytes]
) -> None:
    data = pack(b"something that is long enough to be packed")
    text = ENCODERS[name](NOISE) + b" " + b"abcdefghi"[:before] + ENCODERS[name](data)
    found = [one[0].data(len(data))[1] for one in Stretch(text, 0).packed(512) if one]
    assert any(each.startswith(data[: len(data) * 3 // 4]) for each in found)


class Counting:
    """A matcher that counts the bytes that it is given."""

    def __init__(self, inner: Matcher) -> None:
        self._inner, self.count = inner, 0

    def find(self, surface: Buffer, limit: int) -> Candidates:
        self.count += len(surface)
        return self._inner.find(surface, limit)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_list_of_hashes_is_searched_as_it_is_and_hardly_once_more(name: str) -> None:
    """Everything that it decodes to took six to fourteen times its size."""
    scanner = Scanner({}, key=b"k", limits=PATIENT)
    scanner.known = counted = Counting(scanner.known)
    body = noise(name, 200_000)
    scanner.scan(body)
    assert counted.count <= 1.5 * len(body)
    counted.count = 0
    text = b"what is written here is text that says nothing at all"
    scanner.scan(b" ".join(ENCODERS[name](text) for _ in range(2000)))
    assert counted.count > 2 * 2000 * len(text)
