"""Held secrets are found in every dress; ordinary text is not."""

from __future__ import annotations

import base64
import binascii
import codecs
import gzip
import json
import quopri
import random
import zlib
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from botbottle.dlp import Scanner
from tests.dlp.conftest import ALNUM, PATIENT, alnum, body_with, github, leaks

Make = Callable[..., Scanner]


def _chunks(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data)


def _uuencode(data: bytes) -> bytes:
    lines = (data[at : at + 45] for at in range(0, len(data), 45))
    return b"".join(binascii.b2a_uu(line, backtick=True) for line in lines)


def _full_width(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) for sign in text)


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda s: s.encode(),
    "upper case": lambda s: s.upper().encode(),
    "base64": lambda s: _b64(s.encode()),
    "base64 at offset 1": lambda s: _b64(b"x" + s.encode()),
    "base64 at offset 2": lambda s: _b64(b"xy" + s.encode() + b"z"),
    "base64url": lambda s: base64.urlsafe_b64encode(b"\xff" + s.encode()).rstrip(b"="),
    "base64 in lines": lambda s: base64.encodebytes(b"y" * 50 + s.encode()),
    "hex": lambda s: s.encode().hex().encode(),
    "HEX": lambda s: s.encode().hex().upper().encode(),
    "hex with colons": lambda s: s.encode().hex(":").encode(),
    "hex array": lambda s: ", ".join(hex(c) for c in s.encode()).encode(),
    "percent": lambda s: quote(s, safe="").encode(),
    "percent, every byte": lambda s: "".join(f"%{c:02X}" for c in s.encode()).encode(),
    "percent twice": lambda s: "".join(f"%25{c:02x}" for c in s.encode()).encode(),
    "base32": lambda s: base64.b32encode(s.encode()),
    "base32 lower": lambda s: base64.b32encode(b"u:" + s.encode()).lower().rstrip(b"="),
    "gzip": lambda s: gzip.compress(s.encode(), mtime=0),
    "gzip, base64": lambda s: _b64(gzip.compress(s.encode(), mtime=0)),
    "zlib, base64": lambda s: _b64(zlib.compress(s.encode())),
    "gzip, hex": lambda s: gzip.compress(s.encode(), mtime=0).hex().encode(),
    "reversed": lambda s: s[::-1].encode(),
    "JSON unicode escapes": lambda s: "".join(f"\\u{ord(c):04x}" for c in s).encode(),
    "JavaScript and Rust escapes": lambda s: "".join(f"\\u{{{ord(c):x}}}" for c in s).encode(),
    "Python's long escapes": lambda s: "".join(f"\\U{ord(c):08x}" for c in s).encode(),
    "JavaScript's escape()": lambda s: "".join(f"%u{ord(c):04X}" for c in s).encode(),
    "hex escapes": lambda s: "".join(f"\\x{ord(c):02x}" for c in s).encode(),
    "octal escapes": lambda s: "".join(f"\\{ord(c):03o}" for c in s).encode(),
    "HTML entities": lambda s: "".join(f"&#{ord(c)};" for c in s).encode(),
    "quoted-printable": lambda s: quopri.encodestring((s + "=é").encode()),
    "UTF-16 LE": lambda s: s.encode("utf-16-le"),
    "UTF-16 BE": lambda s: s.encode("utf-16-be"),
    "UTF-16, base64": lambda s: _b64(s.encode("utf-16-le")),
    "UTF-32 LE": lambda s: s.encode("utf-32-le"),
    "UTF-32 BE": lambda s: s.encode("utf-32-be"),
    "base32hex": lambda s: base64.b32hexencode(s.encode()),
    "base32hex behind five bytes": lambda s: base64.b32hexencode(b"user:" + s.encode()).lower(),
    "uuencode": lambda s: _uuencode(s.encode()),
    "uuencode behind something": lambda s: _uuencode(b"k=" + s.encode() + b"\nmode=fast\n"),
    "uuencode in JSON": lambda s: json.dumps(_uuencode(s.encode()).decode()).encode(),
    "unseen signs between": lambda s: "\u200b".join(s).encode(),
    "a soft hyphen within": lambda s: f"{s[:7]}\u00ad{s[7:]}".encode(),
    "unseen signs in JSON": lambda s: json.dumps("\u2060".join(s)).encode(),
    "full-width": lambda s: _full_width(s).encode(),
    "full-width in JSON": lambda s: json.dumps(_full_width(s)).encode(),
    "rot13": lambda s: codecs.encode(s, "rot13").encode(),
    "base85": lambda s: base64.b85encode(s.encode()),
    "ascii85": lambda s: base64.a85encode(s.encode()),
    "decimal array": lambda s: json.dumps(list(s.encode())).encode(),
    "binary": lambda s: " ".join(f"{c:08b}" for c in s.encode()).encode(),
    "base64 twice": lambda s: _b64(_b64(s.encode())),
    "base64 three times": lambda s: _b64(_b64(_b64(s.encode()))),
    "base64 of hex": lambda s: _b64(binascii.hexlify(s.encode())),
    "hex of base64": lambda s: _b64(s.encode()).hex().encode(),
    "base64, gzip, base64": lambda s: _b64(gzip.compress(_b64(s.encode()), mtime=0)),
    "spaced out": lambda s: " ".join(s).encode(),
    "dotted": lambda s: ".".join(s).encode(),
    "pairs with commas": lambda s: ",".join(_chunks(s, 2)).encode(),
    "threes with dashes": lambda s: "-".join(_chunks(s, 3)).encode(),
    "fours in lines": lambda s: "\n".join(_chunks(s, 4)).encode(),
    "eights in escaped lines": lambda s: "\\n".join(_chunks(s, 8)).encode(),
    "concatenated": lambda s: "' + '".join(_chunks(s, 5)).encode(),
    "JSON array": lambda s: json.dumps(_chunks(s, 6)).encode(),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_held_secret_is_found_in_any_encoding(
    name: str, make: Make, engine: str, rng: random.Random
) -> None:
    values = [
        github(rng),
        "sk-ant-api03-" + alnum(rng, 60),
        alnum(rng, 20),
        alnum(rng, 17) + "/+=" + alnum(rng, 20),
    ]
    scanner = make({f"S{i}": value.encode() for i, value in enumerate(values)})
    for value in values:
        for size in (2, 1000) if engine == "hyperscan" else (2,):
            assert leaks(scanner, body_with(ENCODINGS[name](value), size)), value[:4]


def test_the_control_body_without_the_secret_is_clean(make: Make, rng: random.Random) -> None:
    scanner = make({"S": github(rng).encode()})
    assert not scanner.scan(body_with(alnum(rng, 36).encode(), 500))


_LAYERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "url": base64.urlsafe_b64encode,
    "hex": binascii.hexlify,
    "gzip64": lambda data: _b64(gzip.compress(data, mtime=0)),
    "zlib64": lambda data: _b64(zlib.compress(data)),
    "percent": lambda data: quote(data, safe="").encode(),
    "json": lambda data: json.dumps(data.decode("latin-1")).encode(),
    "base32": base64.b32encode,
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    chain=st.lists(st.sampled_from(sorted(_LAYERS)), max_size=3),
    before=st.text(ALNUM + " :=", max_size=30),
    seed=st.integers(0, 2**32),
)
def test_any_chain_of_up_to_three_encodings_is_undone(
    chain: list[str], before: str, seed: int
) -> None:
    value = github(random.Random(seed))
    data = before.encode() + value.encode()
    for layer in chain:
        data = _LAYERS[layer](data)
    scanner = Scanner({"S": value.encode()}, key=b"k", limits=PATIENT)
    assert leaks(scanner, b'{"text": "' + data + b'"}')
