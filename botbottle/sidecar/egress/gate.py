"""The gate: what the pipeline needs from the ledger service, as a protocol.

``botbottle.sidecar.ledger`` has the client that speaks to the service; the egress sidecar only
knows this interface, so that it can be tested against a service, a slow one, a dead one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from botbottle.ledger.records import Admitted, Progress, Refusal
from botbottle.model.usage import Exchange, Tokens

type Cut = Callable[[str, str], None]  # lease, reason


class LedgerDown(Exception):
    """The ledger service did not answer: no metered traffic."""


class Ledger(Protocol):
    """One bottle's connection to the ledger service.

    ``admit`` and ``progress`` wait for the answer and raise LedgerDown. ``ask`` puts a proposal
    to an operator and waits for the decision: True only when it was approved in time. The
    others return at once: what they say is written in order and kept until the service has
    acknowledged it.
    ``on_cut`` is called for a lease that was lost while its request was quiet.
    """

    on_cut: Cut

    @property
    def ready(self) -> bool:
        """Whether the service answered last time."""

    async def start(self) -> None: ...

    async def close(self) -> int: ...

    async def admit(
        self, provider: str, model: str, *, tokens_in: int, tokens_out: int
    ) -> Admitted | Refusal: ...

    async def progress(self, lease: str, tokens: Tokens) -> Progress: ...

    async def ask(
        self, kind: str, payload: Mapping[str, Any], text: str, seconds: float
    ) -> bool: ...

    def settle(self, lease: str, exchanges: Sequence[Exchange]) -> None: ...

    def passing(self, name: str, rows: Sequence[Exchange]) -> None:
        """Keep what a request leaves if this process ends now, by its lease or, where it has none,
        by any other name after a ``-``. No rows: nothing any more."""

    def passed(self, name: str, tokens: Tokens) -> None:
        """Keep what it has cost by now; cheap enough for every event of a stream."""

    def release(self, lease: str) -> None: ...

    def event(self, kind: str, data: Mapping[str, Any]) -> None: ...

    def heartbeat(self, status: Mapping[str, Any]) -> None: ...


class NoLedger:
    """A sidecar without a ledger: every metered request is refused."""

    ready = False
    on_cut: Cut

    async def start(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> int:
        """Nothing was told."""
        return 0

    async def admit(
        self, provider: str, model: str, *, tokens_in: int, tokens_out: int
    ) -> Admitted | Refusal:
        """Always down."""
        raise LedgerDown(f"no ledger for {provider} {model} {tokens_in} {tokens_out}")

    async def progress(self, lease: str, tokens: Tokens) -> Progress:
        """Always down."""
        raise LedgerDown(f"no ledger for {lease} {tokens.total}")

    async def ask(self, kind: str, payload: Mapping[str, Any], text: str, seconds: float) -> bool:
        """Nobody to ask."""
        raise LedgerDown(f"no ledger for {kind} {len(payload)} {len(text)} {seconds}")

    def settle(self, lease: str, exchanges: Sequence[Exchange]) -> None:
        """Nothing was admitted, so there is nothing to settle."""

    def passing(self, name: str, rows: Sequence[Exchange]) -> None:
        """Nothing was admitted, so nothing passes."""

    def passed(self, name: str, tokens: Tokens) -> None:
        """Nothing was admitted, so nothing passes."""

    def release(self, lease: str) -> None:
        """Nothing was admitted, so there is nothing to release."""

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Events go to the sidecar's own log only."""

    def heartbeat(self, status: Mapping[str, Any]) -> None:
        """Nobody listens."""


def worth_counting(answer: Admitted | Refusal) -> bool:
    """Whether a count could change the answer: not where nothing limits, and a refusal for any
    other reason than the size of the input must stay cheap, however often it is asked for."""
    if isinstance(answer, Admitted):
        return answer.room is not None
    return answer.code == "budget-exhausted" and answer.room > 0
