"""Files of many streams, frames and members are ordinary; what is beside them hides nothing."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest

from botbottle.dlp import Limits, Scanner, Verdict, frames
from botbottle.dlp.budget import Budget
from tests.dlp.conftest import PATIENT

zstandard = pytest.importorskip("zstandard")
SECRET = b"q7Z2kX9vLm3Pw8Yb1Hc6Jd4Fg5Sa0QeVuKzMxBw7"
SCANNER = Scanner({"S": SECRET}, key=b"k", limits=PATIENT)
LEAK = (Verdict.BLOCK, "known_secret")
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.compress,
}


def verdicts(body: bytes, content_type: str = "", scanner: Scanner = SCANNER,
             content_encoding: str = "", **header: bytes) -> set[tuple[Verdict, str]]:  # fmt: skip
    found = scanner.scan_request(
        "https://a.test/x", [*header.items()], body, content_type, content_encoding
    )
    return {(f.verdict, f.rule.split("/")[0]) for f in found}


def text(size: int, seed: int) -> bytes:
    rng = random.Random(seed)
    words = b"the quick brown fox jumps over a lazy dog and runs far from here".split()
    return b" ".join(rng.choices(words, k=size // 5))[:size]


def stored(count: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for number in range(count):
            archive.writestr(zipfile.ZipInfo(f"src/a{number}.py"), text(100, number))
    return out.getvalue()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much decoders have read, and made."""
    taken = [0, 0]
    real, made = Budget.read, Budget.take

    def reading(budget: Budget, size: int) -> bool:
        taken[0] += size
        return real(budget, size)

    def taking(budget: Budget, size: int) -> bool:
        taken[1] += size
        return made(budget, size)

    monkeypatch.setattr(Budget, "read", reading)
    monkeypatch.setattr(Budget, "take", taking)
    return taken


@pytest.mark.parametrize("name", PACK)
def test_many_streams_are_an_ordinary_file_and_each_is_read_once(
    name: str, read: list[int]
) -> None:
    parts = [text(9000, number) for number in range(100)]
    packed = [PACK[name](part) for part in parts]
    assert not verdicts(b"".join(packed))
    assert read[0] < 2 * sum(map(len, packed)) + 100 * 600
    assert read[1] < 1.5 * sum(map(len, parts))
    assert LEAK in verdicts(b"".join(packed) + PACK[name](text(500, 1) + SECRET))


@pytest.mark.parametrize("name", PACK)
def test_many_files_beside_each_other_are_ordinary(name: str) -> None:
    packed = [PACK[name](text(20_000, number)) for number in range(120)]
    assert not verdicts(b"\0name\0".join(packed))
    hidden = PACK[name](text(20_000, 1) + SECRET + text(900, 2))
    assert LEAK in verdicts(b"\0name\0".join([*packed, hidden, packed[0]]))


def test_stored_members_are_ordinary_also_in_many_archives() -> None:
    assert not verdicts(stored(3000))
    archives = [base64.b64encode(stored(200)).decode() for _ in range(20)]
    assert not verdicts(json.dumps({"files": archives}).encode())


