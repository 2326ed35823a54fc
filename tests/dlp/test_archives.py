"""A held secret is found wherever a tar can hide it, and nothing in one breaks the search."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable, Iterator

import pytest

from botbottle.dlp import Limits, Scanner
from botbottle.dlp.archives import ArchiveScanner, Bounds, Place, leaks

SECRET = b"sk-real-" + bytes.fromhex("00112233445566778899aabbccddeeff").hex().encode()
NOISE = random.Random(7).randbytes(5000)


def scanner(**bounds: int) -> ArchiveScanner:
    inner = Scanner({"API_KEY": SECRET}, key=b"k" * 32, limits=Limits(seconds=5.0))
    return ArchiveScanner(inner, Bounds(**bounds))


def tar(*files: tuple[str, bytes], **more: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in more.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zipped(name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


class Unseekable(io.RawIOBase):
    """What makes zipfile write sizes after the content."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.data += bytes(data)  # type: ignore[call-overload]
        return len(bytes(data))  # type: ignore[call-overload]


def zip_in_passing(name: str, content: bytes) -> bytes:
    out = Unseekable()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        archive.writestr(name, content)
        archive.writestr("after", b"x")
    return bytes(out.data)


def scan(data: bytes, piece: int = 1000, **bounds: int) -> tuple[Place, ...]:
    pieces = (data[i : i + piece] for i in range(0, len(data), piece))
    return scanner(**bounds).scan(pieces, "image")


def where(found: Iterable[Place]) -> list[str]:
    return sorted({p.path for p in leaks(found)})


TEXT = NOISE + b"\nkey=" + SECRET + b"\n" + NOISE
HIDDEN: dict[str, bytes] = {
    "plain": tar(("home/.env", TEXT)),
    "name": tar((f"home/{SECRET.decode()}", b"")),
    "long name": tar((f"{'d/' * 120}{SECRET.decode()}", b"")),
    "link target": tar(("home/l", b""), type=tarfile.SYMTYPE, linkname=SECRET.decode()),
    "extended attribute": tar(("f", b"x"), pax_headers={"SCHILY.xattr.user.k": SECRET.decode()}),
    "owner": tar(("f", b"x"), uname=SECRET.decode()),
    "base64": tar(("f", base64.b64encode(NOISE[:100] + SECRET + NOISE[:100]))),
    "hex": tar(("f", b"key " + SECRET.hex().encode())),
    "reversed": tar(("f", b"key " + SECRET[::-1])),
    "utf-16": tar(("f", SECRET.decode().encode("utf-16"))),
    "gzip": tar(("f.gz", gzip.compress(TEXT))),
    "second gzip member": tar(("f.gz", gzip.compress(NOISE) + gzip.compress(TEXT))),
    "gzip file name": tar(("f.gz", gzip.compress(b"x")[:3] + b"\x08" + gzip.compress(b"x")[4:10]
                           + SECRET + b"\0" + gzip.compress(b"x")[10:])),
    "bzip2": tar(("f.bz2", bz2.compress(TEXT))),
    "xz": tar(("f.xz", lzma.compress(TEXT))),
    "zip": tar(("f.zip", zipped("e", TEXT))),
    "stored zip": tar(("f.zip", zipped("e", TEXT, zipfile.ZIP_STORED))),
    "zip written in passing": tar(("f.zip", zip_in_passing("e", TEXT))),
    "zip entry name": tar(("f.zip", zipped(SECRET.decode(), b""))),
    "tar in gzip in zip in tar": tar(("a", zipped("b", gzip.compress(tar(("c", TEXT)))))),
    "layer": tar(("0/layer.tar", tar(("etc/x", b"y"), ("home/.env", TEXT)))),
    "compressed layer": tar(("blobs/0", gzip.compress(tar(("home/.env", TEXT))))),
    "after a broken tar": tar(("f", tar(("a", b"b"))[:1024] + b"\1" * 512 + TEXT)),
    "after the end of a tar": tar(("f", tar(("a", b"b")) + TEXT)),
    "after a broken gzip": tar(("f.gz", gzip.compress(NOISE)[:100] + TEXT)),
    "not a tar at all": TEXT,
}  # fmt: skip


@pytest.mark.parametrize("where", HIDDEN)
def test_a_secret_is_found(where: str) -> None:
    found = leaks(scan(HIDDEN[where]))
    assert found and all("API_KEY" in p.rule for p in found)
    assert not any(SECRET.decode() in p.rule + p.path + p.text for p in found)


