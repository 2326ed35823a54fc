"""One message's scan: surfaces in, findings out, under one budget of bytes, depth and time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from botbottle.dlp import layers
from botbottle.dlp.engines.base import Buffer, Candidates
from botbottle.dlp.entropy import shannon
from botbottle.dlp.findings import Finding, Verdict, fingerprint, strength
from botbottle.dlp.known.fragments import FragmentMemory, merge
from botbottle.dlp.known.index import KnownHit, squeeze_fast
from botbottle.dlp.ruleset import Hit
from botbottle.dlp.settings import ENTROPY, KNOWN_SECRETS, TOKEN_PATTERNS

if TYPE_CHECKING:
    from botbottle.dlp.scanner import Scanner

Span = tuple[int, int]

_SQUEEZE_CAP = 32 * 1024  # the stripping pass costs 1.3 ms/MB; larger surfaces rely on triggers
_HIGH_ENTROPY = 4.5
_SPANS = 64  # with more runs than this the list is not worth keeping
_PARALLEL = 256 * 1024  # smaller surfaces are not worth a hand-over to another thread


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="dlp")


class Message:
    """Mutable, one thread, one message."""

    def __init__(self, scanner: Scanner, detectors: frozenset[str]) -> None:
        limits = scanner.limits
        self._scanner = scanner
        self._tokens = TOKEN_PATTERNS in detectors
        self._known = KNOWN_SECRETS in detectors
        self._entropy = ENTROPY in detectors
        self._deadline = time.thread_time() + limits.seconds
        self.budget = layers.Budget(limits.decoded, limits.ratio)
        self._found: list[tuple[Verdict, str, str, int, int, bytes]] = []
        self._partial: list[KnownHit] = []
        self._seen: set[tuple[str, bytes]] = set()

    def add(
        self, verdict: Verdict, rule: str, location: str, start: int, length: int, secret: bytes
    ) -> None:
        """Record a hit; the same secret under the same location counts once."""
        family = rule.replace("/", ".").partition(".")[0]
        key = (f"{location.partition('>')[0]} {family}", secret)
        if secret and ">" in location and key in self._seen:
            return
        self._seen.add(key)
        self._found.append((verdict, rule, location, start, length, secret))

    def bound(self, verdict: Verdict, rule: str, location: str) -> None:
        """Record that a limit was reached."""
        if not any(rule == found[1] and location == found[2] for found in self._found):
            self._found.append((verdict, rule, location, 0, 0, b""))

    def surface(
        self, data: Buffer, location: str, *, form: bool = False,
        tokens: bool = True, depth: int = 0,
        span: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        """Scan one byte string, then what can be decoded from it.

        ``span``: where in the surface as sent it came from. ``tokens=False``: the bytes are joined
        from several places, so only held secrets mean anything in them.
        """
        view = memoryview(data)
        if self._late(location):
            return
        tokens = tokens and self._tokens
        beside = self._beside(view) if tokens and len(view) >= _PARALLEL else None
        if tokens:
            self._scan_tokens(view, location, span)
        triggers: dict[int, list[int]] = {}
        spans: list[Span] | None = None
        if self._known or tokens:
            found, spans = beside.result() if beside else (self._find_known(view), None)
            triggers = self._scan_known(view, location, span, found)
        if depth < self._scanner.limits.depth:
            self._views(view, location, triggers, depth, span)
            self._runs(view, location, depth, span, spans)
        if form and b"+" in bytes(data[:65536]) and depth == 0:
            spaced = bytes(data).replace(b"+", b" ")
            self.surface(spaced, location + ">form", depth=1, span=(0, len(data)))

    def _late(self, location: str) -> bool:
        if time.thread_time() < self._deadline:
            return False
        self.bound(Verdict.SUPERVISE, "limit.time", location)
        return True

    def _scan_tokens(self, view: memoryview, location: str, span: tuple[int, int] | None) -> None:
        rules, limits = self._scanner.rules, self._scanner.limits
        found = rules.matcher.find(view, limits.events)
        if found.overflow:
            self.bound(Verdict.SUPERVISE, "limit.events", location)
        confirmed = self._until_late(rules.ruleset.confirm(view, found.hits), location)
        hits = list(islice(confirmed, limits.findings + 1))
        if len(hits) > limits.findings:
            self.bound(Verdict.SUPERVISE, "limit.findings", location)
        for hit in _distinct(hits[: limits.findings]):
            start, length = span or (hit.start, hit.end - hit.start)
            self.add(hit.verdict, hit.rule, location, start, length, hit.secret)

    def _until_late(self, hits: Iterator[Hit], location: str) -> Iterator[Hit]:
        for hit in hits:
            yield hit
            if self._late(location):
                return

    def _find_known(self, view: memoryview) -> Candidates:
        return self._scanner.known.find(view, self._scanner.limits.events)

    def _beside(self, view: memoryview) -> Future[tuple[Candidates, list[Span] | None]]:
        """The other passes on another core while this thread runs the rules' pass."""
        return _pool().submit(self._other_passes, view)

    def _other_passes(self, view: memoryview) -> tuple[Candidates, list[Span] | None]:
        found = self._find_known(view)
        spans = list(islice(self._run_spans(view), _SPANS))
        return found, spans if len(spans) < _SPANS else None

    def _scan_known(
        self, view: memoryview, location: str, span: tuple[int, int] | None, found: Candidates
    ) -> dict[int, list[int]]:
        first = self._scanner.first_trigger
        if found.overflow:
            self.bound(Verdict.BLOCK, "limit.events", location)
        triggers: dict[int, list[int]] = {}
        for index, end in found.hits:
            if index >= first:
                triggers.setdefault(index - first, []).append(end)
        if self._known:
            self._report_known(view, found, location, span)
            if len(view) <= _SQUEEZE_CAP:
                self._squeezed(view, location, span)
        return triggers

    def _report_known(
        self, view: memoryview, found: Candidates, location: str, span: tuple[int, int] | None,
        *, squeezed: bool = False,
    ) -> None:  # fmt: skip
        for hit in self._scanner.index.confirm(view, found.hits, squeezed=squeezed):
            if not hit.complete:
                self._partial.append(hit)
                continue
            start, length = span or (hit.start, hit.end - hit.start)
            self._leak(hit, location, start, length)

    def _leak(self, hit: KnownHit, location: str, start: int, length: int) -> None:
        rule = f"known_secret/{hit.codec}/{hit.name}"
        self.add(hit.verdict, rule, location, start, length, self._scanner.index.text(hit.segment))

    def _squeezed(self, view: memoryview, location: str, span: tuple[int, int] | None) -> None:
        if not self._scanner.first_trigger:
            return
        short = squeeze_fast(bytes(view))
        if len(short) == len(view):
            return
        found = self._scanner.known.find(short, self._scanner.limits.events)
        if any(index < self._scanner.first_trigger for index, _ in found.hits):
            whole = span or (0, len(view))
            self._report_known(memoryview(short), found, location + ">split", whole, squeezed=True)

    def _views(
        self, view: memoryview, location: str, triggers: dict[int, list[int]], depth: int,
        span: tuple[int, int] | None,
    ) -> None:  # fmt: skip
        data = b""
        for index in sorted(triggers):
            data = data or bytes(view)
            if index == layers.SHORT_TRIGGER:
                for begin, end in layers.short_runs(view, triggers[index]):
                    self._decode(
                        bytes(view[begin:end]), location, depth, span or (begin, end - begin)
                    )
                continue
            if index >= layers.GZIP_TRIGGER:
                self._archives(data, index, triggers[index], location, depth, span)
                continue
            self._unescape(index, data, location, depth, span)
        kind = layers.compressed(bytes(view[:8]))
        if kind and kind != "gzip":
            self._inflate(kind, bytes(view), location, depth, span or (0, len(view)))
        if self.budget.exceeded:
            self.bound(Verdict.BLOCK, "limit.decoded", location)

    def _unescape(
        self, index: int, data: bytes, location: str, depth: int, span: tuple[int, int] | None
    ) -> None:
        """Undo one kind of escape around its occurrences; everywhere when they are many."""
        found = self._scanner.triggers[index].find(data, layers.MANY)
        ends = None if found.overflow else [end for _, end in found.hits]
        for low, high in layers.windows(ends, len(data)):
            if self._late(location):
                return
            window = data[low:high]
            name, undone = layers.unescape(index, window)
            if undone != window and self.budget.take(len(undone)):
                where = span or (low, high - low)
                self.surface(undone, f"{location}>{name}", depth=depth + 1, span=where)

    def _archives(
        self, data: bytes, index: int, ends: list[int], location: str, depth: int,
        span: tuple[int, int] | None,
    ) -> None:  # fmt: skip
        if index == layers.ZIP_TRIGGER:
            for name, member in layers.unzip(data, self.budget):
                del name
                whole = span or (0, len(data))
                self.surface(member, f"{location}>zip", depth=depth + 1, span=whole)
            return
        for end in ends[:8]:
            self._inflate("gzip", data[end - 3 :], location, depth, span or (end - 3, 3))

    def _inflate(
        self, kind: str, data: bytes, location: str, depth: int, span: tuple[int, int]
    ) -> None:
        plain = layers.inflate(kind, data, self.budget)
        if plain:
            self.surface(plain, f"{location}>{kind}", depth=depth + 1, span=span)

    def _runs(
        self, view: memoryview, location: str, depth: int, span: Span | None,
        spans: list[Span] | None,
    ) -> None:  # fmt: skip
        """Decode the runs; ``spans``: where they are, if another thread has looked already."""
        count = 0
        for start, end in self._run_spans(view) if spans is None else spans:
            run = bytes(view[start:end])
            where = span or (start, end - start)
            if not layers.worth(run):
                continue
            count += 1
            if count > self._scanner.limits.runs or self._late(location):
                self.bound(Verdict.SUPERVISE, "limit.runs", location)
                return
            if self._entropy and shannon(run[:256]) >= _HIGH_ENTROPY:
                self.add(Verdict.WARN, "entropy.high", location, *where, run)
            self._decode(run, location, depth, where)

    def _decode(self, run: bytes, location: str, depth: int, span: tuple[int, int]) -> None:
        for layer, data in layers.decode_run(run, self.budget):
            self.surface(data, f"{location}>{layer}", depth=depth + 1, span=span)

    def _run_spans(self, view: memoryview) -> Iterator[tuple[int, int]]:
        at = 0
        while at + layers.RUN <= len(view):
            found = self._scanner.runs.find(view[at:], 1)
            if not found.hits:
                return
            start, end = layers.run_span(view[at:], found.hits[0][1])
            yield at + start, at + end
            at += end

    def fragments(self, memory: FragmentMemory, scope: str, now: float) -> None:
        """Judge the pieces seen in this message together with those of earlier ones."""
        for hit in memory.add(scope, self._partial, now) if self._partial else ():
            self._report_fragment(hit)

    def result(self) -> tuple[Finding, ...]:
        """The findings, strongest first, then by place; approved ones left out."""
        for hit in merge({}, self._partial):
            self._report_fragment(hit)
        scanner, now = self._scanner, time.time()
        findings: list[Finding] = []
        for verdict, rule, location, start, length, secret in self._found:
            mark = fingerprint(scanner.key, secret) if secret else "00000000"
            fixed = verdict is Verdict.BLOCK
            if fixed or not scanner.allow.allows(rule, mark, now):
                findings.append(Finding(verdict, rule, location, start, length, mark))
        findings.sort(key=lambda f: (strength(f.verdict), f.location, f.offset))
        return tuple(findings[: scanner.limits.findings])

    def _report_fragment(self, hit: KnownHit) -> None:
        rule = f"known_secret/fragments/{hit.name}"
        if not any(found[1] == rule for found in self._found):
            text = self._scanner.index.text(hit.segment)
            self.add(Verdict.BLOCK, rule, "body", hit.start, hit.end - hit.start, text)


def _distinct(hits: Iterable[Hit]) -> list[Hit]:
    """Of overlapping hits keep the strongest verdict, then the longer one, then the first."""
    ranked = sorted(hits, key=lambda h: (strength(h.verdict), h.start - h.end))
    kept: list[Hit] = []
    for hit in ranked:
        if all(hit.end <= other.start or other.end <= hit.start for other in kept):
            kept.append(hit)
    return sorted(kept, key=lambda h: h.start)
