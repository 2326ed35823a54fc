"""The forms a value takes when somebody encodes it.

Each :class:`Variant` is a byte string that appears in the surface when the secret was encoded
*somewhere inside a longer text*. Block encodings therefore come once per alignment, with the
edge characters that depend on the neighbours cut off.
"""

from __future__ import annotations

import base64
import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote_from_bytes

from botbottle.dlp.known.squeeze import squeeze


@dataclass(frozen=True, slots=True)
class Variant:
    """``text`` as it appears; ``unit``: bytes of text per byte of secret.

    ``windows``: partial leaks are looked for too (any 16 bytes); the rarer forms are looked for
    as a whole, which takes one literal each.
    """

    codec: str
    text: bytes
    unit: float
    caseless: bool = False
    windows: bool = False

    @property
    def backwards(self) -> bool:
        """Whether the end of the value comes first."""
        return "reversed" in self.codec


def variants(secret: bytes) -> tuple[Variant, ...]:
    """All forms of ``secret``, each distinct text once; the plain form first."""
    seen: set[tuple[bytes, bool]] = set()
    out: list[Variant] = []
    for variant in _all(secret):
        key = (variant.text.lower() if variant.caseless else variant.text, variant.caseless)
        plain = bool(out) and variant.text.lower() == secret.lower()
        if len(variant.text) >= 4 and key not in seen and not plain:
            seen.add(key)
            out.append(variant)
    return tuple(out)


def _all(secret: bytes) -> Iterator[Variant]:
    yield Variant("plain", secret, 1.0, caseless=True, windows=True)
    yield from _textual(secret)
    yield from base64_forms(secret, "base64", windows=True)
    yield from _hex(secret)
    yield from _base32(secret, range(5 if len(secret) < _RUN_DECODES else 1))
    for form in _base32(secret, range(1)):  # all five: half as long again for a hundred secrets
        yield replace(form, codec="base32hex", text=form.text.translate(_TO_HEX))
    yield from _uuencoded(secret)
    yield from _base85(secret)
    yield from _wide(secret)
    yield from backwards(secret)
    yield from _numbers(secret)
    if len(secret) < _RUN_DECODES:
        yield from _nested(secret)


_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TO_UU = bytes.maketrans(_ALPHABET, b"`" + bytes(range(33, 96)))
_TO_HEX = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHIJKLMNOPQRSTUV")
_RUN_DECODES = 28  # longer values in two layers make runs that the decode pass takes apart


def _textual(secret: bytes) -> Iterator[Variant]:
    """Text forms; fully escaped ones (%67%68, \\u0067, \\x67, &#103;) are undone by views."""
    latin = secret.decode("latin-1")
    yield Variant("json", json.dumps(latin, ensure_ascii=False)[1:-1].encode("latin-1"), 1.0)
    yield Variant("json", latin.replace("/", "\\/").encode("latin-1"), 1.0)
    yield Variant("percent", quote_from_bytes(secret, safe="").encode(), 1.0, caseless=True)
    yield Variant("rot13", codecs.encode(latin, "rot13").encode("latin-1"), 1.0)
    yield Variant("base58", _base58(secret), 1.36)
    octal = "".join(f"\\{c:03o}" for c in secret).encode()
    yield Variant("octal-escape", octal, 4.0)


