"""The look at a small message that the event loop can afford.

What a message costs to scan is not told by its size: 800 bytes may decode to megabytes. So a small
one is looked at under bounds that no ordinary message meets and that take well under a millisecond;
one that meets any of them is scanned anew in a thread, under the real ones. The findings are the
same: whatever a bound keeps from being looked at is told as a finding.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace

from botbottle.dlp import Finding, Limits, Scanner

# Of a message; an ordinary one of 16 kB decodes some hundred bytes in 0.05 ms.
_LEAST = Limits(
    decoded=8 * 1024, events=128, candidates=256, confirmed=32, findings=16, runs=64, seconds=0.0003
)


def glancing(scanner: Scanner) -> Scanner:
    """``scanner`` under bounds that the event loop can afford, and no wider than its own. It
    remembers in the same place what is clean."""
    own, quick = scanner.limits, copy.copy(scanner)
    quick.limits = replace(
        own,
        decoded=min(own.decoded, _LEAST.decoded),
        events=min(own.events, _LEAST.events),
        candidates=min(own.candidates, _LEAST.candidates),
        confirmed=min(own.confirmed, _LEAST.confirmed),
        findings=min(own.findings, _LEAST.findings),
        runs=min(own.runs, _LEAST.runs),
        seconds=min(own.seconds, _LEAST.seconds),
        seconds_per_mb=0.0,
    )
    return quick


def settled(found: Iterable[Finding]) -> bool:
    """Whether no bound was met, so that the real ones would find nothing else."""
    return all(finding.of_value for finding in found)
