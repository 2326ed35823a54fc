"""What the stages need of the running sidecar."""

from __future__ import annotations

from typing import Protocol

from mitmproxy import http

from botbottle.sidecar.egress.active import Active
from botbottle.sidecar.egress.gate import Ledger
from botbottle.sidecar.egress.log import Log
from botbottle.sidecar.egress.logins import Logins
from botbottle.sidecar.egress.records import Records
from botbottle.sidecar.egress.tls import WorldSide


class Shared(Protocol):
    """State that all requests of one sidecar share. ``active`` is None until it is configured;
    ``live`` has the flows in flight by their id."""

    active: Active | None
    ledger: Ledger
    live: dict[str, http.HTTPFlow]
    log: Log
    logins: Logins
    records: Records

    @property
    def world_side(self) -> WorldSide:
        """TLS towards the world. Raises LookupError before the first configuration."""

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Addresses to connect to for a judged target. Raises OSError with a denial code."""
