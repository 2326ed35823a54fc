"""Detector names and the bounds every scan works under."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TOKEN_PATTERNS: Final = "token_patterns"  # noqa: S105
KNOWN_SECRETS: Final = "known_secrets"
ENTROPY: Final = "entropy"
NAIVE_INJECTION: Final = "naive_injection_detection"
INJECTION_HEURISTICS: Final = "injection_heuristics"

OUTBOUND: Final = frozenset({TOKEN_PATTERNS, KNOWN_SECRETS})
OUTBOUND_ALL: Final = OUTBOUND | {ENTROPY}
INBOUND: Final = frozenset({NAIVE_INJECTION})
INBOUND_ALL: Final = INBOUND | {INJECTION_HEURISTICS}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds per message; reaching one is itself a finding, so nothing slips past unseen.

    Sizes in bytes, time in seconds of the scanning thread's own CPU time, and
    ``seconds_per_mb`` more for each 10**6 bytes of a surface. ``events`` bounds the raw engine
    hits of the pass for held secrets, ``candidates`` those of the rules (and one more for each 64
    bytes), ``confirmed`` those of them that a regex looks at, ``findings`` what is reported,
    ``depth`` the decode layers below the surface.
    """

    body: int = 16 * 1024 * 1024
    decoded: int = 8 * 1024 * 1024
    ratio: int = 100
    depth: int = 6
    events: int = 1024
    candidates: int = 4096
    confirmed: int = 1024
    findings: int = 256
    runs: int = 4096
    seconds: float = 0.1
    seconds_per_mb: float = 0.05


FALLBACK_BODY: Final = 1024 * 1024  # the fallback engine runs at 20-40 MB/s
