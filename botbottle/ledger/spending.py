"""Usage rows and the sums that are kept with them, in one transaction.

A response is counted once: a second report of the same id adds only what exceeds the first (a
replay adds nothing), and a provider's final numbers replace an earlier estimate by the same
bottle exactly: the estimate is taken back where it stood, and what is final is booked when it
comes, so no window is given what another one spent. A report that comes with its admission's
lease is this bottle's own response, whatever others have booked under its id. Buckets follow the
ledger's clock, not the reporter's: a bottle cannot move its spending into another window.
"""

# ruff: noqa: S608  # only constants of this package are put into SQL
from __future__ import annotations

from collections.abc import Sequence
from itertools import batched

from botbottle.budget import counting, windows
from botbottle.ledger.base import dump, load
from botbottle.ledger.db import ROWS, Row
from botbottle.ledger.pools import Pools
from botbottle.ledger.schema import CLASSES
from botbottle.model.usage import Completeness, Exchange, Tokens

_EARLIER = (
    f"SELECT account, completeness, {', '.join(CLASSES)}, counted, recorded_at, agent, ancestry,"
    " model FROM usage WHERE provider = ? AND response_id = ? ORDER BY seq"
)


type Classes = tuple[int, ...]  # tokens of each class, in the order of ``CLASSES``
_KNOWN = "SELECT DISTINCT response_id FROM usage WHERE provider = ? AND response_id IN"
_COUNTED = 2 + len(CLASSES)  # column


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


class Spending(Pools):
    """Booking usage; the caller holds a write transaction."""

    def _book(self, who: Spender, exchange: Exchange, own: bool, now: float) -> bool:
        """Store one exchange and its sums; False for a replay. ``own``: the gate admitted it."""
        earlier = self._earlier(exchange.provider, exchange.response_id)
        if earlier:
            known = [row for row in earlier if row[0] == who.name] if own else earlier
            return self._book_again(who, exchange, known, len(earlier), now)
        counted, classes = counting.counted(exchange.tokens, who.count), _classes(exchange.tokens)
        self._store(who, exchange, classes, counted, 0, now)
        self._add(who, exchange, classes, counted, _flags(exchange), now)
        return True

    def expect(self, exchanges: Sequence[Exchange]) -> None:
        """Look up at once what most of them turn out to be: responses without a row."""
        asked: dict[str, set[str]] = {}
        for e in exchanges:
            asked.setdefault(e.provider, set()).add(e.response_id)
        for provider, names in asked.items():
            for some in batched(sorted(names), ROWS):
                marks = ", ".join("?" * len(some))
                rows = self.db.query(f"{_KNOWN} ({marks})", provider, *some)
                new = set(some).difference(row[0] for row in rows)
                self.books.rows.expect((provider, name) for name in new)

    def _earlier(self, provider: str, response_id: str) -> list[Row]:
        """The rows of a response."""
        if self.books.rows.is_new(provider, response_id):
            return []
        self.books.before(provider, response_id)
        return self.db.query(_EARLIER, provider, response_id)

    def _book_again(
        self, who: Spender, exchange: Exchange, known: list[Row], seq: int, now: float
    ) -> bool:
        """The same for a response that has rows; ``known`` are those that count."""
        if _amends(who.name, exchange, known):
            counted = counting.counted(exchange.tokens, who.count)
            self._take_back(who, exchange.provider, known, counted)
            self._add(who, exchange, _classes(exchange.tokens), counted, _flags(exchange), now)
            counted -= sum(row[_COUNTED] for row in known)
            self._store(who, exchange, _less(exchange, known), counted, seq, now)
            return True
        delta = tuple(max(0, d) for d in _less(exchange, known))
        if known and not any(delta):
            return False
        counted = counting.counted(Tokens(*delta), who.count)
        self._store(who, exchange, delta, counted, seq, now)
        self._add(who, exchange, delta, counted, (0, 0, 0) if known else _flags(exchange), now)
        return True

    def _take_back(self, who: Spender, provider: str, known: list[Row], counted: int) -> None:
        """An estimate was wrong, and ``counted`` tokens take its place: out of the sums with it.

        What the spender booked below another agent or bottle stays in those scopes' sums: taken
        out of today's, it would give them tokens that they never lost.
        """
        rows = []
        for number, row in enumerate(known):
            tokens, at, agent, ancestry, model = row[_COUNTED:]
            flags = (0, 0, 0) if number else _kind(row[1])
            numbers = (*row[2:_COUNTED], tokens, *flags)
            line = load(ancestry)
            key = (windows.bucket("hour", at), row[0], agent, line[0] if line else "", provider)
            self.books.add_rollup((*key, model), tuple(-n for n in numbers))
            if (agent, ancestry) == (who.agent, who.ancestry):
                rows.append((tokens, at))
                self.books.take_back(who.scopes, provider, tokens, flags[0], at)
        self._forgive_less(who.scopes, provider, rows, counted)

    def _store(
        self, who: Spender, e: Exchange, delta: Classes, counted: int, seq: int, now: float
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
            *delta,
            counted,
            e.completeness.value,
            e.at,
            now,
            e.note,
        )
        self.books.rows.add(row, e.provider, e.response_id)

    def _add(
        self,
        who: Spender,
        e: Exchange,
        delta: Classes,
        counted: int,
        flags: tuple[int, int, int],
        now: float,
    ) -> None:
        self.books.turn(now)
        hour = self.books.names["hour"]
        key = (hour, who.name, who.agent, who.bottle, e.provider, e.model)
        self.books.add_rollup(key, (*delta, counted, *flags))
        self.books.add_spend(who.scopes, e.provider, counted, flags[0])


def _amends(account: str, exchange: Exchange, known: list[Row]) -> bool:
    """Final numbers of a response that the same bottle has only estimated so far."""
    return (
        bool(known)
        and exchange.completeness is Completeness.FINAL
        and all(row[0] == account and row[1] != Completeness.FINAL for row in known)
    )


def _less(exchange: Exchange, known: list[Row]) -> Classes:
    """The classes of a report without those of earlier ones of the same response."""
    sums = [sum(row[i + 2] for row in known) for i in range(len(CLASSES))]
    return tuple(n - k for n, k in zip(_classes(exchange.tokens), sums, strict=True))


def _flags(exchange: Exchange) -> tuple[int, int, int]:
    return _kind(exchange.completeness)


def _kind(completeness: str) -> tuple[int, int, int]:
    """Counts of requests, partial and estimated responses of one response."""
    return 1, int(completeness == Completeness.PARTIAL), int(completeness == Completeness.ESTIMATED)


def _classes(tokens: Tokens) -> Classes:
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
