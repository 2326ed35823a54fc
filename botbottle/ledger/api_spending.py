"""The ledger as what spends sees it: accounts, admission, budgets, reports."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, Protocol

from botbottle.budget.precedence import LimitKey
from botbottle.ledger import records as r
from botbottle.model.bottle import Limit, Scope, Window
from botbottle.model.ledger_view import LedgerView, Pool
from botbottle.model.usage import Exchange, Tokens

type Group = Literal["account", "agent", "bottle", "provider", "model", "day", "hour", "project"]


class Registering(Protocol):
    """Who may spend, from which pools."""

    def register(
        self,
        account: str,
        scopes: Sequence[Scope],
        *,
        mode: Literal["nearest", "all"] = "nearest",
        count: Sequence[str] = (),
        agent: str = "",
        ancestry: Sequence[str] = (),
    ) -> None:
        """Write scopes, limits and counting rules. The declared limits of each named scope are
        replaced by those given; overrides stay. Empty ``count`` counts every class."""

    def retire(self, account: str) -> None:
        """The bottle is gone: no more admission, history kept. Unknown accounts are fine."""


class Accounts(Registering, Protocol):
    """Who spends."""

    def accounts(self, *, retired: bool = False) -> tuple[r.Account, ...]: ...


class Gate(Protocol):
    """Admission and usage: called by the ledger service only."""

    def admit(
        self,
        account: str,
        provider: str,
        model: str,
        *,
        input_tokens: int,
        allowance: int,
        now: float,
    ) -> r.Admitted | r.Refusal:
        """Check and reserve in one transaction. ``input_tokens`` is the estimated input (0:
        unknown), ``allowance`` a bounded output allowance, not ``max_tokens``."""

    def progress(self, account: str, lease: str, tokens: Tokens, *, now: float) -> r.Progress: ...

    def expect(self, exchanges: Sequence[Exchange]) -> None:
        """Inside ``batch()``: these will be settled in it. They are looked up at once."""

    def presume(self, exchanges: Sequence[Exchange]) -> None:
        """The same without a look: nobody has told of these before, as is nearly always so. Where
        it is not, the transaction ends in ``Violation``, and nothing of it is booked."""

    def settle(
        self, account: str, lease: str, exchanges: Sequence[Exchange], *, now: float
    ) -> r.Settled:
        """Store usage and give the reservation back; an empty ``lease`` only stores."""

    def release(self, account: str, lease: str) -> None: ...

    def forget_leases(self, now: float) -> int:
        """Delete reservations that expired long ago; how many."""

    def heartbeat(self, account: str, status: Mapping[str, Any], *, now: float) -> None: ...

    def record_event(
        self, account: str, kind: r.EventKind, data: Mapping[str, Any], *, now: float
    ) -> None: ...


class Budgets(Protocol):
    """Limits and what is left."""

    def view(self, now: float, limits: Collection[LimitKey] = ()) -> LedgerView:
        """The planner's consistent reading. ``limits``: of those that are none yet, too, what is
        gone already is told (``LedgerView.coming``)."""

    def account_pools(self, account: str, now: float) -> tuple[Pool, ...]:
        """The pools that govern one account, most specific first; without burn, so that it is
        cheap enough for a bottle to ask."""

    def limits(self, now: float) -> tuple[r.LimitRow, ...]: ...

    def set_limit(self, scope: str, limit: Limit, *, by: str, reason: str = "") -> None:
        """An operator's limit: wins over the declared one until cleared. Audited."""

    def clear_limit(
        self, scope: str, provider: str, window: Window, *, by: str, reason: str = ""
    ) -> bool:
        """Remove an override; whether there was one. Audited."""

    def reset(
        self, scope: str, provider: str, window: Window, *, by: str, now: float, reason: str = ""
    ) -> int:
        """Count the current window from zero again; returns the tokens forgiven. Audited."""


class Usage(Protocol):
    """What was used."""

    def usage(
        self,
        by: Sequence[Group],
        *,
        since: float | None = None,
        until: float | None = None,
        account: str = "",
        agent: str = "",
        provider: str = "",
        model: str = "",
    ) -> tuple[r.UsageRow, ...]:
        """Sums grouped ``by``, sorted by keys; whole hours (UTC). Survives retention."""

    def exchanges(
        self, *, account: str = "", before: int = 0, limit: int = 100
    ) -> tuple[r.ExchangeRow, ...]:
        """Stored exchanges, newest first; ``before`` an id to page on."""
