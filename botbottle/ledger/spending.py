"""Usage rows and the sums that are kept with them, in one transaction.

A response is counted once: a second report of the same id adds only what exceeds the first (a
replay adds nothing), and a provider's final numbers replace an earlier estimate by the same
bottle exactly. Buckets follow the ledger's clock, not the reporter's: a bottle cannot move its
spending into another window.
"""

# ruff: noqa: S608  # only constants of this package are put into SQL
from __future__ import annotations

from collections.abc import Sequence

from botbottle.budget import counting
from botbottle.ledger.base import Part, dump
from botbottle.ledger.db import Row
from botbottle.ledger.schema import CLASSES
from botbottle.model.usage import Completeness, Exchange, Tokens

_EARLIER = (
    f"SELECT account, completeness, {', '.join(CLASSES)} FROM usage"
    " WHERE provider = ? AND response_id = ? ORDER BY seq"
)


class Spender:
    """What is needed of an account to book its usage."""

    __slots__ = ("agent", "ancestry", "bottle", "count", "name", "scopes")

    def __init__(
        self,
        name: str,
        agent: str,
        ancestry: Sequence[str],
        count: tuple[str, ...],
        scopes: Sequence[str],
    ) -> None:
        self.name = name
        self.agent = agent
        self.ancestry = dump(list(ancestry))
        self.bottle = ancestry[0] if ancestry else ""
        self.count = count
        self.scopes = tuple(sorted(scopes))


class Spending(Part):
    """Booking usage; the caller holds a write transaction."""

    def _book(self, who: Spender, exchange: Exchange, now: float) -> bool:
        """Store one exchange and its sums; False for a replay."""
        self.books.before(exchange.provider, exchange.response_id)
        earlier = self.db.query(_EARLIER, exchange.provider, exchange.response_id)
        amends = _amends(who.name, exchange, earlier)
        delta = _beyond(exchange, earlier, amends)
        if delta is None:
            return False
        counted = counting.counted(delta, who.count)
        self._store(who, exchange, delta, counted, len(earlier), now)
        self._add(who, exchange, delta, counted, _flags(exchange, earlier, amends), now)
        return True

    def _store(
        self, who: Spender, e: Exchange, delta: Tokens, counted: int, seq: int, now: float
    ) -> None:
        row = (
            who.name,
            who.agent,
            who.ancestry,
            e.provider,
            e.dialect,
            e.model,
            e.host,
            e.response_id,
            seq,
            *_classes(delta),
            counted,
            str(e.completeness),
            e.at,
            now,
            e.note,
        )
        self.books.book(row, e.provider, e.response_id)

    def _add(
        self,
        who: Spender,
        e: Exchange,
        delta: Tokens,
        counted: int,
        flags: tuple[int, int, int],
        now: float,
    ) -> None:
        hour = self.books.names(now)["hour"]
        key = (hour, who.name, who.agent, who.bottle, e.provider, e.model)
        self.books.add_rollup(key, (*_classes(delta), counted, *flags))
        self.books.add_spend(who.scopes, e.provider, counted, flags[0], now)


def _amends(account: str, exchange: Exchange, earlier: list[Row]) -> bool:
    """Final numbers of a response that the same bottle has only estimated so far."""
    return (
        bool(earlier)
        and exchange.completeness is Completeness.FINAL
        and all(row[0] == account and row[1] != Completeness.FINAL for row in earlier)
    )


def _beyond(exchange: Exchange, earlier: list[Row], amends: bool) -> Tokens | None:
    """What this report adds to the earlier ones of the same response; None: nothing."""
    if not earlier:
        return exchange.tokens
    known = [sum(int(row[i + 2]) for row in earlier) for i in range(len(CLASSES))]
    delta = [n - k for n, k in zip(_classes(exchange.tokens), known, strict=True)]
    if not amends:
        delta = [max(0, d) for d in delta]
    return Tokens(*delta) if amends or any(delta) else None


def _flags(exchange: Exchange, earlier: list[Row], amends: bool) -> tuple[int, int, int]:
    """Change of the counts of requests, partial and estimated responses."""
    before = str(earlier[0][1]) if amends else ""
    after = "" if earlier else str(exchange.completeness)
    kinds = (Completeness.PARTIAL, Completeness.ESTIMATED)
    partial, estimated = (int(after == k) - int(before == k) for k in kinds)
    return int(not earlier), partial, estimated


def _classes(tokens: Tokens) -> tuple[int, ...]:
    return (
        tokens.input_uncached,
        tokens.cache_read,
        tokens.cache_write_5m,
        tokens.cache_write_1h,
        tokens.output,
        tokens.reasoning,
    )


if Tokens.__struct_fields__ != CLASSES:  # the order above is the schema's
    raise TypeError("token classes and ledger columns differ")
