"""What the scan of one message has to tell: hits, bounds that were reached, pieces of secrets."""

from __future__ import annotations

import time
from functools import cache, partial

from botbottle.dlp.findings import LEFT_OUT, NOTHING, Finding, Verdict, fingerprint, strength
from botbottle.dlp.known.fragments import FragmentMemory, merge
from botbottle.dlp.known.measure import KnownHit
from botbottle.dlp.listing import fewer, order, shortened
from botbottle.dlp.tools import Span, Tools


class Told:
    """Mutable, one thread, one message."""

    def __init__(self, scanner: Tools) -> None:
        self.scanner = scanner
        self._found: list[tuple[Verdict, str, str, int, int, bytes]] = []
        self._bounds: dict[tuple[str, str], Verdict] = {}
        self._partial: list[KnownHit] = []
        self._seen: set[tuple[str, bytes]] = set()
        self.refused = False  # for a bound that nobody can approve

    def add(self, verdict: Verdict, rule: str, location: str, place: Span, secret: bytes) -> None:
        """Record a hit; the same secret under the same location counts once."""
        if not self.repeated(rule, location, secret):
            self._seen.add(_mark(rule, location, secret))
            self._found.append((verdict, rule, location, *place, secret))

    def repeated(self, rule: str, location: str, secret: bytes) -> bool:
        """Whether a hit in a layer says what was said already."""
        return bool(secret) and ">" in location and _mark(rule, location, secret) in self._seen

    @property
    def clean(self) -> bool:
        """Whether there is nothing to tell so far, not even a piece of a secret."""
        return not (self._found or self._bounds or self._partial)

    def bound(self, verdict: Verdict, rule: str, location: str) -> None:
        """Record that a limit was reached; of one rule and location the strongest counts."""
        self.refused = self.refused or verdict is Verdict.BLOCK
        known = self._bounds.get((rule, location), verdict)
        self._bounds[rule, location] = min(known, verdict, key=strength)

    def piece(self, hit: KnownHit) -> None:
        """Record a run of a secret that is too short to be a leak."""
        self._partial.append(hit)

    def fragments(self, memory: FragmentMemory, scope: str, now: float) -> None:
        """Judge the pieces seen in this message together with those of earlier ones."""
        for hit in memory.add(scope, self._partial, now) if self._partial else ():
            self._report_fragment(hit)

    def result(self) -> tuple[Finding, ...]:
        """The findings, strongest first, then by place; approved ones left out.

        At most the limit of them, and the bounds that were reached, which are never left out.
        Where something was left out, a bound as strong as it says so: whoever lets some of the
        findings pass knows that they are not all.
        """
        if self._partial:
            for hit in merge({}, self._partial):
                self._report_fragment(hit)
        if not (self._found or self._bounds):
            return ()
        limit = self.scanner.limits.findings
        kept, left_out = shortened(self._open(), limit)
        for finding in left_out:
            self.bound(finding.verdict, LEFT_OUT, finding.location)
        bounds = [
            Finding(verdict, rule, location, 0, 0, NOTHING)
            for (rule, location), verdict in self._bounds.items()
        ]
        return tuple(sorted((*kept, *fewer(bounds, limit)), key=order))

    def _open(self) -> list[Finding]:
        """What was found and is not approved."""
        scanner, now = self.scanner, time.time()
        mark = cache(partial(fingerprint, scanner.key))
        findings = []
        for verdict, rule, location, start, length, secret in self._found:
            finding = Finding(verdict, rule, location, start, length, mark(secret))
            fixed = verdict is Verdict.BLOCK or scanner.owns(finding.fingerprint)
            if fixed or not scanner.allow.allows(rule, finding.fingerprint, now):
                findings.append(finding)
        return findings

    def _report_fragment(self, hit: KnownHit) -> None:
        rule = f"known_secret/fragments/{hit.name}"
        if not any(found[1] == rule for found in self._found):
            text = self.scanner.index.text(hit.segment)
            # Pieces have no common place, and each may be from another surface.
            self.add(Verdict.BLOCK, rule, "body", (0, 0), text)


def _mark(rule: str, location: str, secret: bytes) -> tuple[str, bytes]:
    family = rule.replace("/", ".").partition(".")[0]
    return f"{location.partition('>')[0]} {family}", secret
