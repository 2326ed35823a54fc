"""Outbound data loss prevention: what to do with what the scanner finds.

The request is scanned as it would leave: after the agent's credentials were stripped, before the
route's are injected. A known secret, CR/LF injection and a body that cannot be looked into are
always refused. For a token-shaped text the route decides (``outbound_on_match``): refuse, cut it
out, or hold the request until an operator has decided. What cannot be cut out exactly is
refused; a hold that nobody decides is a refusal.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from botbottle.dlp import (
    OUTBOUND,
    Finding,
    FragmentMemory,
    Redacted,
    Scanner,
    Verdict,
    redact,
)
from botbottle.model.route import OnMatch, Route
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.gate import Ledger, LedgerDown

OFF_LOOP = 64 * 1024  # bytes of body from which scanning leaves the event loop
HOLD_SECONDS = 300.0
MAX_HOLDS = 16
APPROVED_SECONDS = 3600.0
KIND = "egress-token-allow"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it would leave. ``url`` is absolute; empty for a WebSocket message."""

    url: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = field(repr=False)
    content_type: str = ""
    coding: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """``denial``, or the message to send; ``noted`` are findings worth a log line."""

    message: Outgoing
    denial: Denial | None = None
    noted: tuple[Finding, ...] = ()


class OutboundScan:
    """The outbound stage. Remembers approvals and fragments across requests."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._memory = FragmentMemory()
        self._remembers: Scanner | None = None  # whose secrets' pieces are in it
        self._approved: dict[str, float] = {}
        self._holds = 0

    async def judge(
        self, scanner: Scanner, route: Route, message: Outgoing, *, supervised: bool
    ) -> Judgement:
        """Scan a message and act on what was found."""
        detectors = detectors_of(route)
        if scanner is not self._remembers:  # pieces of one value are none of its successor
            self._remembers, self._memory = scanner, FragmentMemory()
        found = await self._scan(scanner, message, detectors, route.host)
        open_ = tuple(f for f in found if not self._is_approved(f))
        if not open_:
            return Judgement(message, noted=found)
        if blocked := _of(open_, Verdict.BLOCK):
            return Judgement(message, _denial(blocked[0]), open_)
        policy = on_match(route)
        tokens, vague = _of(open_, Verdict.TOKEN), _of(open_, Verdict.SUPERVISE)
        if policy == "redact":
            return _redacted(scanner, message, tokens, detectors, open_)
        if not tokens and not vague:
            return Judgement(message, noted=open_)
        first = (tokens or vague)[0]
        if policy == "supervise" and supervised and await self._held((*tokens, *vague), route):
            return Judgement(message, noted=open_)
        return Judgement(message, _denial(first), open_)

    async def _scan(
        self, scanner: Scanner, message: Outgoing, detectors: frozenset[str], scope: str
    ) -> tuple[Finding, ...]:
        memory = self._memory

        def work() -> tuple[Finding, ...]:
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

        return work() if len(message.body) < OFF_LOOP else await asyncio.to_thread(work)

    def _is_approved(self, finding: Finding) -> bool:
        known = finding.verdict is Verdict.BLOCK
        return not known and self._approved.get(finding.fingerprint, 0) > time.monotonic()

    async def _held(self, findings: tuple[Finding, ...], route: Route) -> bool:
        """Ask an operator; True only for an approval."""
        if self._holds >= MAX_HOLDS:
            return False
        self._holds += 1
        try:
            approved = await self._ledger.ask(
                KIND,
                {"host": route.host, "findings": [described(f) for f in findings[:10]]},
                f"a request to {route.host} carries what looks like a token",
                HOLD_SECONDS,
            )
        except LedgerDown:
            return False
        finally:
            self._holds -= 1
        if approved:
            until = time.monotonic() + APPROVED_SECONDS
            self._approved |= {f.fingerprint: until for f in findings if f.fingerprint}
        return approved


def detectors_of(route: Route) -> frozenset[str]:
    """Outbound detectors of a route; CR/LF injection is looked for in any case."""
    named = route.dlp.outbound_detectors
    return OUTBOUND if named is None else frozenset(named)


def on_match(route: Route) -> OnMatch:
    """What a route does with token-shaped text: providers' routes redact, others ask."""
    return route.dlp.outbound_on_match or ("redact" if route.provider else "supervise")


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
    return {
        "rule": finding.rule,
        "verdict": str(finding.verdict),
        "location": finding.location,
        "offset": finding.offset,
        "length": finding.length,
        "fingerprint": finding.fingerprint,
    }


def _of(findings: Iterable[Finding], verdict: Verdict) -> tuple[Finding, ...]:
    return tuple(f for f in findings if f.verdict is verdict)


def _denial(finding: Finding) -> Denial:
    return Denial("dlp", f"{finding.rule} found in {finding.location}")


def _redacted(
    scanner: Scanner,
    message: Outgoing,
    tokens: tuple[Finding, ...],
    detectors: frozenset[str],
    noted: tuple[Finding, ...],
) -> Judgement:
    if not tokens:
        return Judgement(message, noted=noted)
    result = redact(
        scanner,
        tokens,
        url=message.url,
        headers=message.headers,
        body=message.body,
        content_type=message.content_type,
        content_encoding=message.coding,
        detectors=detectors,
    )
    if not isinstance(result, Redacted):
        denial = Denial("dlp", f"{tokens[0].rule} found and cannot be cut out ({result.reason})")
        return Judgement(message, denial, noted)
    url = result.url.decode("utf-8", "surrogateescape")
    fresh = Outgoing(url, result.headers, result.body, message.content_type, message.coding)
    return Judgement(fresh, noted=noted)
