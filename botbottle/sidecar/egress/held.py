"""Judges a response that was held back whole: whether it passes, and as what.

Pure, and made for a thread: a short body may take long to decode and to look into.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from botbottle.dlp import Finding
from botbottle.meter.decode import Undecodable
from botbottle.sidecar.egress.active import Active
from botbottle.sidecar.egress.beginning import ORDERS, UNREAD
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.inbound import blocked
from botbottle.sidecar.egress.returning import EchoInEncodedBody, Tee, tee_of

_ECHO = Denial(
    "upstream-protocol", "the response repeats a credential where it cannot be overwritten"
)


@dataclass(frozen=True, slots=True)
class Judged:
    """``body``: what passes instead of what came, unless ``denial`` says that nothing does."""

    found: tuple[Finding, ...]
    denial: Denial | None = None
    body: bytes = field(default=b"", repr=False)


def judge(policy: Active, detectors: frozenset[str], coding: str, raw: bytes) -> Judged:
    """Look for orders and for real credentials inside all codings of a body."""
    found = policy.scanner.scan_response((), raw, "", coding, detectors)
    if blocked(found):
        unseen = any(f.rule == "undecodable" for f in found)
        return Judged(found, UNREAD if unseen else ORDERS)
    try:
        body = _through(tee_of(None, policy.scrubber, coding, None), raw) if raw else b""
    except EchoInEncodedBody:
        return Judged(found, _ECHO)
    except Undecodable:
        return Judged(found, UNREAD)
    return Judged(found, body=body)


def _through(tee: bool | Tee, raw: bytes) -> bytes:
    """The whole body as it comes out of a tee."""
    if isinstance(tee, bool):
        return raw
    out = b""
    for piece in (raw, b""):
        passed = tee(piece)
        out += passed if isinstance(passed, bytes) else b"".join(passed)
    return out
