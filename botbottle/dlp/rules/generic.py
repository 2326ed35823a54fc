"""Assignments whose key says "secret" and whose value looks random.

Such a hit is never more than `supervise`: nothing but a name and entropy supports it. The wide
forms that prose and fixtures also contain are `warn`: they are logged, they stop nothing.
"""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

import string

from botbottle.dlp.checks import has_digit, mixed
from botbottle.dlp.entropy import shannon
from botbottle.dlp.findings import Verdict
from botbottle.dlp.rules.connect import real_password
from botbottle.dlp.rules.model import Context, Rule, context, token

_HEX = frozenset(string.hexdigits.encode())
_KEY_WORDS = (
    "secret creds passwd password passphrase api[_.-]?key apikey api[_.-]?token auth[_.-]?token "
    "access[_.-]?token access[_.-]?key private[_.-]?key client[_.-]?key credential encryption[_.-]?key "
    "signing[_.-]?key bearer[_.-]?token refresh[_.-]?token master[_.-]?key"
)
_VOCABULARY = tuple(
    b"private public generate password exponent register default value token config secret name "
    b"test user file path data type index error string bytes class model state client server "
    b"format object field input output http function number select button table column option "
    b"update create delete request response message template version module package context "
    b"-key key- _key key_ .key key. -for- -to- -and- -the- -of- -callback hash certificate deprecated ed25519 x509 nid_ algorithm digest".split()
)
_SOURCE = "Names that configuration formats give to secrets"


def dense(value: bytes) -> bool:
    """Random enough to be a key: letters and digits throughout, no words, no file path."""
    if not mixed(value) or not has_digit(value) or value.count(b"/") > 3 or value.count(b".") > 2:
        return False
    return shannon(value) >= (3.0 if all(c in _HEX for c in value) else 3.9)


def wordless(value: bytes) -> bool:
    """Dense, and neither a digest nor something spelled out of a programmer's vocabulary."""
    lower = value.lower()
    if lower.startswith((b"sha256", b"sha512", b"sha1", b"md5", b"sha384")):
        return False
    return dense(value) and not any(word in lower for word in _VOCABULARY)


RULES: tuple[Rule | Context, ...] = (
    context("generic.secret", _KEY_WORDS, r"[A-Za-z0-9_\-+/=.~]{20,150}", source=_SOURCE, entropy=3.0, verdict=Verdict.SUPERVISE, check=wordless),
    token("generic.key", r"(?i:key|token|auth|pwd)\w{0,3}\\*[\"']?\s{0,2}(?:=>|:=|[=:])\s{0,2}\\*[\"'\x60]?([A-Za-z0-9_\-+/=.~]{20,150})", "key", "token", "auth", "pwd", anchor=r"(?i:key|token|auth|pwd)\w{0,3}\\{0,3}[\"']?\s{0,2}(?:=>|:=|[=:])\s{0,2}\\{0,3}[\"'\x60]?[A-Za-z0-9_\-+/=.~]{20}", before=100, after=200, source=_SOURCE, entropy=3.4, verdict=Verdict.WARN, check=dense),
    token("generic.password", r"(?i:passw(?:or)?d|pwd|passphrase|secret)[\w\-]{0,12}\\*[\"']?\s{0,3}(?:=>|:=|[=:])\s{0,3}\\*[\"']([^\s\"'\\]{6,80})", "passw", "pwd", "passphrase", "secret", anchor=r"(?i)(?:passw(?:or)?d|pwd|passphrase|secret)[\w\-]{0,12}\\{0,3}[\"']?\s{0,3}(?:=>|:=|[=:])\s{0,3}\\{0,3}[\"'][^\s\"'\\]{6}", source=_SOURCE, verdict=Verdict.WARN, check=real_password, entropy=2.2),
)  # fmt: skip
