"""Assignments whose key says "secret" and whose value looks random.

Such a hit is never more than `supervise`: nothing but a name and the look of the value supports
it. What prose, tests and fixtures also contain (a plain password, a hash under the name "key") is
`warn`: it is logged, it stops nothing.
"""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

import re
import string

from botbottle.dlp.checks import b64_lenient, has_digit, mixed, mixed_case
from botbottle.dlp.entropy import shannon
from botbottle.dlp.findings import Verdict
from botbottle.dlp.placeholders import is_placeholder
from botbottle.dlp.rules.connect import real_password
from botbottle.dlp.rules.model import Context, Rule, token
from botbottle.dlp.wordlike import wordlike

_HEX = frozenset(string.hexdigits.encode())
_HEX_GROUPS = _HEX | {ord("-")}  # UUIDs, and what vendors put together from hex
_DIGESTS = (b"sha256", b"sha512", b"sha1", b"md5", b"sha384")
_ALGORITHM = re.compile(
    rb"(?i)hmac|pbkdf|sha[1235]|utf_?8|iso_?8859|ed25519|x509|nid_|base64|aes_?\d"
)
# Names in which only the ends of words are numbers: gss_krb5_rfc1964_keydata.
_IDENTIFIER = re.compile(
    rb"(?:[a-z]{2,}\d{0,4}_){2,}[a-z]{2,}\d{0,4}|(?:[A-Z]{2,}\d{0,4}_){2,}[A-Z]{2,}\d{0,4}"
)
_UUID = re.compile(rb"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Keys and tokens that are no secrets: map keys, cursors, public halves, checksums.
_HARMLESS = re.compile(
    rb"(?i)(?:next|page|paging|continuation|csrf|xsrf|authenticity|sync|cursor|resume|start|public|pub|primary|"
    rb"foreign|cache|partition|sort|object|row|registry|host|hot|map|dict|lookup|index|storage|"
    rb"idempotency|dedup|checksum|integrity|cancel|verify|known|resource|change|client[_\-]?request|lifecycle[_\-]?action)[_\-. ]?(?:page)?[_\-. ]?(?:token|key)|"
    rb"signature|(?:key|cred(?:ential)?s?)[_\-]?id|fingerprint|thumbprint|digest"
)
_PLAIN_KEY = re.compile(rb"(?i)(?:^|[+/])(?:key|auth|id)[^a-z]*$")
_NAME = re.compile(rb"([\w+/\-]{14,96})[^\w+/\-]*(?:\\+[nrt][^\w+/\-]*)*$")
# As crypt(5) and those after it begin.
_HASH = re.compile(rb"\$(?:[1-7]|2[abxy]|y|gy|sha1|argon2\w{1,2}|scrypt|pbkdf2[\w\-]*)\$")
_PUBLIC = (
    b"MFkwEwYHKoZIzj0",
    b"MIIBIjANBgkq",
    b"MIICIjANBgkq",
    b"MCowBQYDK2Vw",
    b"AAAAB3Nz",
    b"AAAAC3Nz",
    b"AAAAE2Vj",
    b"LS0tLS1CRUdJTiBDRVJU",
    b"OBF:",
)
NAMED = re.compile(
    rb"(?i)secret|pass|pwd|cred|bearer|token|(?:api|app|application|access|private|client|auth|encryption|signing|master|"
    rb"refresh|session|admin|account|license|licence|subscription|integration|ingest(?:ion)?|webhook|deploy|"
    rb"service|server|developer|routing|unseal)[_.\- ]?key"
)

Q = r"\\*[\"'\x60]"
WS = r"(?:\s|\\[nrt])"
_ASSIGNED = (
    rf"\*{{0,2}}(?:{Q})?[\])}}]?\*{{0,2}}(?:{WS}{{0,32}}(?:[=\-]?>|:=|\?=|[=:]{{1,3}}|\|)\*{{0,2}}{WS}{{0,4}}(?:[a-zA-Z$@]{{0,2}}(?:{Q}){{1,2}})?"
    rf"|{WS}{{0,2}}[,(]{WS}{{0,4}}[a-zA-Z@]{{0,2}}(?:{Q}){{1,2}}|[ \t]{{1,8}}{Q}"
    rf"|{WS}{{1,4}}value\s?=\s?{Q}|(?:{WS}{{0,3}}\{{|\s?:\s?[\w.\[\]| ]{{1,30}}= ?\w{{1,30}}\().{{0,80}}?(?:default|value)\s{{0,8}}=\s{{0,3}}{Q})"
)
_SOURCE = "Names that configuration formats and programs give to secrets"
KEY = r"(?i:secret|token|key|auth|passw(?:or)?d|passphrase|pwd|creds?|credentials?|bearer|salt)[\w.\-]{0,24}"
# What the engine looks for: as few states as can be, since names like "key" are everywhere, and
# none that stays alive: behind a name in a megabyte of Base32 it made the pass six times as long.
_NAMES = r"(?i:secret|token|key|auth|passw(?:or)?d|passphrase|pwd|creds?|credentials?|bearer|salt)"
_NEAR = (
    _NAMES
    + r"[\w.\-]{0,24}[\"'\x60*\\]*[\])}]?[\s\\nrt]*(?:-?[=:>?|]+[*\s\\nrt]*(?:[a-zA-Z$@]{0,2}[\\\"'\x60]+)?"
    r"|[,(][\s\\nrt]*[a-zA-Z@]{0,2}[\\\"'\x60]+|[\"'\x60])[A-Za-z0-9_\-+/=.~]{16}"
)
_DEFAULT = r"(?:default|value)\s{0,8}=\s{0,3}\\*[\"'\x60][A-Za-z0-9_\-+/=.~]{16}"
_AHEAD, _LONGEST = 16, 200  # characters of a value: when the engine reports it, and all of it
_FAR = 4096  # bytes in which a digit or the end of the value is looked for
_STOP = re.compile(rb"[^A-Za-z_\-+/=.~]")
_CALLED = r"(?i:passw(?:or)?d|pwd|passphrase|secret_?key)"
_UNQUOTED = r"(?:[ \t]{0,3}[:=][ \t]{1,3}|[ \t]{1,3}=|=|>)"
_END = r"(?:[ \t]{0,3}(?:[\r\n<#]|\\|[\"']|$))"
_FLAG = r"--[\w\-]{0,30}(?:token|key|secret|password|auth)[\w\-]{0,12}[ =]{1,2}"


def has_value(surface: memoryview, end: int) -> int | None:
    """None where the value whose first characters end at ``end`` has a digit: without one it is a
    name, and most of what stands behind names like "key" are names."""
    stop = _STOP.search(surface, max(0, end - _AHEAD), end + _FAR)
    place = stop.start() if stop else min(len(surface), end + _FAR)
    if stop is not None and not stop[0].isdigit():
        return max(end, place)
    if stop is not None and place < end + _LONGEST:
        return None
    return max(end, place - _LONGEST)


def random_looking(value: bytes) -> bool:
    """Letters and digits throughout, no words, no path, no name of an algorithm."""
    if not _dense(value) or value.count(b".") > 2 or value.count(b"/") > 4:
        return False
    if all(c in _HEX_GROUPS for c in value):
        return shannon(value) >= 3.0
    if value.lower().startswith(_DIGESTS) or _ALGORITHM.search(value) or wordlike(value):
        return False
    if _IDENTIFIER.fullmatch(value):
        return False
    return shannon(value) >= (3.9 if len(value) >= 24 else 3.4)


def _dense(value: bytes) -> bool:
    """Letters and two digits; a long value of both cases needs but one."""
    return mixed(value) and (has_digit(value) or (len(value) >= 24 and mixed_case(value)))


def assigned(lead: bytes, value: bytes) -> Verdict | None:
    """The verdict on ``value`` behind the key and operator ``lead``."""
    if not random_looking(value) or is_placeholder(value):
        return Verdict.WARN if mixed(value) and has_digit(value) and len(value) >= 24 else None
    if _HARMLESS.search(lead) or value.startswith(_PUBLIC):
        return None
    if spelled(value) or _behind_noise(lead):
        return Verdict.WARN
    if NAMED.search(lead) and not _PLAIN_KEY.search(lead):
        return Verdict.SUPERVISE
    if _UUID.fullmatch(value) or all(c in _HEX for c in value) or len(value) < 24:
        return Verdict.WARN
    return Verdict.SUPERVISE if mixed(value) and shannon(value) >= 4.0 else Verdict.WARN


def _behind_noise(lead: bytes) -> bool:
    """The key is a part of a random word, as in lists of Base64, whose padding looks like "="."""
    name = _NAME.search(lead)
    return name is not None and mixed_case(name[1]) and not wordlike(name[1])


def password(lead: bytes, value: bytes) -> Verdict | None:
    """A chosen password warns; one with three kinds of characters and no word is supervised."""
    del lead
    if (
        not readable(value)
        or not real_password(value)
        or shannon(value) < 2.2
        or is_placeholder(value)
    ):
        return None
    plain = spelled(value) or value.startswith(_PUBLIC) or _HASH.match(value) is not None
    return Verdict.SUPERVISE if _strong(value) and not plain else Verdict.WARN


def line_password(lead: bytes, value: bytes) -> Verdict | None:
    """As :func:`password`, where programs have the names of their variables: a word says nothing."""
    verdict = password(lead, value)
    return verdict if verdict is Verdict.SUPERVISE or has_digit(value) else None


def readable(value: bytes) -> bool:
    """Printable text: what a decoder makes of random data holds "pwd=" now and then."""
    text = value.decode(errors="replace")
    return text.isprintable() and "\ufffd" not in text


def spelled(value: bytes) -> bool:
    """Base64 of readable text, which is a document or an example more often than a key."""
    text = b64_lenient(value)
    return len(text) >= 8 and all(32 <= c < 127 or c in b"\t\r\n" for c in text)


def _strong(value: bytes) -> bool:
    kinds = (bytes.islower, bytes.isupper, bytes.isdigit)
    count = sum(any(kind(bytes([c])) for c in value) for kind in kinds)
    calls = any(c in b"()[]{}<>,;" for c in value) or value.count(b".") > 1
    return len(value) >= 8 and count == 3 and not calls and not wordlike(value)


RULES: tuple[Rule | Context, ...] = (
    token("generic.secret", rf"{KEY}{_ASSIGNED}([A-Za-z0-9_\-+/=.~]{{16,200}})", "secret", "token", "key", "auth", "pass", "pwd", "cred", "bearer", "salt", anchor=_NEAR, also=(_DEFAULT,), glance=has_value, before=200, after=220, source=_SOURCE, verdict=Verdict.SUPERVISE, judge=assigned, placeholders=False),
    token("generic.flag", rf"{_FLAG}{Q}?([A-Za-z0-9_\-+/=.~]{{16,200}})", "token", "key", "secret", "password", "auth", before=100, after=220, glance=has_value, source="Command lines: --api-key VALUE", verdict=Verdict.SUPERVISE, judge=assigned, placeholders=False),
    token("generic.password", rf"(?i:passw(?:or)?d|pwd|passphrase|secret)[\w\-]{{0,12}}(?:{Q})?{WS}{{0,3}}(?:=>|:=|[=:]){WS}{{0,3}}{Q}([^\s\"'\\]{{6,80}})", "passw", "pwd", "passphrase", "secret", anchor=rf"(?i:passw(?:or)?d|pwd|passphrase|secret)[\w\-]{{0,12}}(?:\\{{0,3}}[\"'])?{WS}{{0,3}}(?:=>|:=|[=:]){WS}{{0,3}}\\{{0,3}}[\"'\x60][^\s\"'\\]{{6}}", source=_SOURCE, verdict=Verdict.SUPERVISE, judge=password, placeholders=False),
    token("generic.bare-password", r"(?i:passw(?:or)?d|pwd|passphrase)=([^\s\"'\\&;,<>(){}$]{8,80})", "passw", "pwd", "passphrase", source="Environment files, properties, JDBC URLs: password=VALUE", verdict=Verdict.SUPERVISE, judge=password, placeholders=False),
    token("generic.line-password", rf"{_CALLED}{_UNQUOTED}([^\s\"'\\&;,<>(){{}}$]{{8,120}}){_END}", "passw", "pwd", "passphrase", "secret", anchor=rf"{_CALLED}{_UNQUOTED}[^\s\"'\\&;,<>(){{}}$]{{8}}", source="YAML, ini, properties, XML: the rest of the line is the value", verdict=Verdict.SUPERVISE, judge=line_password, placeholders=False),
    token("generic.command-password", rf"(?:(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n\\]{{0,80}}?\s-p|sshpass\s{{1,3}}-p\s{{0,3}})(?:{Q})?([^\s\"'\\$<]{{8,60}})", "mysql", "mariadb", "sshpass", source="MySQL and sshpass manuals: -pPASSWORD", verdict=Verdict.SUPERVISE, judge=password, placeholders=False),
)  # fmt: skip
