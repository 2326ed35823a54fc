"""Usage rows and the sums that are kept with them, in one transaction.

A response is counted once: a second report of the same id adds only what exceeds the first (a
replay adds nothing), a provider's final numbers replace an earlier estimate by the same bottle
exactly, and an estimate adds nothing to them (:mod:`botbottle.ledger.corrections`). What was
estimated is taken back where it stood, and what is final is booked when it comes, so no window is
given what another one spent. A report that comes with its admission's lease is this bottle's own
response, whatever others have booked under its id. Buckets follow the ledger's clock, not the
reporter's: a bottle cannot move its spending into another window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import batched

from botbottle.budget import counting, windows
from botbottle.ledger import corrections
from botbottle.ledger.base import dump, load
from botbottle.ledger.books import Pool
from botbottle.ledger.corrections import EARLIER, Classes, Earlier
from botbottle.ledger.db import ROWS
from botbottle.ledger.pools import Pools
from botbottle.model.usage import Completeness, Exchange, Tokens

PROVIDERS = 64  # of one account that something is kept at hand for: a sidecar may name any

_KNOWN = "SELECT response_id FROM usage WHERE provider = ? AND response_id IN"
_SINCE = "SELECT scope, since FROM account_scope WHERE account = ?"

type Kind = tuple[int, int, int]  # requests, partial and estimated ones

# By the text, which is what is stored; a member has the hash of its text.
_KIND: Mapping[str, Kind] = {
    Completeness.FINAL: (1, 0, 0),
    Completeness.PARTIAL: (1, 1, 0),
    Completeness.ESTIMATED: (1, 0, 1),
}
_NONE: Kind = (0, 0, 0)  # of a later report of the same response


class Spender:
    """What is needed of an account to book its usage."""

    __slots__ = ("_pools", "agent", "ancestry", "bottle", "count", "name", "scopes")

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
        self._pools: dict[str, tuple[Pool, ...]] = {}

    def pools(self, provider: str) -> tuple[Pool, ...]:
        """What all usage of a provider is added to, kept for the next time."""
        found = self._pools.get(provider)
        if found is None:
            found = tuple((scope, provider) for scope in self.scopes)
            if len(self._pools) < PROVIDERS:
                self._pools[provider] = found
        return found


class Spending(Pools):
    """Booking usage; the caller holds a write transaction."""

    def _book(self, who: Spender, exchange: Exchange, own: bool, now: float) -> bool:
        """Store one exchange and its sums; False for a replay. ``own``: the gate admitted it."""
        earlier = self._earlier(exchange.provider, exchange.response_id)
        if earlier:
            known = [row for row in earlier if row.account == who.name] if own else earlier
            return self._book_again(who, exchange, known, earlier[-1].seq + 1, now)
        counted = counting.counted(exchange.tokens, who.count)
        tokens = corrections.classes(exchange.tokens)
        self._store(who, exchange, tokens, counted, 0, now)
        self._add(who, exchange, tokens, counted, _KIND[exchange.completeness], now)
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

    def presume(self, exchanges: Sequence[Exchange]) -> None:
        """The table takes no second first row of a response, so nothing is counted twice."""
        self.books.rows.expect([(e.provider, e.response_id) for e in exchanges])

    def _earlier(self, provider: str, response_id: str) -> list[Earlier]:
        """The rows of a response."""
        if self.books.rows.is_new(provider, response_id):
            return []
        self.books.before(provider, response_id)
        return [corrections.earlier(row) for row in self.db.query(EARLIER, provider, response_id)]

    def _book_again(
        self, who: Spender, exchange: Exchange, known: list[Earlier], seq: int, now: float
    ) -> bool:
        """The same for a response that has rows; ``known`` are those that count. It is one request
        in the reports, of whoever has its first row, and so a correction of that row is."""
        if corrections.outdated(who.name, exchange, known):
            return False
        if corrections.amends(who.name, exchange, known):
            counted = counting.counted(exchange.tokens, who.count)
            self._take_back(who, exchange.provider, known, counted)
            added = corrections.classes(exchange.tokens)
            kind = _NONE if known[0].seq else _KIND[exchange.completeness]
            self._add(who, exchange, added, counted, kind, now)
            counted -= sum(row.counted for row in known)
            self._store(who, exchange, corrections.less(exchange, known), counted, seq, now)
            return True
        delta = tuple(max(0, d) for d in corrections.less(exchange, known))
        if known and not any(delta):
            return False
        counted = counting.counted(Tokens(*delta), who.count)
        self._store(who, exchange, delta, counted, seq, now)
        self._add(who, exchange, delta, counted, _NONE, now)
        return True

    def _take_back(
        self, who: Spender, provider: str, known: Sequence[Earlier], counted: int
    ) -> None:
        """An estimate was wrong, and ``counted`` tokens take its place: out of the sums with it.

        Only of scopes that the bottle has been in ever since: taken out of another's, it would
        give them tokens that they never lost.
        """
        since = {s: int(n) for s, n in self.db.query(_SINCE, who.name) if s in who.scopes}
        for row in known:
            flags = _NONE if row.seq else _KIND[row.completeness]
            self._report_less(provider, row, flags)
            scopes = tuple(s for s in who.scopes if since[s] < row.id)
            self.books.take_back(scopes, provider, row.counted, flags[0], row.recorded_at)
        self._forgive_less(since, provider, known, counted)

    def _report_less(self, provider: str, row: Earlier, flags: Kind) -> None:
        line = load(row.ancestry)
        hour, bottle = windows.bucket("hour", row.recorded_at), line[0] if line else ""
        key = (hour, row.account, row.agent, bottle, provider, row.model)
        self.books.add_rollup(key, tuple(-n for n in (*row.tokens, row.counted, *flags)))

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
        flags: Kind,
        now: float,
    ) -> None:
        self.books.turn(now)
        hour = self.books.names["hour"]
        key = (hour, who.name, who.agent, who.bottle, e.provider, e.model)
        self.books.add_rollup(key, (*delta, counted, *flags))
        self.books.add_spend(who.pools(e.provider), counted, flags[0])
