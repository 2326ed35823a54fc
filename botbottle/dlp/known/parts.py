"""Which parts of a value are secret.

A GitHub token starts ``ghp_``, every JWT with the same header starts with the same 36 bytes, a
PEM key has armor lines and a PKCS#8 preamble, a service account file is mostly field names. A
match on such a public part alone is no leak. So a value is first cut into *segments*, and each
segment says from which byte on it is secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from botbottle.dlp.entropy import shannon

_ARMOR = re.compile(rb"-----[A-Z0-9 _-]+-----")
_VENDOR = re.compile(rb"(?:[A-Za-z]{2,12}\d{0,2}[-_.:]){1,4}")
_JOSE = re.compile(rb"eyJ[A-Za-z0-9_-]*\.")
_DER = re.compile(rb"M[A-Z][A-Za-z0-9+/]{2,6}(?:IBAD|IBAA|CAQEE)[A-Za-z0-9+/]{0,28}")
_OPENSSH = re.compile(rb"b3BlbnNzaC1rZXktdjEA[A-Za-z0-9+/]{0,80}")
_TOKENS = re.compile(rb"[A-Za-z0-9+/=_\-.~]{16,}")
_STRUCTURED = re.compile(rb"[\s{}\"<>;]|://")

WEAK_BITS = 28.0  # below this, a guess is as likely as a leak
SHORT = 8


@dataclass(frozen=True, slots=True)
class Segment:
    """A contiguous secret string; bytes before ``public`` are shared by many values."""

    text: bytes
    public: int = 0


def segments(value: bytes) -> tuple[Segment, ...]:
    """The strings to look for. A plain token is one segment; structured text is several."""
    value = value.strip()
    if not value:
        return ()
    if not _STRUCTURED.search(value):
        return (Segment(value, _public_prefix(value)),)
    body = _ARMOR.sub(b" ", value).replace(b"\\n", b" ")
    found = [m.group() for m in _TOKENS.finditer(body) if shannon(m.group()) >= 3.3]
    parts = tuple(Segment(text, _public_prefix(text)) for text in found)
    if len(value) <= 512 and not _ARMOR.search(
        value
    ):  # a passphrase or a connection string: also as a whole
        return (Segment(value, _public_prefix(value)), *parts)
    return parts or (Segment(value, 0),)


def _public_prefix(text: bytes) -> int:
    """Length of the leading part that is the same for many values; leaves at least 12 bytes."""
    for pattern in (_OPENSSH, _JOSE, _DER, _VENDOR):
        match = pattern.match(text)
        if match is not None:
            return min(match.end(), max(0, len(text) - 12))
    return 0


def weak(text: bytes) -> bool:
    """True for values so short or plain that windows of them would match ordinary text."""
    word = text.isalpha() and text.islower() and len(text) < 2 * SHORT
    return len(text) < SHORT or word or shannon(text) * len(text) < WEAK_BITS
