"""What a run holds is found whatever is glued to it, however long it is."""

from __future__ import annotations

import base64
import gzip
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.dlp import Scanner
from botbottle.dlp.budget import Budget
from botbottle.dlp.digits import decode_run, smaller
from tests.dlp.conftest import PATIENT, leaks

SECRET = b"Zq7Kw2Lm9Xv4Bn8Rt1Yp5Jd3"
SCANNER = Scanner({"S": SECRET}, key=b"k", limits=PATIENT)
LINES = b"NODE_ENV=production\nPORT=8080\nLOG=info\nDATABASE_HOST=db.internal\n"
CODES: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda data: data.hex().encode(),
    "HEX": lambda data: data.hex().upper().encode(),
    "base32": lambda data: base64.b32encode(data).rstrip(b"="),
    "base64": lambda data: base64.b64encode(data).rstrip(b"="),
}
INNER: dict[str, Callable[[bytes], bytes]] = {
    "text": lambda data: data,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "base64": base64.b64encode,
}
BEHIND = (b"", b"z", b"_x", b"/v1/upload", b"\nnext line", b"\\nnext line", b"\n9081 items", b"-")


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("code", CODES)
def test_what_follows_a_long_run_does_not_hide_what_it_holds(
    code: str, inner: str, behind: bytes
) -> None:
    for size in (1, 3, 9):
        text = CODES[code](INNER[inner](LINES * size + b"KEY=" + SECRET + b"\n"))
        assert leaks(SCANNER, b"a b " + text + behind)


@pytest.mark.parametrize("code", ["hex", "HEX"])
@pytest.mark.parametrize("glued", [b"_a", b"be", b"0x", b"id_"])
def test_digits_in_front_and_behind_do_not_shift_a_long_run(code: str, glued: bytes) -> None:
    text = CODES[code](gzip.compress(LINES * 5 + SECRET, mtime=0))
    assert leaks(SCANNER, b"x" + glued + text + b"e\n")


@settings(max_examples=60, deadline=None)
@given(
    st.binary(min_size=30, max_size=400),
    st.sampled_from(sorted(CODES)),
    st.sampled_from([b"id_", b"x/", b"", b"++"]),
    st.sampled_from([b"_id", b"/x", b"", b"++"]),
)
def test_each_decoding_of_a_glued_run_is_given(
    data: bytes, code: str, before: bytes, behind: bytes
) -> None:
    if code == "base64":
        data = b"words and more " + bytes(32 + c % 90 for c in data)
    run = before + CODES[code](data) + behind
    found = [text for _, text in decode_run(run, Budget(1 << 20, 100))]
    assert any(data[6:-6] in text for text in found)


def test_stretches_are_found_in_time_that_grows_with_the_run() -> None:
    """One after the other, without a copy of the rest for each."""
    part = b"0123456789abcdef" * 3 + b"_xyz_"
    assert len(list(smaller(part * 20_000))) == 20_000


MAGICS = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0\0\x10",
    b"GIF89a",
    b"wOF2\0\x01\0\0",
    b"%PDF-1.7\n",
)


@pytest.mark.parametrize("size", [0, 500, 300_000])
@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("magic", MAGICS)
def test_the_magic_of_a_picture_hides_nothing_at_its_ends(
    magic: bytes, inner: str, size: int
) -> None:
    packed = INNER[inner](LINES * 3 + b"KEY=" + SECRET + b"\n")
    middle = random.Random(3).randbytes(size)
    for data in (magic + packed + middle, magic + middle + packed):
        body = b'{"data": "' + base64.b64encode(data) + b'"}'
        assert leaks(SCANNER, body)


def test_a_picture_of_any_size_is_ordinary() -> None:
    picture = MAGICS[0] + b"\0\0\0\rIHDR" + random.Random(4).randbytes(9_000_000)
    assert not SCANNER.scan(b'{"data": "' + base64.b64encode(picture) + b'"}')
