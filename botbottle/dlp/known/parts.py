"""Which parts of a value are secret.

A GitHub token starts ``ghp_``, every JWT with the same header starts with the same 36 bytes, a
PEM key has armor lines and a PKCS#8 preamble, a service account file is mostly field names. A
match on such a public part alone is no leak. So a value is first cut into *segments*, and each
segment says from which byte on it is secret.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from botbottle.dlp.checks import mixed
from botbottle.dlp.entropy import shannon
from botbottle.dlp.wordlike import wordlike

_ARMOR = re.compile(rb"-----[A-Z0-9 _-]+-----")
_VENDOR = re.compile(rb"(?:[A-Za-z]{2,12}\d{0,2}[-_.:]){1,4}")
# The claims of a signed token are much the same in every token of an issuer, and prove nothing.
_JOSE = re.compile(rb"eyJ[A-Za-z0-9_-]*\.(?:eyJ[A-Za-z0-9_-]*\.(?=[A-Za-z0-9_-]{20}))?")
_USERINFO = re.compile(rb"[A-Za-z][\w+.\-]*://[^\s:/@]*:([^\s@]+)@")
_LOGIN = re.compile(rb"([^\s:/@]{1,64}(?:@[^\s:/@]{1,100})?):[^\s:]{8,}")
_CREDENTIAL = re.compile(r"(?i)(?:key|secret|token|passw(?:or)?d|auth|credential|assertion)$")
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
    inner = _members(value) if value.startswith(b"{") else _passwords(value)
    if inner:
        return tuple(part for text in inner for part in segments(text))
    body = _ARMOR.sub(b" ", value).replace(b"\\n", b" ")
    found = [m.group() for m in _TOKENS.finditer(body) if shannon(m.group()) >= 3.3]
    parts = tuple(Segment(text, _public_prefix(text)) for text in found)
    if len(value) <= 512 and not _ARMOR.search(
        value
    ):  # a passphrase or a connection string: also as a whole
        return (Segment(value, _public_prefix(value)), *parts)
    return parts or (Segment(value, 0),)


def _members(value: bytes) -> list[bytes]:
    """What a document calls a key, a token, a password, and what looks like one: names of accounts
    and addresses stand beside them, and are in ordinary requests."""
    try:
        waiting = [("", json.loads(value))]
    except (ValueError, RecursionError):
        return []
    found: list[bytes] = []
    while waiting:
        name, each = waiting.pop()
        if isinstance(each, dict):
            waiting += each.items()
        elif isinstance(each, list):
            waiting += ((name, one) for one in each)
        elif isinstance(each, str) and _kept(name, each.encode()):
            found.append(each.encode())
    return found


def _kept(name: str, text: bytes) -> bool:
    random = bool(_TOKENS.fullmatch(text)) and mixed(text) and not wordlike(text)
    return not weak(text) and (random or _CREDENTIAL.search(name) is not None)


def _passwords(value: bytes) -> list[bytes]:
    """Those in URLs, where none is so plain that it is in other texts: hosts are no secrets."""
    raw = _USERINFO.findall(value)
    found = list(dict.fromkeys([*raw, *map(unquote_to_bytes, raw)]))
    return [] if any(map(weak, found)) else found


def _public_prefix(text: bytes) -> int:
    """Length of the leading part that is the same for many values; leaves at least 12 bytes."""
    login = _LOGIN.fullmatch(text)
    if login and _name(login[1]):
        return login.end(1) + 1
    for pattern in (_OPENSSH, _JOSE, _DER, _VENDOR):
        match = pattern.match(text)
        if match is not None:
            return min(match.end(), max(0, len(text) - 12))
    return 0


def _name(user: bytes) -> bool:
    """Whose password follows: an address, or words; keys stand in that place, too."""
    return b"@" in user or len(user) < SHORT or (len(user) <= 40 and wordlike(user))


def weak(text: bytes) -> bool:
    """True for values so short or plain that windows of them would match ordinary text."""
    word = text.isalpha() and text.islower() and len(text) < 2 * SHORT
    return len(text) < SHORT or word or shannon(text) * len(text) < WEAK_BITS
