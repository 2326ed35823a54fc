"""Compressed data, archives and runs: wherever they begin, however many, whatever is in front."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest

from botbottle.dlp import Limits, Scanner, Verdict
from botbottle.dlp.budget import Budget
from tests.dlp.conftest import PATIENT

zstandard = pytest.importorskip("zstandard")
SECRET = b"q7Z2kX9vLm3Pw8Yb1Hc6Jd4Fg5Sa0QeVuKzMxBw7"
TEXT = b"some text here " * 20 + SECRET + b" more text"
SCANNER = Scanner({"S": SECRET}, key=b"k", limits=PATIENT)


def zipped(*members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, member in enumerate(members):
            archive.writestr(zipfile.ZipInfo(f"f{number}"), member, zipfile.ZIP_DEFLATED)
    return out.getvalue()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "xz -9": lambda data: lzma.compress(data, preset=9),
    "zstd": zstandard.compress,
    "zip": zipped,
}


def verdicts(body: bytes, **more: str) -> set[tuple[Verdict, str]]:
    found = SCANNER.scan_request("https://a.test/x", (), body, **more)
    return {(f.verdict, f.rule.split("/")[0]) for f in found}


LEAK = (Verdict.BLOCK, "known_secret")


def part(data: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n'
    return head + data + b"\r\n--b--\r\n"


@pytest.mark.parametrize("name", PACK)
def test_packed_data_is_opened_wherever_it_begins(name: str) -> None:
    data = PACK[name](TEXT)
    for body in (data, part(data), part(b"first") + part(data)):
        assert LEAK in verdicts(body)


@pytest.mark.parametrize("name", PACK)
def test_a_word_glued_to_a_run_hides_nothing(name: str) -> None:
    data = PACK[name](TEXT)
    url64 = base64.urlsafe_b64encode(data).decode()
    for run in (base64.b64encode(data).decode(), f"v1--{url64}", f"id_{data.hex()}", data.hex()):
        assert LEAK in verdicts(f'{{"a":"{run}"}}'.encode()), run[:20]
    found = SCANNER.scan_request(f"https://a.test/upload/{url64}", (), b"")
    assert Verdict.BLOCK in {f.verdict for f in found}


@pytest.mark.parametrize("glue", ["0x", "zz", "a", "abcdefg", "q" * 45, "id_", "x--"])
def test_letters_glued_to_hex_or_base32_hide_nothing(glue: str) -> None:
    for inner in (gzip.compress(TEXT, mtime=0), base64.b64encode(SECRET)):
        assert LEAK in verdicts(f'{{"a":"{glue}{inner.hex()}"}}'.encode())
        assert LEAK in verdicts(f'{{"a":"{inner.hex()}{glue}"}}'.encode())
        assert LEAK in verdicts(f'{{"a":"0{glue}{base64.b32encode(inner).decode()}"}}'.encode())
    text = f"{bytes(range(99, 122)).hex()}{base64.b64encode(base64.b64encode(SECRET)).decode()}"
    assert LEAK in verdicts(text.encode())


@pytest.mark.parametrize("name", ["gzip", "zlib", "bzip2", "xz", "zstd"])
def test_streams_one_behind_the_other_are_all_opened(name: str) -> None:
    for first in (b"hello", b""):
        assert LEAK in verdicts(PACK[name](first) + PACK[name](TEXT))


def test_the_ninth_of_many_is_opened() -> None:
    decoys = b"".join(PACK["gzip"](b"decoy%d" % number) for number in range(40))
    assert LEAK in verdicts(decoys + PACK["gzip"](SECRET))


def test_what_is_behind_any_number_of_streams_is_opened_and_their_number_is_bounded() -> None:
    assert LEAK in verdicts(bz2.compress(b"") * 700 + PACK["bzip2"](TEXT))
    assert (Verdict.BLOCK, "limit.decoded") in verdicts(
        zlib.compress(b"") * 40_000 + zlib.compress(TEXT)
    )
    assert (Verdict.BLOCK, "limit.events") in verdicts(
        bz2.compress(b"") * 40_000 + PACK["bzip2"](TEXT)
    )


@pytest.mark.parametrize("name", ["xz", "zstd"])
def test_what_surely_is_packed_and_cannot_be_opened_is_told(name: str) -> None:
    data = PACK[name](TEXT)
    assert (Verdict.SUPERVISE, "undecodable") in verdicts(data[:18] + b"\xff" * 400)
    assert not verdicts(PACK[name](b""))
    assert not verdicts(data[:6] + b"\xff\xff a constant of a program")


@pytest.mark.parametrize("kind", ["zip", "gzip"])
def test_many_beginnings_that_share_one_end_are_read_a_few_times_in_all(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty stored blocks (RFC 1951 section 3.2.4) take input and give nothing."""
    taken = 0
    real = Budget.read

    def counted(budget: Budget, size: int) -> bool:
        nonlocal taken
        taken += size
        return real(budget, size)

    monkeypatch.setattr(Budget, "read", counted)
    body = beginnings(kind, 400) + b"\0\0\0\xff\xff" * 100_000
    assert (Verdict.BLOCK, "limit.decoded") in verdicts(body)
    assert taken < 6 * len(body) + 10 * 1024**2