def base64_forms(secret: bytes, codec: str, *, windows: bool = False) -> Iterator[Variant]:
    """The three alignments, standard and URL-safe, without the characters shared at the edges."""
    for offset in range(3):
        padded = b"\0" * offset + secret
        text = base64.b64encode(padded)
        start = (offset * 8 + 5) // 6
        stable = text[start : len(padded) * 8 // 6]
        safe = stable.translate(bytes.maketrans(b"+/", b"-_"))
        yield Variant(codec, stable, 4 / 3, windows=windows)
        yield Variant(codec, safe, 4 / 3, windows=windows)


def _hex(secret: bytes) -> Iterator[Variant]:
    yield Variant("hex", secret.hex().encode(), 2.0, caseless=True, windows=True)
    for separator in (":", " ", "-"):
        yield Variant("hex", secret.hex(separator).encode(), 3.0, caseless=True)
    for separator in (", ", ",", " "):
        text = separator.join(f"0x{c:02x}" for c in secret).encode()
        yield Variant("hex", text, len(text) / max(1, len(secret)), caseless=True)


def _base32(secret: bytes, offsets: range) -> Iterator[Variant]:
    for offset in offsets:
        padded = b"\0" * offset + secret
        text = base64.b32encode(padded)
        start = (offset * 8 + 4) // 5
        yield Variant("base32", text[start : len(padded) * 8 // 5], 1.6, caseless=True)


def _uuencoded(secret: bytes) -> Iterator[Variant]:
    """As in the lines of uuencode, and of it in JSON."""
    for form in base64_forms(secret, "uuencode"):
        if form.text.isalnum() or b"+" in form.text or b"/" in form.text:  # not Base64url
            text = form.text.translate(_TO_UU)
            yield replace(form, text=text)
            yield replace(form, text=json.dumps(text.decode())[1:-1].encode())


def _base85(secret: bytes) -> Iterator[Variant]:
    for offset in range(4):
        padded = b"\0" * offset + secret
        whole = padded[4 if offset else 0 : len(padded) // 4 * 4]
        yield Variant("base85", base64.b85encode(whole), 1.25)
        yield Variant("ascii85", base64.a85encode(whole), 1.25)


def _wide(secret: bytes) -> Iterator[Variant]:
    latin = secret.decode("latin-1")
    little, big = latin.encode("utf-16-le"), latin.encode("utf-16-be")
    yield Variant("utf-16", little[:-1], 2.0, caseless=True)
    yield Variant("utf-16", big[1:], 2.0, caseless=True)
    yield Variant("utf-32", latin.encode("utf-32-le")[:-3], 4.0, caseless=True)
    yield Variant("utf-32", latin.encode("utf-32-be")[3:], 4.0, caseless=True)
    yield from base64_forms(little, "base64(utf-16)")


def backwards(secret: bytes, public: int = 0) -> Iterator[Variant]:
    """Forms in which the end of the value comes first, without its ``public`` first bytes."""
    turned = secret[public:][::-1]
    coded = base64.b64encode(secret).rstrip(b"=")[-(-public * 4 // 3) :]
    yield Variant("reversed", turned, 1.0, caseless=True, windows=True)
    yield from base64_forms(turned, "base64(reversed)")
    yield Variant("reversed(base64)", coded[::-1], 4 / 3)
    yield Variant("reversed(hex)", secret[public:].hex()[::-1].encode(), 2.0, caseless=True)


def _numbers(secret: bytes) -> Iterator[Variant]:
    for separator in (", ", ",", " "):
        text = separator.join(str(c) for c in secret).encode()
        yield Variant("decimal", text, len(text) / max(1, len(secret)))
    for separator in (" ", ""):
        text = separator.join(f"{c:08b}" for c in secret).encode()
        yield Variant("binary", text, len(text) / max(1, len(secret)))


def dumped(secret: bytes) -> Iterator[Variant]:
    """Lists of its bytes as numbers, however they are set apart; for texts without separators."""
    for code in ("{:02x}", "0x{:02x}", "\\x{:02x}", "{}", "{:03}", "ch{}", "{:03o}"):
        text = squeeze("".join(map(code.format, secret)).encode())
        yield Variant("numbers", text, len(text) / max(1, len(secret)), caseless=True)


def coded_pieces(secret: bytes) -> Iterator[Variant]:
    """Base64 and Base32 at each alignment, however they are set apart; for such texts as well."""
    forms = (*base64_forms(secret, "base64", windows=True), *_base32(secret, range(5)))
    squeezed = ((form, squeeze(form.text)) for form in forms)
    size = max(1, len(secret))
    yield from dict.fromkeys(replace(f, text=text, unit=len(text) / size) for f, text in squeezed)


def _nested(secret: bytes) -> Iterator[Variant]:
    """Two layers of the common encodings, for values too short for the decode pass."""
    for inner in base64_forms(secret, ""):
        for outer in base64_forms(inner.text, "base64(base64)"):
            yield Variant(outer.codec, outer.text, 16 / 9)
        yield Variant("hex(base64)", inner.text.hex().encode(), 8 / 3, caseless=True)
    for text in (secret.hex(), secret.hex().upper()):
        for outer in base64_forms(text.encode(), "base64(hex)"):
            yield Variant(outer.codec, outer.text, 8 / 3)


_BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _base58(secret: bytes) -> bytes:
    number = int.from_bytes(secret, "big")
    digits = bytearray()
    while number:
        number, digit = divmod(number, 58)
        digits.append(_BASE58[digit])
    return bytes(reversed(digits))