def test_the_place_is_the_path_through_all_archives() -> None:
    assert where(scan(HIDDEN["layer"])) == ["image!0/layer.tar!home/.env"]


@pytest.mark.parametrize("piece", [1, 511, 512, 513, 100_000])
def test_how_the_stream_is_cut_does_not_matter(piece: int) -> None:
    data = tar(("a.gz", gzip.compress(TEXT)), ("b", TEXT))
    assert where(scan(data, piece)) == ["image!a.gz", "image!b"]


def test_archives_without_the_secret_are_clean() -> None:
    other = b"key=sk-real-" + os.urandom(16).hex().encode()
    files = (("a", other), ("b.gz", gzip.compress(other)), ("c.zip", zipped("d", other)))
    assert scan(tar(*files, ("e.tar", tar(("f", NOISE * 30))))) == ()


def test_names_of_several_archives_do_not_mix() -> None:
    both = scanner()
    assert leaks(both.scan(iter((HIDDEN["plain"],)), "one"))
    assert both.scan(iter((tar(("a", b"b")),)), "two") == ()


def test_what_unpacks_without_end_is_named_and_the_rest_still_searched() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    found = scan(tar(("bomb.gz", bomb), ("key", TEXT)), expanded=1_000_000)
    assert Place("image!bomb.gz", "limit.expanded") in found
    assert where(found) == ["image!key"]


def test_archives_too_deep_are_named_and_searched_as_they_are() -> None:
    data = TEXT
    for _ in range(6):
        data = tar(("t", data))
    found = scan(data, depth=3)
    assert any(p.rule == "limit.depth" for p in found) and leaks(found)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_cannot_be_read_in_passing_is_named(method: int) -> None:
    assert any(p.rule == "limit.damaged" for p in scan(tar(("z", zipped("e", TEXT, method)))))


def test_a_huge_pax_header_is_not_held_in_memory() -> None:
    claimed = 64 << 20
    header = bytearray(tar(("x", b""))[:512])
    header[124:136] = f"{claimed:011o}\0".encode()
    header[156:157] = b"x"

    def pieces() -> Iterator[bytes]:
        yield bytes(header)
        for _ in range(claimed // 65536):
            yield bytes(65536)
        yield tar(("key", TEXT))

    tracemalloc.start()
    found = scanner().scan(pieces())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert where(found) == ["key"] and peak < 8 << 20


def test_a_large_archive_needs_little_memory() -> None:
    def pieces() -> Iterator[bytes]:
        for n in range(40):
            yield tar((f"f{n}", bytes(1 << 20)))[: 512 + (1 << 20)]
        yield tar(("key", TEXT))

    look = scanner()
    tracemalloc.start()
    found = look.scan(pieces())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert where(found) == ["key"] and peak < 8 << 20


@pytest.mark.parametrize("seed", range(60))
def test_no_damage_raises_and_what_comes_before_it_is_found(seed: int) -> None:
    rng = random.Random(seed)
    tail = bytearray(rng.choice(list(HIDDEN.values())))
    for _ in range(rng.randrange(1, 20)):
        tail[rng.randrange(len(tail))] = rng.randrange(256)
    data = tar(("first", TEXT))[: 512 + len(TEXT) + -len(TEXT) % 512] + bytes(tail)
    data = data[: len(data) - rng.randrange(len(tail))]
    assert any(p.path == "image!first" for p in leaks(scan(data, rng.randrange(1, 5000))))


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "xz -9": lambda data: lzma.compress(data, preset=9),
    "zip": lambda data: zipped("e", data),
}


@pytest.mark.parametrize("packer", PACKERS)
def test_what_is_packed_is_read_whole_and_not_only_at_its_beginning(packer: str) -> None:
    data = bytes(3_000_000) + TEXT
    assert leaks(scan(tar(("f", PACKERS[packer](data)))))


@pytest.mark.parametrize(
    "magic", [b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"PK\x03\x04\x14\0\x01\0\x08\0"]
)
def test_a_program_that_holds_the_beginning_of_compressed_data_is_no_leak(magic: bytes) -> None:
    program = b"\x7fELF" + magic + b" is not a known format" * 4 + bytes(100)
    assert leaks(scan(tar(("usr/bin/xz", program)))) == ()
    assert leaks(scan(tar(("usr/bin/xz", program + SECRET)))), "and what is in it is found"
