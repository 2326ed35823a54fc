"""Which parts of a value are secret.

A GitHub token starts ``ghp_``, every JWT with the same header starts with the same 36 bytes, a
PEM key has armor lines and a PKCS#8 preamble, a service account file is mostly field names. A
match on such a public part alone is no leak. So a value is first cut into *segments*, and each
segment says from which byte on it is secret. What is surely public is left out, and nothing else.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

from botbottle.dlp.entropy import shannon
from botbottle.dlp.known.guess import SHORT, common, everyday, guessable, named, random, weak, words
from botbottle.dlp.known.inside import URL, inner, plain_login

_ARMOR = re.compile(rb"-----[A-Z0-9 _-]+-----")
_HEX = re.compile(rb"[0-9a-f-]+")  # as a UUID may begin
_VENDOR = re.compile(rb"(?:[A-Za-z]{2,12}\d{0,2}[-_.:]){1,4}")
_FAMILIAR = re.compile(
    rb"sk-(?:ant|proj|or|svcacct|admin)-(?:[a-z]{2,6}\d{1,2}-)?|[sr]k_(?:live|test)_|whsec_|gh[opsur]_"
    rb"|gl[a-z]{2,4}-|xox[abeprs]-|xapp-|npm_|pypi-|dckr_pat_|shp[a-z]{2}_|ya29\."
)
# The claims of a signed token are much the same in every token of an issuer, and prove nothing.
_JOSE = re.compile(rb"eyJ[A-Za-z0-9_-]*\.(?:eyJ[A-Za-z0-9_-]*\.(?=[A-Za-z0-9_-]{20}))?")
_LOGIN = re.compile(rb"([\w.+\-]{1,64}(?:@[\w.\-]{1,100})?):((?!//)[^\s]{8,})")
_ADDRESS = re.compile(rb"([A-Za-z][\w+.\-]*://[^\s/?#@]+/)[^\s]*")
_DER = re.compile(rb"M[A-Z][A-Za-z0-9+/]{2,6}(?:IBAD|IBAA|CAQEE)[A-Za-z0-9+/]{0,28}")
_OPENSSH = re.compile(rb"b3BlbnNzaC1rZXktdjEA[A-Za-z0-9+/]{0,80}")
_TOKENS = re.compile(rb"[A-Za-z0-9+/=_\-.~]{16,}")
_BLANK = re.compile(rb"\s")
_STRUCTURED = re.compile(rb"[\s{}\"<>;]|://")

_ENOUGH = 16  # bytes of a piece
_LEFT = 12  # bytes that a public beginning leaves


@dataclass(frozen=True, slots=True)
class Segment:
    """A contiguous secret string; bytes before ``public`` are shared by many values. ``whole``:
    nothing but all of it is a leak, for what is secret in it can be guessed. ``word``: that, where
    it is a word that is in other texts, too. ``rare``: the end of another one, in whose pieces it
    is found, so that it is looked for in those forms only that have none."""

    text: bytes
    public: int = 0
    whole: bool = False
    word: bool = False
    rare: bool = False


def segments(value: bytes) -> tuple[Segment, ...]:
    """The strings to look for. A plain token is one segment; structured text is several."""
    value = value.strip()
    if not value:
        return ()
    if not _STRUCTURED.search(value):
        return tuple(_unbroken(value))
    return _address(value) or _inside(value) or _text(value)


def _address(value: bytes) -> tuple[Segment, ...]:
    """A URL whose password is a word, and one that is secret behind its host."""
    url = URL.fullmatch(value)
    if url and plain_login(url):
        others = (part for text in inner(value) for part in segments(text))
        whole = Segment(value, url.start("password"), whole=True)
        password = url["password"]
        return (whole, Segment(password, word=common(password)), *others)
    address = _ADDRESS.fullmatch(value)
    if address and len(value) - address.end(1) >= _LEFT and not random(address[1]):
        return (Segment(value, address.end(1)),)
    return ()


def _inside(value: bytes) -> tuple[Segment, ...]:
    texts = inner(value)
    if all(map(weak, texts)):
        return ()
    return tuple(dict.fromkeys(part for text in texts for part in segments(text)))


def _text(value: bytes) -> tuple[Segment, ...]:
    """A key in armor, or a text in which nothing is surely public."""
    body = _ARMOR.sub(b" ", value).replace(b"\\n", b" ")
    found = [m.group() for m in _TOKENS.finditer(body) if shannon(m.group()) >= 3.3]
    parts = tuple(Segment(text, _beginning(text)) for text in found)
    if len(value) <= 512 and not _ARMOR.search(value):  # a passphrase: also as a whole
        return (*_unbroken(value), *parts)
    return parts or (Segment(value, 0),)


def _unbroken(value: bytes) -> Iterator[Segment]:
    """A token, or a login; one whose user is surely a name is secret behind it."""
    for text, unit in ((value, 1.0), (_decoded(value), 4 / 3)):  # the same as a header has it
        login = _LOGIN.fullmatch(text)
        if login and (named(login[1]) or (len(login[1]) < SHORT and guessable(login[2]))):
            word = guessable(login[2])
            yield Segment(value, int(login.start(2) * unit), whole=word)
            if word:
                yield Segment(login[2], word=common(login[2]))
            return
    yield from _token(value)


def _token(value: bytes) -> Iterator[Segment]:
    """What begins like a name or a vendor's prefix may be all secret: then all of it is looked
    for, and what is behind that beginning as well, in every form."""
    if everyday(value):
        yield Segment(value, word=True)
        return
    public = _beginning(value)
    yield Segment(value, public)
    login, vendor = _LOGIN.fullmatch(value), _VENDOR.match(value)
    end = login.start(2) if login else min(vendor.end(), len(value) - _LEFT) if vendor else 0
    if not public and end > 0 and not guessable(value[end:]):
        yield Segment(value[end:], rare=len(value) - end >= _ENOUGH)


def _decoded(value: bytes) -> bytes:
    """Base64 of plain text; random bytes are none."""
    try:
        text = base64.b64decode(value, validate=True)
    except ValueError:
        return b""
    return text if text.isascii() and text.decode().isprintable() else b""


def _beginning(text: bytes) -> int:
    """Length of the leading part that is the same for many values; leaves at least 12 bytes."""
    most = max(0, len(text) - _LEFT)
    for pattern in (_OPENSSH, _JOSE, _DER, _FAMILIAR):
        match = pattern.match(text)
        if match is not None:
            return min(match.end(), most)
    vendor = _VENDOR.match(text)
    return min(vendor.end(), most) if vendor and _usual(vendor[0], text) else 0


def _usual(prefix: bytes, text: bytes) -> bool:
    """Whether it is surely no part of a key: the name of a setting, or words."""
    if _BLANK.search(text):
        return True
    return prefix.islower() and words(prefix) and not _HEX.fullmatch(prefix)
