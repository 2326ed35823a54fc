"""Compressed files in uploads that pass while they arrive are read to their ends."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import zipfile
import zlib

import pytest
import zstandard

from botbottle.dlp import OUTBOUND, Finding, Limits, Scanner
from botbottle.sidecar.egress.opened import AT_ONCE, BEGINNINGS, DEPTH
from botbottle.sidecar.egress.passing import Passing, UploadRefused
from botbottle.sidecar.egress.upload import Upload

SECRET = b"q7Zr2Kx9VbT4mPw8Ld3HsNf6YcJg1XeA5uRk0QzM"
LATER = b"Ww3nJ8sLq0Zb5Xc7Rf2Tg9Vh4Yk6Mp1Dd0Ee8Aa7"
LIMITS = Limits(seconds=60.0)
SCANNER = Scanner({"T": SECRET}, key=b"k", limits=LIMITS)
KINDS = ("gzip", "zip", "bzip2", "xz", "zstd", "gzip in gzip", "gzip behind a decoy", "two")


def text(size: int) -> bytes:
    """Lines that compress to about a third."""
    rng = random.Random(7)
    words = [rng.randbytes(3).hex() for _ in range(4000)]
    return b" ".join(rng.choice(words).encode() for _ in range(size // 7))


PLAIN = text(800_000)


def packed(kind: str, plain: bytes) -> bytes:
    if kind == "zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("a small one"), "words " * 50)
            info = zipfile.ZipInfo("a/large/one")
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, plain)
        return out.getvalue()
    if kind == "gzip in gzip":
        return packed("gzip", b"x" * 100 + packed("gzip", plain))
    if kind == "gzip behind a decoy":  # whose data goes on over the beginning of the real one
        return b"\x1f\x8b\x08" + bytes(7) + b"\x00\xff\xff\x00\x00" + packed("gzip", plain)
    if kind == "two":
        return packed("gzip", b"the first") + packed("gzip", plain)
    compress = {
        "gzip": lambda: gzip.compress(plain, mtime=0),
        "bzip2": lambda: bz2.compress(plain, 1),
        "xz": lambda: lzma.compress(plain, preset=1),
        "zstd": lambda: zstandard.compress(plain),
    }
    return compress[kind]()


def sent(body: bytes, cut: int = 16_000) -> tuple[bytes, str]:
    """(what left, why the rest did not)"""
    upload, left = Passing(Upload(SCANNER, OUTBOUND, tuple, lambda found: None)), b""
    try:
        for at in range(0, len(body), cut):
            left += b"".join(upload(body[at : at + cut]))
        left += b"".join(upload(b""))
    except UploadRefused as refused:
        return left, refused.denial.reason
    return left, ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_far_inside_ends_the_upload(kind: str) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n'
    body = head + packed(kind, PLAIN + b" " + SECRET + b" " + PLAIN[:100_000]) + b"\r\n--b--\r\n"
    assert SECRET not in body and len(body) > 250_000
    left, reason = sent(body)
    assert reason.startswith("known_secret/plain/T found") and body.startswith(left)
    control = head + packed(kind, PLAIN) + b"\r\n--b--\r\n"
    assert sent(control) == (control, "")


def test_it_has_not_left() -> None:
    body = packed("gzip", PLAIN[:600_000] + b" " + SECRET + b" " + PLAIN)
    for cut in (1_000_000, 70_000, 5000):
        left, reason = sent(body, cut)
        out = zlib.decompressobj(31).decompress(left)
        assert reason and SECRET[:8] not in out
        assert len(out) > 300_000 or cut > len(body) // 2, "what is before it passes"


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        pytest.param(gzip.compress(bytes(30_000_000), mtime=0), "limit.decoded", id="a bomb"),
        pytest.param(b"\x1f\x8b\x08 " * (BEGINNINGS + 1), "limit.", id="beginnings"),
        pytest.param(
            (b"\x1f\x8b\x08" + bytes(7)) * 9 + bytes(90_000), "", id="that are none, few"
        ),
        pytest.param(
            b"\x28\xb5\x2f\xfd\x00\x88" + bytes(100),
            "undecodable", id="a window that is too large",
        ),
    ],
)  # fmt: skip
def test_a_bound_ends_the_upload(body: bytes, rule: str) -> None:
    left, reason = sent(body)
    assert (rule in reason) if rule else (left, reason) == (body, "")
    assert not rule or left != body


def empty_members(count: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(zipfile.ZipInfo(f"package/module/__init__{number}.py"), b"")
    return out.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(lzma.compress(PLAIN, preset=9), id="xz -9"),
        pytest.param(b"\x7fELF" + b"\x28\xb5\x2f\xfd\xc8\xff" + bytes(range(256)) * 9, id="magic"),
        pytest.param(b"\x7fELF" + b"\xfd7zXZ\0" + b"\xff" * 900, id="another magic"),
        pytest.param(empty_members(1500), id="empty files"),
    ],
)
def test_ordinary_files_pass(body: bytes) -> None:
    assert sent(body) == (body, "")


def test_many_at_once_end_the_upload() -> None:
    """Each waits for the end of a name that is said to be long."""
    waiting = b"PK\x03\x04" + bytes(22) + b"\xff\xff\0\0"
    some = waiting * AT_ONCE + bytes(20_000)
    assert sent(some) == (some, "")
    assert "limit.runs" in sent(waiting + some)[1]


def test_what_is_inside_of_one_another_too_deep_ends_the_upload() -> None:
    body = b"words " * 20
    for _ in range(DEPTH):
        body = gzip.compress(body, mtime=0)
    assert sent(body) == (body, "")
    assert "limit.depth" in sent(gzip.compress(body, mtime=0))[1]


def test_a_value_that_is_delivered_on_the_way_is_looked_for_in_what_has_not_left() -> None:
    plain = PLAIN[:400_000] + b" " + LATER + b" " + PLAIN
    body = packed("gzip", plain)
    at = len(zlib.compress(plain[:400_000]))
    fresh = Scanner({"T": LATER}, key=b"k", limits=LIMITS)

    def refused(stop: int) -> bool:
        upload = Passing(Upload(SCANNER, OUTBOUND, tuple, lambda found: None))
        upload(body[:stop])
        assert upload.kept
        upload.renew(fresh)
        try:
            upload(body[stop:])
            upload(b"")
        except UploadRefused as told:
            return told.denial.reason.startswith("known_secret/plain/T")
        return False

    assert refused(at - 1000) and refused(at + 1000), "it is here, judged, and has not left"
    assert not refused(len(body)), "it has left before anybody knew of it"


def test_what_only_warns_is_told_once() -> None:
    told: list[Finding] = []
    marks = "AKIAIOSFODNN7EXAMPLE"
    body = packed("gzip", b" ".join((PLAIN[:200_000], marks.encode())) * 4)
    upload = Passing(Upload(SCANNER, OUTBOUND, tuple, told.extend))
    assert b"".join((*upload(body), *upload(b""))) == body
    assert [f.location for f in told if f.rule.startswith("aws")] == ["body>gzip"]
