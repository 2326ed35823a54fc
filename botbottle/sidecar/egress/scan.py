"""Outbound data loss prevention: what to do with what the scanner finds.

The request is scanned as it would leave: after the agent's credentials were stripped, before the
route's are injected. A known secret, CR/LF injection and a body that cannot be looked into are
always refused. For a token-shaped text the route decides (``outbound_on_match``): refuse, cut it
out, or hold the request until an operator has decided. What cannot be cut out is refused,
and, where tokens are cut out, what a bound kept from being looked at; so is a hold that nobody
decides, or that would not show an operator everything that was found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from botbottle.dlp import (
    KNOWN_SECRETS,
    LEFT_OUT,
    OUTBOUND,
    Finding,
    FragmentMemory,
    Redacted,
    Scanner,
    Verdict,
    nothing_kept,
    redact,
    signed,
)
from botbottle.model.route import OnMatch, Route
from botbottle.sidecar.egress import unpassed
from botbottle.sidecar.egress.allowed import Approvals
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.gate import Ledger, LedgerDown
from botbottle.sidecar.egress.glance import glancing, settled

OFF_LOOP = 16 * 1024  # bytes of a message from which scanning leaves the event loop
HOLD_SECONDS = 300.0
MAX_HOLDS = 16
MOST_SHOWN = 10  # findings that an operator is shown at once
KIND = "egress-token-allow"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it would leave. ``url`` is absolute; empty for a WebSocket message."""

    url: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = field(repr=False)
    content_type: str = ""
    coding: str = ""

    @property
    def size(self) -> int:
        """Bytes of all that is scanned."""
        fields = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.url) + fields + len(self.body)


@dataclass(frozen=True, slots=True)
class Judgement:
    """``denial``, or the message to send; ``noted`` are findings worth a log line."""

    message: Outgoing
    denial: Denial | None = None
    noted: tuple[Finding, ...] = ()


class OutboundScan:
    """The outbound stage. Remembers approvals and fragments across requests."""

    def __init__(self, ledger: Ledger, approvals: Approvals | None = None) -> None:
        self.approvals = approvals or Approvals()
        self._ledger = ledger
        self._memory = FragmentMemory()
        self._remembers: Scanner | None = None  # whose secrets' pieces are in it
        self._quick: Scanner | None = None  # the same for small messages
        self._holds = 0

    async def judge(
        self, scanner: Scanner, route: Route, message: Outgoing, *, supervised: bool
    ) -> Judgement:
        """Scan a message and act on what was found."""
        detectors = detectors_of(route)
        self.memory(scanner)
        raw = await self._scan(scanner, message, detectors, route.host)
        found = self.approvals.marked(scanner, route, raw) if raw else raw
        open_ = tuple(f for f in found if not f.allowed)
        if blocked := _of(open_, Verdict.BLOCK):
            return Judgement(message, unpassed.found(blocked[0]), found)
        policy = on_match(route)
        tokens, vague = _of(open_, Verdict.TOKEN), _of(open_, Verdict.SUPERVISE)
        bounds = _bounds((*tokens, *vague))
        if policy == "redact" and bounds and not any(f.of_value for f in tokens):
            return Judgement(message, unpassed.found(bounds[0]), found)
        if policy == "redact" and tokens:
            fresh = await self._redacted(scanner, route, message, tokens, detectors)
            return replace(fresh, noted=found)
        if policy == "redact" or not (tokens or vague):
            return Judgement(message, noted=found)
        if policy != "supervise" or not supervised:
            return Judgement(message, unpassed.found((tokens or vague)[0]), found)
        return Judgement(message, await self._held((*tokens, *vague), route), found)

    def memory(self, scanner: Scanner) -> FragmentMemory:
        """Which pieces of its secrets left: those of one value are none of its successor."""
        if scanner is not self._remembers:
            self._remembers, self._memory = scanner, FragmentMemory()
            self._quick = glancing(scanner)
        return self._memory

    async def _scan(
        self, scanner: Scanner, message: Outgoing, detectors: frozenset[str], scope: str
    ) -> tuple[Finding, ...]:
        memory = self._memory

        def look(scanner: Scanner) -> tuple[Finding, ...]:
            return scanner.scan_request(
                message.url,
                message.headers,
                message.body,
                message.content_type,
                message.coding,
                detectors,
                memory=memory,
                scope=scope,
            )

        # What is encoded is decoded whole, whatever its size.
        if self._quick is not None and message.size < OFF_LOOP and not message.coding:
            found = look(self._quick)
            if not found or settled(found):
                return found
        return await asyncio.to_thread(look, scanner)

    async def _held(self, findings: tuple[Finding, ...], route: Route) -> Denial | None:
        """Ask an operator, who sees each value that an approval would cover."""
        shown = distinct(findings)
        if reason := unshown(shown):
            return Denial("dlp", reason)
        if not await self._approved(shown, route):
            return unpassed.found(findings[0])
        self.approvals.remember(route, shown)
        return None

    async def _approved(self, shown: tuple[Finding, ...], route: Route) -> bool:
        """True only for an operator's approval."""
        if self._holds >= MAX_HOLDS:
            return False
        self._holds += 1
        try:
            return await self._ledger.ask(
                KIND,
                {"host": route.host, "findings": [described(f) for f in shown]},
                f"a request to {route.host} carries what looks like a token",
                HOLD_SECONDS,
            )
        except LedgerDown:
            return False
        finally:
            self._holds -= 1

    async def _redacted(
        self, scanner: Scanner, route: Route, message: Outgoing, tokens: tuple[Finding, ...],
        detectors: frozenset[str],
    ) -> Judgement:  # fmt: skip
        work = partial(
            redact,
            scanner,
            tokens,
            url=message.url,
            headers=message.headers,
            body=message.body,
            content_type=message.content_type,
            content_encoding=message.coding,
            detectors=detectors,
            allowed=lambda f: bool(self.approvals.marked(scanner, route, (f,))[0].allowed),
            kept=signed if route.provider else nothing_kept,
        )
        result = await asyncio.to_thread(work)  # a few scans, of what may decode to much
        if not isinstance(result, Redacted):
            strongest = next((f for f in tokens if f.of_value), tokens[0])  # bounds have no value
            return Judgement(message, unpassed.uncut(strongest, result.reason))
        url = result.url.decode("utf-8", "surrogateescape")
        return Judgement(Outgoing(url, result.headers, result.body, message.content_type))