def beginnings(kind: str, count: int) -> bytes:
    """Heads whose names, or extra fields, reach to the end of the last of them."""
    heads = b""
    for left in reversed(range(count)):
        if kind == "zip":
            heads += b"PK\x03\x04" + struct.pack("<5H3I2H", 20, 0, 8, 0, 0, 0, 0, 0, left * 30, 0)
        else:
            heads += b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff" + struct.pack("<H", left * 12)
    return heads


def test_every_member_of_an_archive_is_opened() -> None:
    many = zipped(*(b"x" for _ in range(300)), TEXT)
    assert LEAK in verdicts(many)
    assert LEAK in verdicts(part(zipped(TEXT)) + part(zipped(b"hello")))
    assert LEAK in verdicts(zipped(TEXT) + b"A B" * 30_000)


def test_a_damaged_or_encrypted_member_hides_no_other() -> None:
    plain = zipped(b"hello " * 9, TEXT)
    directory = plain.find(b"PK\x01\x02")
    for place, local in ((16, 14), (8, 6)):
        data = bytearray(plain)
        data[directory + place] ^= 1
        data[local] ^= 1
        assert LEAK in verdicts(bytes(data))
    data[6] |= 1
    assert (Verdict.SUPERVISE, "undecodable") in verdicts(bytes(data))


def test_fields_beside_what_is_compressed_are_looked_at() -> None:
    packed = zlib.compress(b"hello", wbits=-15)
    head = b"\x1f\x8b\x08\x10" + bytes(5) + b"\xff" + SECRET + b"\0"
    tail = struct.pack("<II", zlib.crc32(b"hello"), 5)
    assert gzip.decompress(head + packed + tail) == b"hello"
    assert LEAK in verdicts(head + packed + tail, content_encoding="gzip")
    frame = struct.pack("<II", 0x184D2A50, len(SECRET)) + SECRET + zstandard.compress(b"hello")
    assert LEAK in verdicts(frame, content_encoding="zstd")
    assert not verdicts(gzip.compress(b"hello " * 999, mtime=0), content_encoding="gzip")


def test_what_is_deeper_than_the_bound_is_told() -> None:
    data = SECRET
    for _ in range(9):
        data = base64.b64encode(data)
    assert (Verdict.SUPERVISE, "limit.depth") in verdicts(data)


def test_a_bomb_of_empty_members_is_bounded_by_the_clock() -> None:
    head = b"PK\x03\x04\x14" + bytes(3) + b"\x08" + bytes(21)
    hasty = Scanner({"S": SECRET}, key=b"k", limits=Limits(seconds=0.0, seconds_per_mb=0.0))
    found = hasty.scan((head + b"\x03\0") * 200_000)
    assert {f.rule for f in found} == {"limit.time"}


@pytest.mark.parametrize("front", ["x ", "x?", "x^", "x}", "p "])
def test_a_text_that_begins_like_zlib_is_read_as_text_too(front: str) -> None:
    token = front.encode() + b"ghp_aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4"
    body = b'{"b": "' + base64.b64encode(token) + b'"}'
    assert [f.rule for f in SCANNER.scan(body)] == ["github.token"]