@pytest.mark.parametrize("junk", [b"junk" * 5, b"\x28\xb5\x2f\xfd", b"\r\n--B--\r\n", b"\0"])
@pytest.mark.parametrize("size", [100, 200_000])
def test_a_frame_is_opened_whatever_is_behind_it(junk: bytes, size: int) -> None:
    noise = random.Random(size).randbytes(size // 2).hex().encode()
    for inner in (noise + SECRET, noise + SECRET[:20] + noise + SECRET):
        assert LEAK in verdicts(zstandard.compress(inner) + junk)
    assert not verdicts(zstandard.compress(noise) + junk)


FRAMES: dict[str, bytes] = {
    "sized": zstandard.compress(b"hello"),
    "unsized": zstandard.ZstdCompressor(write_content_size=False).compress(b"hello " * 999),
    "checked": zstandard.ZstdCompressor(write_checksum=True).compress(b"hello"),
    "empty": zstandard.compress(b""),
    "repeated": zstandard.compress(bytes(1_000_000)),
    "random": zstandard.compress(random.Random(1).randbytes(300_000)),
}


@pytest.mark.parametrize("name", FRAMES)
def test_where_a_frame_ends_is_told_by_its_blocks(name: str) -> None:
    frame = FRAMES[name]
    for behind in (b"", b"junk", frame):
        found = frames.extent(memoryview(frame + behind), 100)
        assert (found.end, found.whole) == (len(frame), True)
    for size in range(0, len(frame), max(1, len(frame) // 50)):
        found = frames.extent(memoryview(frame[:size]), 100)
        assert found.end <= size
        assert not found.whole
    assert not frames.extent(memoryview(frame), 0).whole


def test_a_frame_of_blocks_that_hold_nothing_costs_something() -> None:
    frame = b"\x28\xb5\x2f\xfd\x00\x58" + bytes(3) * 500_000
    assert (Verdict.BLOCK, "limit.decoded") in verdicts(frame + b"\1\0\0")


def test_a_stream_in_the_header_of_another_is_opened() -> None:
    inner = gzip.compress(b"some text " * 40 + SECRET, mtime=0)
    extra = struct.pack("<H", len(inner)) + inner
    outer = bytearray(gzip.compress(b"hello", mtime=0))
    outer[3] |= 4
    body = bytes(outer[:10]) + extra + bytes(outer[10:])
    assert gzip.decompress(body) == b"hello"
    assert LEAK in verdicts(body)


@pytest.mark.parametrize("name", ["xz", "zstd"])
def test_escapes_in_compressed_data_are_none_and_no_reason_to_ask(name: str) -> None:
    packed = [PACK[name](text(5000, number)) for number in range(100)]
    body = b"%41%41 a+b %3D=3D".join(packed)
    assert not verdicts(body)
    assert not verdicts(body, "application/x-www-form-urlencoded")
    broken = b"%3D".join([*packed, packed[0][:24] + b"\xff" * 40])
    other = zlib.crc32(b"\0\4")  # another check, so another header
    head = {"xz": b"\xfd7zXZ\0\0\4" + struct.pack("<I", other), "zstd": packed[0][:4] + b"\x03"}
    told = b"%3D".join([*packed, head[name] + b"\x07" * 3 + b"\0" * 40, broken])
    assert (Verdict.SUPERVISE, "undecodable") in verdicts(told)


@pytest.mark.parametrize("name", ["xz", "zstd"])
def test_what_cannot_be_opened_is_told_whatever_sound_data_is_beside_it(name: str) -> None:
    packed = PACK[name](text(5000, 1))
    assert (Verdict.SUPERVISE, "undecodable") in verdicts(
        packed + b"--" + packed[:18] + b"\xff" * 400
    )


def test_what_is_beside_coded_data_is_looked_at_when_no_time_is_left() -> None:
    hasty = Scanner({"S": SECRET}, key=b"k", limits=Limits(seconds=0.0, seconds_per_mb=0.0))
    outer = bytearray(gzip.compress(b"hello", mtime=0))
    outer[3] |= 4
    extra = struct.pack("<H", len(SECRET)) + SECRET
    body = bytes(outer[:10]) + extra + bytes(outer[10:])
    assert LEAK in verdicts(body, scanner=hasty, content_encoding="gzip")
    form = b"v=" + b"".join(
        b"%%%02x" % c if n % 4 == 0 else bytes((c,)) for n, c in enumerate(SECRET)
    )
    assert LEAK in verdicts(form, "application/x-www-form-urlencoded", hasty)


@pytest.mark.parametrize("extra", range(8))
def test_the_last_digits_of_base32_are_decoded(extra: int) -> None:
    """Names are public, so all that is left of a login must be seen."""
    password = b"q7Z2kX9vLm3Pw8Yb" + b"m4Nq8Rt2"[:extra]
    held = b"user@example.com:" + password
    scanner = Scanner({"S": held}, key=b"k", limits=PATIENT)
    for inner in (base64.b64encode(held), b"".join(b"\\%03o" % c for c in held)):
        digits = base64.b32encode(inner)
        for shown in (digits, digits.rstrip(b"="), digits.lower()):
            assert LEAK in verdicts(b"k: " + shown + b"\n", scanner=scanner)


def image(rows: int, inside: bytes = b"") -> bytes:
    """A picture in one colour, as PNG (its third edition, section 5)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">2I5B", rows, rows, 8, 2, 0, 0, 0)
    pixels = zlib.compress(inside + (b"\0" + b"\xff\xff\xff" * rows) * rows)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def conversation(*pictures: bytes) -> bytes:
    rng = random.Random(3)
    lock = [f'"integrity": "sha512-{base64.b64encode(rng.randbytes(64)).decode()}"'
            for _ in range(300)]  # fmt: skip
    shown = [{"source": {"data": base64.b64encode(picture).decode()}} for picture in pictures]
    return json.dumps({"messages": [{"content": "\n".join(lock)}, {"content": shown}]}).encode()


@pytest.mark.parametrize("rows", [200, 512, 1080])
def test_pictures_beside_a_lock_file_are_ordinary(rows: int) -> None:
    assert not verdicts(conversation(image(rows)))
    assert not verdicts(conversation(*[image(rows)] * 12))
    hidden = b"some text in front " * 9 + SECRET + b" " * 90
    assert LEAK in verdicts(conversation(image(rows, hidden)))


def test_what_expands_without_end_and_is_no_picture_is_still_refused() -> None:
    bomb = image(1080).replace(b"IDAT", b"ABCD")
    assert (Verdict.BLOCK, "limit.decoded") in verdicts(conversation(bomb))
    many = [image(300, text(400, number)) for number in range(60)]
    assert LEAK in verdicts(conversation(*many) + SECRET)
