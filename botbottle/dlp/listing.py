"""The list of findings of one message: its order, and what is left out of a long one.

An agent can make any number of findings, and somebody may let some of them pass. So what is left
out is chosen with care: the weaker before the stronger, repeats before what is new, and bounds
that were reached (findings without a value) never.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from botbottle.dlp.findings import Finding, strength

_ROOT = re.compile(r"[>:]")  # what comes behind a surface's kind in a location


def order(finding: Finding) -> tuple[int, str, int]:
    """Sort key: strongest first, then by place."""
    return strength(finding.verdict), finding.location, finding.offset


def shortened(
    findings: Sequence[Finding], limit: int
) -> tuple[Sequence[Finding], Sequence[Finding]]:
    """(at most ``limit`` findings, those left out), both in no particular order.

    Among equally strong ones the first of each rule, value and location goes before repeats.
    """
    if len(findings) <= limit:
        return findings, ()
    seen = set[tuple[str, str, str]]()
    ranked = list[tuple[int, bool, Finding]]()
    for finding in sorted(findings, key=order):
        what = (finding.rule, finding.fingerprint, finding.location)
        ranked.append((strength(finding.verdict), what in seen, finding))
        seen.add(what)
    ranked.sort(key=lambda row: row[:2])
    chosen = [finding for _, _, finding in ranked]
    return chosen[:limit], chosen[limit:]


def fewer(bounds: Sequence[Finding], limit: int) -> Iterable[Finding]:
    """The bounds; when more than ``limit``, the strongest of each rule and kind of surface."""
    if len(bounds) <= limit:
        return bounds
    weakest_first = sorted(bounds, key=order, reverse=True)
    return {(b.rule, _ROOT.split(b.location)[0]): b for b in weakest_first}.values()