def detectors_of(route: Route) -> frozenset[str]:
    """Outbound detectors of a route; CR/LF injection is looked for in any case, and held secrets
    wherever a list lets values pass."""
    named = route.dlp.outbound_detectors
    detectors = OUTBOUND if named is None else frozenset(named)
    return detectors | {KNOWN_SECRETS} if route.dlp.allow else detectors


def on_match(route: Route) -> OnMatch:
    """What a route does with token-shaped text: providers' routes redact, others ask."""
    return route.dlp.outbound_on_match or ("redact" if route.provider else "supervise")


def distinct(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding for each value, and one for each rule and place of what is about no value."""
    first: dict[tuple[str, ...], Finding] = {}
    for each in findings:
        key = (each.fingerprint,) if each.of_value else (each.rule, each.location)
        first.setdefault(key, each)
    return tuple(first.values())


def unshown(shown: tuple[Finding, ...]) -> str:
    """Why an operator cannot be shown everything that was found; empty: they can."""
    if any(f.rule == LEFT_OUT for f in shown):
        return "more was found than is listed: some was left out, so nobody can approve it"
    if len(shown) > MOST_SHOWN:
        return f"{len(shown)} different values found: an operator is shown {MOST_SHOWN} at most"
    return ""


def in_target(findings: Iterable[Finding], url: str) -> bool:
    """Whether something was found in the host or the path, or may have been."""
    query = url.find("?")

    def there(finding: Finding) -> bool:
        if finding.location == "url" and query >= 0 and finding.length:
            return finding.offset < query
        return finding.location.startswith(("url", "host"))

    return any(there(f) for f in findings if f.verdict is not Verdict.WARN)


def described(finding: Finding) -> dict[str, Any]:
    """A finding for logs, events and operators: never the text itself."""
    who = {"allowed_by": finding.allowed} if finding.allowed else {}
    return who | {
        "rule": finding.rule,
        "verdict": str(finding.verdict),
        "location": finding.location,
        "offset": finding.offset,
        "length": finding.length,
        "fingerprint": finding.fingerprint,
    }


def _of(findings: Iterable[Finding], verdict: Verdict) -> tuple[Finding, ...]:
    return tuple(f for f in findings if f.verdict is verdict)


def _bounds(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What says that something was not looked at: it may hold a token, which nobody would cut
    out, and behind the bounds of decoding a held secret."""
    return tuple(f for f in findings if not f.of_value and f.rule != LEFT_OUT)
