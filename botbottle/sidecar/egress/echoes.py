"""The forms in which servers show again what they were sent, of each credential."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from itertools import product

from botbottle.dlp.checks import mixed
from botbottle.dlp.known.parts import segments
from botbottle.dlp.known.variants import variants

# Forms that the scanner knows as well.
_ECHOED = frozenset({"plain", "json", "percent", "base64", "hex", "utf-16", "decimal"})
_CASELESS = frozenset({"hex", "percent"})
_TELLING = 16  # secret bytes of a beginning
_VENDOR = re.compile(rb"(?:[A-Za-z]{2,12}\d{0,2}[-_.:]){1,4}")  # what all keys of one begin with

_ALNUM = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_PERCENT = ("%{:02X}", "%{:02x}")
_UNICODE = ("\\u{:04x}", "\\u{:04X}", "\\x{:02x}", "\\x{:02X}")
_ENTITY = ("&#{};", "&#x{:x};", "&#x{:X};")
_PADDED = ("&#{:03};", "&#{:04};", "&#x{:04x};", "&#x{:04X};")
_QUOTED = ("={:02X}", "={:02x}")
_OCTAL = ("\\{:03o}",)
_TWICE = ("%25{:02X}", "%25{:02x}")
# What escaping leaves as it is, by kind: nothing; letters and digits; and what each standard, or
# the libraries most servers use, leave besides.
_LEFT: tuple[tuple[tuple[str, ...], tuple[bytes, ...]], ...] = (
    (
        _PERCENT,
        (
            b"-._~",  # RFC 3986
            b"*-._",  # forms (WHATWG URL)
            b"-_.!~*'()",  # encodeURIComponent
            b"-_.!*()",  # .NET
            b"/-._~",  # Python
            b";,/?:@&=+$-_.!~*'()#",  # encodeURI
        ),
    ),
    # System.Text.Json, and what is often escaped in scripts: the rest is left.
    (_UNICODE, (b"!#$%()*,-./:;=?@[]^_{|}~ ", b"!#$%()*+,-./:;=?@[]^_`{|}~ ")),
    # html.escape and its like; Mustache and its like.
    (_ENTITY, (b"!#$%()*+,-./:;=?@[\\]^_`{|}~ ", b"!#$%()*+,-.:;?@[\\]^_{|}~ ")),
    (_PADDED, ()),
    (_OCTAL, (b"!#$%&()*+,-./:;<=>?@[]^_`{|}~ ",)),
    (_TWICE, (b"-._~", b"-_.!~*'()", b"/-._~")),
    (_QUOTED, (bytes(c for c in range(33, 127) if c != ord("=")),)),  # RFC 2045, 6.7
)
_NAMED = {b"&": b"&amp;", b"<": b"&lt;", b">": b"&gt;"}
_DOUBLE, _SINGLE = (b"&quot;", b"&#34;"), (b"'", b"&#39;", b"&#x27;", b"&#039;", b"&apos;")
_IN_JSON = (b"", b"&<>", b"&<>'")  # escaped besides, by what is made to be put into pages


def echo_forms(texts: Iterable[str]) -> Iterator[bytes]:
    """Every form of the given secrets that is scrubbed out of responses."""
    for text in texts:
        value = text.encode()
        for form in variants(value):
            if form.codec in _ECHOED:
                yield form.text
            if form.codec in _CASELESS:
                yield form.text.upper()
        yield from (text.lower().encode(), text.upper().encode(), value[::-1])
        yield from _escaped(value)
        yield from _entities(value)
        yield from _json(value)
        yield from _base32(value)


def _escaped(value: bytes) -> Iterator[bytes]:
    """With all bytes escaped, all but letters and digits, and all but what a kind leaves."""
    for codes, left in _LEFT:
        kinds = (frozenset[int](), _ALNUM, *(_ALNUM | frozenset(more) for more in left))
        for code in codes:
            table = [code.format(byte).encode() for byte in range(256)]
            for plain in kinds:
                yield b"".join(bytes((b,)) if b in plain else table[b] for b in value)


def _entities(value: bytes) -> Iterator[bytes]:
    """With names for what HTML gives some, and what is written for quotes."""
    for byte, name in _NAMED.items():
        value = value.replace(byte, name)
    for double, single in product(_DOUBLE, _SINGLE):
        yield value.replace(b"'", single).replace(b'"', double)


def _json(value: bytes) -> Iterator[bytes]:
    """As a string of JSON in a page."""
    value = value.replace(b"\\", rb"\\").replace(b'"', rb"\"")
    for chars, code, slash in product(_IN_JSON, _UNICODE[:2], (b"/", rb"\/")):
        table = {byte: code.format(byte).encode() for byte in chars}
        yield b"".join(table.get(b, bytes((b,))) for b in value).replace(b"/", slash)


def _base32(value: bytes) -> Iterator[bytes]:
    """As a part of something longer: in each of five places, without what the neighbours decide."""
    for offset in range(5):
        padded = b"\0" * offset + value
        whole = base64.b32encode(padded)[-(-offset * 8 // 5) : len(padded) * 8 // 5]
        yield from (whole, whole.lower())


def cut_forms(texts: Iterable[str]) -> dict[bytes, int]:
    """What error pages show only the beginning of: the secret strings in the given secrets, each
    with how many bytes of it tell it from all others."""
    found = {}
    for part in (part for text in texts for part in segments(text.encode()) if not part.whole):
        vendor = _VENDOR.match(part.text)
        public = max(part.public, vendor.end() if vendor else 0)
        if mixed(part.text[public : public + _TELLING]):
            found[part.text] = public + _TELLING
    return found
