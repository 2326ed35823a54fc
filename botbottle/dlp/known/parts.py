"""Which parts of a value are secret.

A GitHub token starts ``ghp_``, every JWT with the same header starts with the same 36 bytes, a
PEM key has armor lines and a PKCS#8 preamble, a service account file is mostly field names. A
match on such a public part alone is no leak. So a value is first cut into *segments*, and each
segment says from which byte on it is secret.
"""

from __future__ import annotations

import base64
import json
import re
from contextlib import suppress
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
_PUBLIC = re.compile(
    r"(?i)(?:^|[^a-z])(?:type|id|name|user|username|user ?id|uid|login|e?mail|host|hostname|server"
    r"|port|ur[il]|endpoint|endpoint ?suffix|data ?source|issuer|iss|aud|audience|domain|region"
    r"|zone|project|account|account ?name|tenant|database|initial ?catalog|scopes?|alg|kid|kty"
    r"|expir[a-z]*|version|encrypt|[a-z]*timeout|[a-z]*protocol)$"
)
_PAIRS = re.compile(rb"(?:[A-Za-z][\w .\-]{0,40}=[^;\n]*;?){2,}")
_ADDRESS = re.compile(rb"([A-Za-z][\w+.\-]*://[^\s/?#@]+/)[^\s]*")
_DER = re.compile(rb"M[A-Z][A-Za-z0-9+/]{2,6}(?:IBAD|IBAA|CAQEE)[A-Za-z0-9+/]{0,28}")
_OPENSSH = re.compile(rb"b3BlbnNzaC1rZXktdjEA[A-Za-z0-9+/]{0,80}")
_WORD = re.compile(rb"[A-Za-z0-9]{16,}")
_TOKENS = re.compile(rb"[A-Za-z0-9+/=_\-.~]{16,}")
_BLANK = re.compile(rb"\s")
_STRUCTURED = re.compile(rb"[\s{}\"<>;]|://")

WEAK_BITS = 28.0  # below this, a guess is as likely as a leak
SHORT = 8


@dataclass(frozen=True, slots=True)
class Segment:
    """A contiguous secret string; bytes before ``public`` are shared by many values. ``whole``:
    nothing but all of it is a leak, for what is secret in it is a word."""

    text: bytes
    public: int = 0
    whole: bool = False


def segments(value: bytes) -> tuple[Segment, ...]:
    """The strings to look for. A plain token is one segment; structured text is several."""
    value = value.strip()
    if not value:
        return ()
    if not _STRUCTURED.search(value):
        return _one(value, _public_prefix(value))
    login = _USERINFO.match(value)
    if login and weak(login[1]) and not _BLANK.search(value):
        return _one(value, login.start(1), login.end(1))
    inner = _inner(value)
    if inner and not all(map(weak, inner)):
        return tuple(part for text in inner for part in segments(text))
    address = _ADDRESS.fullmatch(value)
    if address and len(value) - address.end(1) >= 12 and not _random(address[1]):
        return (Segment(value, address.end(1)),)
    body = _ARMOR.sub(b" ", value).replace(b"\\n", b" ")
    found = [m.group() for m in _TOKENS.finditer(body) if shannon(m.group()) >= 3.3]
    parts = tuple(Segment(text, _public_prefix(text)) for text in found)
    if len(value) <= 512 and not _ARMOR.search(
        value
    ):  # a passphrase or a connection string: also as a whole
        return (Segment(value, _public_prefix(value)), *parts)
    return parts or (Segment(value, 0),)


def _one(value: bytes, public: int, end: int | None = None) -> tuple[Segment, ...]:
    """A value that is secret from ``public`` to ``end``."""
    secret = value[public:end]
    if value[:public].endswith(b":") and weak(secret):  # the password of a login
        return (Segment(value, public, whole=True), Segment(secret))
    return (Segment(value, public),)


def _inner(value: bytes) -> list[bytes]:
    """The values inside a document, a connection string or an address that has a password."""
    if value.startswith(b"{"):
        try:
            return _members(json.loads(value))
        except (ValueError, RecursionError):
            return []
    if value.isascii() and _PAIRS.fullmatch(value):
        pairs = (pair.partition("=") for pair in value.decode().split(";"))
        return _members({name: text for name, _, text in pairs})
    return _passwords(value)


def _members(document: object) -> list[bytes]:
    """All but what is named after what everybody may know: names of accounts and addresses stand
    beside keys, and are in ordinary requests."""
    waiting = [("", document)]
    found: list[bytes] = []
    while waiting:
        name, each = waiting.pop()
        if isinstance(each, dict):
            waiting += each.items()
        elif isinstance(each, list):
            waiting += ((name, one) for one in each)
        elif isinstance(each, str) and _kept(name, text := each.encode("utf-8", "surrogatepass")):
            found.append(text)
    return found


def _kept(name: str, text: bytes) -> bool:
    if _CREDENTIAL.search(name):
        return True
    return not weak(text) and (_random(text) or _PUBLIC.search(name) is None)


def _random(text: bytes) -> bool:
    """Whether it is, or has among its words, what looks like a key."""
    words = [text, *_WORD.findall(text)]
    return any(_TOKENS.fullmatch(word) and mixed(word) and not wordlike(word) for word in words)


def _passwords(value: bytes) -> list[bytes]:
    """Those in URLs, where none is so plain that it is in other texts: hosts are no secrets."""
    raw = _USERINFO.findall(value)
    found = list(dict.fromkeys([*raw, *map(unquote_to_bytes, raw)]))
    return [] if any(map(weak, found)) else found


def _public_prefix(text: bytes) -> int:
    """Length of the leading part that is the same for many values; leaves at least 12 bytes."""
    login = _login(text)
    if login:
        return login
    with suppress(ValueError):  # the same as a header has it
        login = _login(base64.b64decode(text, validate=True))
        if login:
            return login * 4 // 3
    for pattern in (_OPENSSH, _JOSE, _DER, _VENDOR):
        match = pattern.match(text)
        if match is not None:
            return min(match.end(), max(0, len(text) - 12))
    return 0


def _login(text: bytes) -> int:
    """Bytes of a login up to its password; 0 for what is none."""
    login = _LOGIN.fullmatch(text)
    return login.end(1) + 1 if login and _name(login[1]) else 0


def _name(user: bytes) -> bool:
    """Whose password follows: an address, or words; keys stand in that place, too."""
    return b"@" in user or len(user) < SHORT or (len(user) <= 40 and wordlike(user))


def weak(text: bytes) -> bool:
    """True for values so short or plain that windows of them would match ordinary text."""
    word = text.isalpha() and text.islower() and len(text) < 2 * SHORT
    return len(text) < SHORT or word or shannon(text) * len(text) < WEAK_BITS
