"""One message's scan: surfaces in, findings out, under one budget of bytes, depth and time."""

from __future__ import annotations

import threading
import time
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property, partial

from botbottle.dlp import ahead
from botbottle.dlp.budget import Budget
from botbottle.dlp.engines.base import Buffer, Candidates
from botbottle.dlp.findings import LEFT_OUT, NOTHING, Finding, Verdict, fingerprint, strength
from botbottle.dlp.known.fragments import FragmentMemory, merge
from botbottle.dlp.known.index import Literals
from botbottle.dlp.known.measure import KnownHit
from botbottle.dlp.known.squeeze import squeeze
from botbottle.dlp.listing import fewer, order, shortened
from botbottle.dlp.ruleset import Hit, Work
from botbottle.dlp.settings import ENTROPY, KNOWN_SECRETS, TOKEN_PATTERNS
from botbottle.dlp.tools import Origin, Tools
from botbottle.dlp.triggers import KINDS
from botbottle.dlp.undo import Undo

_SQUEEZE_CAP = 32 * 1024  # squeezing costs 0.6 ms/MB; larger surfaces rely on triggers


def as_sent(start: int, end: int) -> tuple[int, int]:
    """The origin of a surface that nothing was done to."""
    return start, end - start


type Allowance = dict[Verdict, Work]

_STALE = 0.002  # seconds


class _Spent(threading.local):
    """The processor time of a thread, as it was a moment ago at most: asking the system for it
    costs as much as two searches of a header."""

    def __init__(self) -> None:
        self._spent, self._asked = 0.0, float("-inf")

    def before(self, now: float) -> float:
        """Seconds that the thread had used ``now`` (monotonic) or up to ``_STALE`` earlier."""
        if now - self._asked > _STALE:
            self._spent, self._asked = time.thread_time(), now
        return self._spent


_SPENT = _Spent()


