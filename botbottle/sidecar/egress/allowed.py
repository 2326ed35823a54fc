"""Values that may pass although they look like a token: listed by the route, or approved lately.

Both go by keyed fingerprint, both hold for one route, and neither ever covers a credential of the
sidecar itself, a body that cannot be looked into, or a bound that was reached. A listed value is
judged by the time of day, so an approval that ran out stops by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache

from botbottle.dlp import Allowed, Allowlist, Finding, Scanner, Verdict
from botbottle.model.route import Route

APPROVED_SECONDS = 3600.0

type _Key = tuple[Route, str]  # all of a route: others to the same host may judge otherwise


class Approvals:
    """Of one sidecar. ``wall``: seconds since the epoch; ``steady``: seconds that only grow."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._until: dict[_Key, float] = {}

    def remember(self, route: Route, findings: Iterable[Finding]) -> None:
        """An operator let these pass: so do the same values on this very route for a while."""
        now = self._steady()
        self._until = {key: until for key, until in self._until.items() if until > now}
        for finding in findings:
            self._until[route, finding.fingerprint] = now + APPROVED_SECONDS

    def marked(
        self, scanner: Scanner, route: Route, findings: Iterable[Finding]
    ) -> tuple[Finding, ...]:
        """The findings, those that may pass with who allowed them."""
        return tuple(
            replace(f, allowed=who) if (who := self._who(scanner, route, f)) else f
            for f in findings
        )

    def _who(self, scanner: Scanner, route: Route, finding: Finding) -> str:
        mark = finding.fingerprint
        if finding.verdict is Verdict.BLOCK or not finding.of_value or scanner.owns(mark):
            return ""
        if entry := listed(route).approval(finding.rule, mark, self._wall()):
            return f"the route: {entry.reason}"
        lately = self._until.get((route, mark), 0.0) > self._steady()
        return "an operator's decision" if lately else ""


@lru_cache(maxsize=256)
def listed(route: Route) -> Allowlist:
    """The approvals in a route's ``dlp.allow``."""
    return Allowlist(Allowed(a.fingerprint, a.words, a.ends, a.rule) for a in route.dlp.allow)
