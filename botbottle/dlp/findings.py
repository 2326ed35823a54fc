"""What a scan says: verdicts and findings, never the matched text.

A finding can be logged, stored and shown to an operator. It identifies the secret only by a
keyed fingerprint, so that the same value can be recognised (for an allowlist, for counting)
without being recoverable by anybody who lacks the key.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


class Verdict(enum.StrEnum):
    """What a finding asks for, strongest first."""

    BLOCK = "block"  # known secrets, CR/LF injection, undecodable or oversized bodies
    TOKEN = "token"  # noqa: S105  # an anchored token: the route's `outbound_on_match` decides
    SUPERVISE = "supervise"  # generic assignments, bounds reached: an operator decides
    WARN = "warn"  # worth a log line, never stops a request


_DIGITS = 16  # 64 bits: an agent that may try values for weeks meets no approved one by chance
NOTHING: Final = "0" * _DIGITS
LEFT_OUT: Final = "limit.findings"  # the rule that says that not all findings are listed

_ORDER = {v: i for i, v in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One hit.

    ``location`` names the surface (``url``, ``host``, ``path``, ``header:<name>`` (a name that
    may be a value is not told), ``body``, ``response body``), followed by ``>layer`` for
    each decoding that led to it (``body>base64``). ``offset`` and ``length`` are bytes in that
    surface *as sent*; for a hit inside a decoded layer they span the encoded run. ``fingerprint``
    is 16 hex digits of a keyed HMAC-SHA-256 of the secret; all zeros where there is none (a bound
    was reached). ``allowed``:
    who let it pass and why, where it was.
    """

    verdict: Verdict
    rule: str
    location: str
    offset: int
    length: int
    fingerprint: str
    allowed: str = ""

    @property
    def end(self) -> int:
        """Offset of the first byte after the hit."""
        return self.offset + self.length

    @property
    def of_value(self) -> bool:
        """Whether it is about a value that can be told again by its fingerprint."""
        return self.fingerprint != NOTHING

    @property
    def layered(self) -> bool:
        """True when the hit was seen only after decoding; such a hit cannot be cut out."""
        return ">" in self.location


def strength(verdict: Verdict) -> int:
    """Rank of a verdict; 0 is the strongest."""
    return _ORDER[verdict]


def strongest(findings: Iterable[Finding]) -> Verdict | None:
    """The verdict that decides a message, or None for a clean one."""
    return min((f.verdict for f in findings), key=strength, default=None)


def fingerprint(key: bytes, secret: bytes) -> str:
    """16 hex digits of HMAC-SHA-256(key, secret); NOTHING for an empty one."""
    if not secret:
        return NOTHING
    return hmac.new(key, secret, hashlib.sha256).hexdigest()[:_DIGITS]