class Message:
    """Mutable, one thread, one message."""

    def __init__(self, scanner: Tools, detectors: frozenset[str]) -> None:
        self.scanner = scanner
        self.entropy = ENTROPY in detectors
        self._tokens = TOKEN_PATTERNS in detectors
        self._known = KNOWN_SECRETS in detectors
        now = time.monotonic()
        self._earliest = now + scanner.limits.seconds  # a thread uses no more than goes by
        self._deadline = _SPENT.before(now) + scanner.limits.seconds
        self.budget = Budget(scanner.limits.decoded, scanner.limits.ratio)
        self._found: list[tuple[Verdict, str, str, int, int, bytes]] = []
        self._bounds: dict[tuple[str, str], Verdict] = {}
        self._partial: list[KnownHit] = []
        self._seen: set[tuple[str, bytes]] = set()

    def add(
        self, verdict: Verdict, rule: str, location: str, place: tuple[int, int], secret: bytes
    ) -> None:
        """Record a hit; the same secret under the same location counts once."""
        if not self._repeated(rule, location, secret):
            self._seen.add(_mark(rule, location, secret))
            self._found.append((verdict, rule, location, *place, secret))

    def _repeated(self, rule: str, location: str, secret: bytes) -> bool:
        """Whether a hit in a layer says what was said already."""
        return bool(secret) and ">" in location and _mark(rule, location, secret) in self._seen

    @property
    def clean(self) -> bool:
        """Whether there is nothing to tell so far, not even a piece of a secret."""
        return not (self._found or self._bounds or self._partial)

    def bound(self, verdict: Verdict, rule: str, location: str) -> None:
        """Record that a limit was reached; of one rule and location the strongest counts."""
        known = self._bounds.get((rule, location), verdict)
        self._bounds[rule, location] = min(known, verdict, key=strength)

    def late(self, location: str) -> bool:
        """True, and a finding, when the message's time is used up."""
        if time.monotonic() < self._earliest or time.thread_time() < self._deadline:
            return False
        self.bound(Verdict.SUPERVISE, "limit.time", location)
        return True

    def _grant(self, size: int) -> None:
        """Time for a surface as it was sent, so that a large one is not late for its size."""
        more = size / 1e6 * self.scanner.limits.seconds_per_mb
        self._earliest += more
        self._deadline += more

    def surface(
        self, data: Buffer, location: str, *, tokens: bool = True, depth: int = 0,
        origin: Origin = as_sent,
    ) -> None:  # fmt: skip
        """Scan one byte string, then what can be decoded from it.

        ``tokens=False``: the bytes are joined from several places, so only held secrets mean
        anything in them.
        """
        if self.late(location):
            return
        view = memoryview(data)
        if not depth:
            self._grant(len(view))
        tokens = tokens and self._tokens and not (depth and self._flooded(location))
        if not (self._known or tokens):
            return
        begun = ahead.begin(self.scanner, view)
        if tokens:
            self._scan_tokens(view, location, origin, self._layers if depth else None)
        found = begun.result() if begun else ahead.here(self.scanner, view)
        triggers = self._scan_known(view, location, origin, found.hits)
        if self._known and len(view) <= _SQUEEZE_CAP:
            self._scan_squeezed(data, location, origin)
        if depth < self.scanner.limits.depth:
            Undo(self, view, location, depth, origin, found.further).all(triggers)

    @cached_property
    def _layers(self) -> Allowance:
        """All that is decoded shares one allowance of each tier, however many layers it has."""
        return {verdict: Work(self.scanner.limits.confirmed) for verdict in Verdict}

    def _flooded(self, location: str) -> bool:
        """What is left of the layers may be anything, and was said to be: no rule can say more."""
        if self._layers[Verdict.TOKEN].left > 0:
            return False
        self.bound(Verdict.TOKEN, "limit.events", location)
        return True

    def _scan_tokens(
        self, view: memoryview, location: str, origin: Origin, shared: Allowance | None
    ) -> None:
        rules, limits = self.scanner.rules, self.scanner.limits
        hits, overflow = rules.matcher.find(view, limits.candidates + len(view) // 64)
        if overflow:  # what follows was not looked at and may be anything
            self.bound(Verdict.TOKEN, "limit.events", location)
            self._layers[Verdict.TOKEN].left = 0
        if not hits:
            return
        confirmed = list(self._bounded(view, hits, location, shared))
        for hit in _distinct(confirmed):
            if not self._repeated(hit.rule, location, hit.secret):  # its place is dear in a layer
                self.add(hit.verdict, hit.rule, location, origin(hit.start, hit.end), hit.secret)

    def _bounded(
        self, view: memoryview, hits: Sequence[tuple[int, int]], location: str,
        shared: Allowance | None,
    ) -> Iterator[Hit]:  # fmt: skip
        """Hits while there is time, and of each verdict at most the limit.

        Each verdict has room of its own and what may be stronger comes first, so that a flood of
        what is weaker hides nothing stronger. Candidates that are left when the limit of regexes
        is reached weigh as much as the strongest of them may.
        """
        ruleset, limits = self.scanner.rules.ruleset, self.scanner.limits
        room = dict.fromkeys(Verdict, limits.findings)
        own = Work(limits.confirmed)
        for tier, part in ruleset.tiers(hits):
            work = shared[tier] if shared else own
            work.refused = False
            for hit in ruleset.confirm(view, part, work):
                room[hit.verdict] -= 1
                if room[hit.verdict] >= 0:
                    yield hit
                else:
                    self.bound(hit.verdict, LEFT_OUT, location)
                    if strength(hit.verdict) <= strength(tier):
                        return  # nothing stronger can follow
                if self.late(location):
                    return
            if work.refused:
                self.bound(tier, "limit.events", location)
                return

    def _scan_known(
        self, view: memoryview, location: str, origin: Origin, found: Candidates
    ) -> dict[int, list[int]]:
        """Report held secrets; returns the ends at which each trigger fired."""
        hits, overflow = found
        if overflow:
            self.bound(Verdict.BLOCK, "limit.events", location)
        if not hits:
            return {}
        index = self.scanner.index
        triggers: dict[int, list[int]] = {}
        first = len(index.plain)
        for number, end in hits:
            if number >= first:
                triggers.setdefault(KINDS[number - first], []).append(end)
        if self._known:
            self._report(index.plain, view, hits, location, origin)
        return triggers

    def _scan_squeezed(self, data: Buffer, location: str, origin: Origin) -> None:
        matcher = self.scanner.squeezed
        if matcher is None:
            return
        short = squeeze(data if isinstance(data, bytes) else bytes(data))
        hits, _ = matcher.find(short, self.scanner.limits.events)
        if hits:
            place = origin(0, len(data))
            self._report(
                self.scanner.index.squeezed, memoryview(short), hits, location + ">split",
                lambda _start, _end: place,
            )  # fmt: skip

    def _report(
        self, literals: Literals, view: memoryview, hits: Sequence[tuple[int, int]],
        location: str, origin: Origin,
    ) -> None:  # fmt: skip
        for hit in literals.confirm(view, hits):
            if not hit.complete:
                self._partial.append(hit)
                continue
            rule = f"known_secret/{hit.codec}/{hit.name}"
            text = self.scanner.index.text(hit.segment)
            self.add(hit.verdict, rule, location, origin(hit.start, hit.end), text)

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


def _distinct(hits: Iterable[Hit]) -> list[Hit]:
    """Of overlapping hits keep the strongest verdict, then the longer one, then the first."""
    kept: list[Hit] = []  # by start; none overlaps another
    for hit in sorted(hits, key=lambda h: (strength(h.verdict), h.start - h.end)):
        at = bisect(kept, hit.start, key=lambda h: h.start)
        before = at == 0 or kept[at - 1].end <= hit.start
        if before and (at == len(kept) or hit.end <= kept[at].start):
            kept.insert(at, hit)
    return kept
