"""What the sidecar says of requests: to its log, and to the ledger what an operator must see.

Nothing in it holds a secret: known ones are overwritten, and a host or path in which something was
found is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mitmproxy import http

from botbottle.dlp import Finding
from botbottle.sidecar.egress.denial import LONGEST, Denial
from botbottle.sidecar.egress.gate import Ledger
from botbottle.sidecar.egress.log import Log
from botbottle.sidecar.egress.passage import Passage
from botbottle.sidecar.egress.scan import described
from botbottle.sidecar.egress.scrub import Scrubber

_EVENTS_PER_SECOND = 20  # denials reported to the ledger; a retry storm must stay cheap


class Records:
    """``scrubber`` gives the active one, None before there is any."""

    def __init__(self, log: Log, ledger: Ledger, scrubber: Callable[[], Scrubber | None]) -> None:
        self._log, self._ledger, self._scrubber = log, ledger, scrubber
        self._window = (0, 0)  # (second, events reported in it)
        self.counts = {"passed": 0, "denied": 0}

    def denied(self, denial: Denial, passage: Passage | None) -> None:
        """Log a denial and report it."""
        self.counts["denied"] += 1
        data = {
            "id": passage.id if passage else "",
            "code": denial.code,
            "reason": self._shown(denial.reason),
            "method": denial.method,
            "port": denial.port,
            **self.place(passage, denial.host, denial.path),
        }
        if passage is not None and passage.failure:
            data["failure"] = passage.failure
        self._log.write("block", "denied", **data)
        self._report("denial", data)

    def place(self, passage: Passage | None, host: str, path: str = "") -> dict[str, str]:
        """Host and path as a log may have them."""
        if passage is not None and passage.hidden:
            return {"host": passage.way.host, "path": "[redacted]"}
        return {"host": self._shown(host), "path": self._shown(path[:LONGEST])}

    def _host(self, passage: Passage) -> str:
        return self.place(passage, passage.where.host)["host"]

    def _shown(self, text: str) -> str:
        """A text of the agent's without any secret that this sidecar knows."""
        scrubber = self._scrubber()
        if scrubber is None:
            return text
        return scrubber.clean(text.encode()).decode("utf-8", "replace")

    def noted(self, passage: Passage, findings: Iterable[Finding]) -> None:
        """Record what the scanners found, without the text."""
        for finding in findings:
            data = {"id": passage.id, "host": self._host(passage), **described(finding)}
            self._log.write("warn", "finding", **data)
            self._report("finding", data)

    def leaked(self, passage: Passage, secret: str) -> None:
        """A placeholder was sent to where it does not belong."""
        data = {"id": passage.id, "host": self._host(passage), "rule": "placeholder"}
        data["name"] = secret
        self._log.write("warn", "placeholder", **data)
        self._report("finding", data)

    def _report(self, kind: str, data: Mapping[str, Any]) -> None:
        """Tell the ledger, but never more often than it stays cheap."""
        second, reported = self._window
        now = int(time.monotonic())
        self._window = (now, 1) if now != second else (second, reported + 1)
        if self._window[1] <= _EVENTS_PER_SECOND:
            self._ledger.event(kind, data)

    def passed(self, flow: http.HTTPFlow, passage: Passage, outcome: str) -> None:
        """Log a request that went through, once."""
        if passage.logged:
            return
        passage.logged = True
        self.counts["passed"] += 1
        if not self._log.requests or passage.target is None or flow.response is None:
            return
        self._log.write(
            "request",
            "passed",
            id=passage.id,
            method=passage.target.method,
            **self.place(passage, passage.target.host, passage.target.path),
            status=flow.response.status_code,
            outcome=outcome,
            stages=passage.stages(),
            ms=round((time.monotonic() - passage.started) * 1000, 2),
        )
