"""One message's scan: surfaces in, findings out, under one budget of bytes, depth and time."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial

from botbottle.dlp import ahead, wrapped
from botbottle.dlp.budget import Budget
from botbottle.dlp.clock import Clock
from botbottle.dlp.confirm import Hit
from botbottle.dlp.engines.base import Buffer, Candidates
from botbottle.dlp.findings import LEFT_OUT, Verdict, strength
from botbottle.dlp.known.index import Literals
from botbottle.dlp.known.splits import WHOLE
from botbottle.dlp.known.squeeze import squeeze
from botbottle.dlp.ruleset import Work
from botbottle.dlp.settings import ENTROPY, KNOWN_SECRETS, TOKEN_PATTERNS
from botbottle.dlp.told import Told
from botbottle.dlp.tools import Origin, Span, Tools
from botbottle.dlp.triggers import GZIP_TRIGGER, KINDS, PACKED_TRIGGER, RUN_TRIGGER, ZIP_TRIGGER
from botbottle.dlp.undo import Undo, plain

_DEEPER = frozenset({RUN_TRIGGER, GZIP_TRIGGER, ZIP_TRIGGER, PACKED_TRIGGER})  # there is more
_PACKED = frozenset({GZIP_TRIGGER, ZIP_TRIGGER, PACKED_TRIGGER})
_KEY = "key."  # begins the names of rules whose secrets may have others between their lines
_STRETCH, _OVERLAP = 256 * 1024, 1024  # bytes looked at without separators at once


def as_sent(start: int, end: int) -> tuple[int, int]:
    """The origin of a surface that nothing was done to."""
    return start, end - start


type Allowance = dict[Verdict, Work]


class Message(Told):
    """Mutable, one thread, one message."""

    def __init__(self, scanner: Tools, detectors: frozenset[str]) -> None:
        super().__init__(scanner)
        self.entropy = ENTROPY in detectors
        self._tokens = TOKEN_PATTERNS in detectors
        self._known = KNOWN_SECRETS in detectors
        self._clock = Clock(scanner.limits.seconds)
        self.budget = Budget(scanner.limits.decoded, scanner.limits.ratio)

    def late(self, location: str) -> bool:
        """True, and a finding, when the message's time is used up; true as well when a bound was
        reached for which it is refused, whatever else is in it."""
        if self.refused:
            return True
        if not self._clock.over:
            return False
        self.bound(Verdict.SUPERVISE, "limit.time", location)
        return True

    def surface(
        self, data: Buffer, location: str, *, tokens: bool = True, depth: int = 0,
        origin: Origin = as_sent, sent: bool = False, noise: bool = False,
    ) -> None:  # fmt: skip
        """Scan one byte string, then what can be decoded from it.

        ``tokens=False``: the bytes are joined from several places, so only held secrets mean
        anything in them. ``sent``: whatever its depth it was sent so, and no time is waited for.
        ``noise``: there is no text in it, so held secrets and compressed data are looked for.
        """
        view = memoryview(data)
        if not depth:  # what is sent is looked at whatever the time, only not into
            self._clock.grant(len(view) / 1e6 * self.scanner.limits.seconds_per_mb)
            self.budget.sent(len(view))
        elif not sent and self.late(location):
            return
        tokens = tokens and self._tokens and not (depth and self._flooded(location))
        if not (self._known or tokens):
            return
        if noise:
            self._scan_noise(view, location, depth, origin)
            return
        begun = ahead.begin(self.scanner, view)
        if tokens:
            self._scan_tokens(view, location, origin, self._layers if depth else None)
        found = begun.result() if begun else ahead.here(self.scanner, view)
        triggers = self._scan_known(view, location, origin, found.hits)
        if self._known and len(view) <= WHOLE:
            self._scan_squeezed(data, location, origin)
        elif self._known:
            self._scan_stretches(view, location, origin, found.further.split)
        if not triggers and not self.budget.exceeded and plain(view):
            return
        if depth < self.scanner.limits.depth:
            Undo(self, view, location, depth, origin, found.further).all(triggers)
        elif not triggers.keys().isdisjoint(_DEEPER):
            self.bound(Verdict.SUPERVISE, "limit.depth", location)

    def _scan_noise(self, view: memoryview, location: str, depth: int, origin: Origin) -> None:
        found = self.scanner.known.find(view, self.scanner.limits.events)
        triggers = self._scan_known(view, location, origin, found)
        packed = {kind: ends for kind, ends in triggers.items() if kind in _PACKED}
        if packed and depth < self.scanner.limits.depth:
            Undo(self, view, location, depth, origin).all(packed)
        elif packed:
            self.bound(Verdict.SUPERVISE, "limit.depth", location)

    @cached_property
    def _layers(self) -> Allowance:
        """All that is decoded shares one allowance of each tier, however many layers it has."""
        return {verdict: Work(self.scanner.limits.confirmed) for verdict in Verdict}

    @cached_property
    def _cut(self) -> Work:
        """What is put together of lines that were sent has an allowance of its own."""
        return Work(self.scanner.limits.confirmed)

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
        most = limits.candidates + len(view) // 64
        found, overflow = rules.matcher.find(view, most + wrapped.MOST)
        hits, lines = rules.ruleset.parted(found)
        if overflow or len(hits) >= most:  # what follows was not looked at and may be anything
            self.bound(Verdict.TOKEN, "limit.events", location)
            self._layers[Verdict.TOKEN].left = 0
        if not found:
            return
        confirmed = list(self._bounded(view, hits, location, shared))
        for hit in _distinct(confirmed):
            if not self.repeated(hit.rule, location, hit.secret):  # its place is dear in a layer
                self.add(hit.verdict, hit.rule, location, origin(hit.start, hit.end), hit.secret)
        for low, high in wrapped.windows(lines, len(view)):
            work = shared[Verdict.TOKEN] if shared else self._cut
            for hit in self._scan_cut(bytes(view[low:high]), low, confirmed, work):
                self.add(
                    hit.verdict, hit.rule, location + ">wrapped", origin(low, high), hit.secret
                )
            if work.refused:
                self.bound(Verdict.TOKEN, "limit.events", location)

    def _scan_cut(self, lines: bytes, low: int, known: Sequence[Hit], work: Work) -> Iterator[Hit]:
        """Tokens that a line break cuts; ``lines`` begin at ``low``. What begins within one that is
        ``known`` as it stands is that one, with the next line glued to it. What a known token
        begins within is the line in front of it, glued to that one."""
        rules, joined = self.scanner.rules, wrapped.Joined(lines)
        found, _ = rules.matcher.find(joined.text, self.scanner.limits.candidates)
        part = dict(rules.ruleset.tiers(rules.ruleset.parted(found)[0])).get(Verdict.TOKEN, [])
        for hit in rules.ruleset.confirm(memoryview(joined.text), part, work):
            at, stop = low + joined.place(hit.start), low + joined.place(hit.end - 1)
            if (
                joined.cut(hit.start, hit.end)
                and wrapped.whole(hit.rule, hit.secret)
                and not any(
                    k.start <= at < k.end or (at < k.start <= stop and _is_token(k)) for k in known
                )
            ):
                yield hit

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

    def _scan_stretches(
        self, view: memoryview, location: str, origin: Origin, spans: Sequence[Span]
    ) -> None:
        """Look for values in pieces here alone, whatever the time: it takes 3 ms/MB at most. A few
        small stretches are taken as one, for each search costs as much as a kilobyte."""
        if spans and sum(end - begin for begin, end in spans) <= _STRETCH:
            together = b" ".join(bytes(view[begin:end]) for begin, end in spans)
            place = partial(origin, spans[0][0], spans[-1][1])
            self._scan_squeezed(together, location, lambda _start, _end: place())
            return
        for begin, end in spans:
            for low in range(begin, end, _STRETCH):
                part = bytes(view[low : min(end, low + _STRETCH + _OVERLAP)])
                self._scan_squeezed(part, location, origin, low)

    def _scan_squeezed(self, data: Buffer, location: str, origin: Origin, at: int = 0) -> None:
        """``at``: where ``data`` begins in the surface."""
        matcher = self.scanner.squeezed
        if matcher is None:
            return
        short = squeeze(data if isinstance(data, bytes) else bytes(data))
        hits, overflow = matcher.find(short, self.scanner.limits.events)
        if overflow:
            self.bound(Verdict.BLOCK, "limit.events", location + ">split")
        if hits:
            place = origin(at, at + len(data))
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
                self.piece(hit)
                continue
            rule = f"known_secret/{hit.codec}/{hit.name}"
            text = self.scanner.index.text(hit.segment)
            self.add(hit.verdict, rule, location, origin(hit.start, hit.end), text)


def _is_token(hit: Hit) -> bool:
    return strength(hit.verdict) <= strength(Verdict.TOKEN)


def _distinct(hits: Iterable[Hit]) -> list[Hit]:
    """Of overlapping hits keep the strongest verdict, then the longer one, then the first. What
    stands between the lines of an armor is no part of the key, so it is told as well."""
    kept: list[Hit] = []  # by start; none overlaps another
    keys: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (strength(h.verdict), h.start - h.end)):
        among = keys if hit.rule.startswith(_KEY) else kept
        at = bisect(among, hit.start, key=lambda h: h.start)
        before = at == 0 or among[at - 1].end <= hit.start
        if before and (at == len(among) or hit.end <= among[at].start):
            among.insert(at, hit)
    return [*keys, *kept]
