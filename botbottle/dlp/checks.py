"""Facts a format lets us verify: checksums and headers that must decode.

A check sees the secret alone and answers whether it may be reported.
"""

from __future__ import annotations

import base64
import binascii
import json

from botbottle.dlp.entropy import shannon
from botbottle.dlp.findings import Verdict
from botbottle.dlp.placeholders import is_placeholder

_JOSE = (
    "alg", "enc", "typ", "kid", "kty", "cty", "jku", "jwk", "x5u", "x5c", "x5t", "crit", "zip",
    "epk", "apu", "apv", "p2s", "p2c", "iv", "tag", "ver", "b64", "url", "nonce", "use",
    "iss", "ppt", "svt",
)  # fmt: skip
_DIGITS = b"0123456789"
_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def crc32_suffix(token: bytes) -> bool:
    """True when the last six characters are the Base62 CRC-32 of the body after ``xxx_``.

    Source: GitHub Engineering, "Behind GitHub's new authentication token formats" (2021): a
    32-bit checksum in the last six digits, Base62, zero-padded; npm's ``npm_`` tokens follow it.
    """
    body, _, rest = token.partition(b"_")
    if not body or len(rest) <= 6:
        return False
    number = binascii.crc32(rest[:-6])
    return _base62(number).rjust(6, b"0") == rest[-6:]


def _base62(number: int) -> bytes:
    digits = bytearray()
    while number:
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return bytes(reversed(digits))


def checksum_or_random(token: bytes) -> bool | Verdict:
    """A valid checksum, or a body too random for prose: fixtures carry wrong checksums.

    A filler in the token's shape is a documentation value.
    """
    if crc32_suffix(token):
        return True
    if is_placeholder(token):
        return Verdict.WARN
    return shannon(token.partition(b"_")[2]) >= 3.0


def jwt(token: bytes) -> bool:
    """True when the first segment is Base64url JSON with a member a JOSE header has.

    Source: RFC 7515 section 4, RFC 7516 section 4, RFC 7517 section 4 and the IANA registry.
    """
    header = b64_lenient(token.split(b".", 1)[0].strip(b"\"'"))
    if not header.lstrip().startswith(b"{"):
        return False
    try:
        fields = json.loads(header)
    except ValueError:
        return any(f'"{name}"'.encode() in header for name in _JOSE)
    return isinstance(fields, dict) and any(k in fields for k in _JOSE)


def b64_lenient(data: bytes) -> bytes:
    """Base64 (either alphabet, padding optional) decoded; b"" when it cannot be."""
    data = data.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    if len(data) % 4 == 1:
        data = data[:-1]
    try:
        return base64.b64decode(data + b"=" * (-len(data) % 4))
    except (binascii.Error, ValueError):
        return b""


def mixed(value: bytes) -> bool:
    """Letters and digits both occur: a value, not an identifier made of words."""
    return bool(_count(value, _DIGITS)) and value.lower() != value.upper()


def mixed_case(value: bytes) -> bool:
    """Upper case, lower case and digits all occur."""
    return bool(_count(value, _DIGITS)) and value != value.lower() and value != value.upper()


def has_digit(value: bytes) -> bool:
    """At least two digits."""
    return _count(value, _DIGITS) >= 2


def _count(value: bytes, members: bytes) -> int:
    return len(value) - len(value.translate(None, members))
