"""What bottles did lately, from stored exchanges: rate, last sign, model, minutes.

Pure bookkeeping: exchanges go in newest first as the ledger lists them, each one once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from botbottle.budget.projection import BURN_SECONDS, burn_rate
from botbottle.ledger.records import ExchangeRow

KEPT_SECONDS = 3600.0
KEPT_ROWS = 4000  # of each bottle; a bottle that does more in an hour shows the newest


class Past(Struct):
    """One bottle's last hour: (recorded at, counted tokens), oldest first."""

    spent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=KEPT_ROWS))
    last: float | None = None
    model: str = ""

    def add(self, row: ExchangeRow) -> None:
        self.spent.append((row.recorded_at, row.counted))
        self.last = max(self.last or 0.0, row.recorded_at)
        self.model = row.model or self.model

    def forget(self, before: float) -> None:
        while self.spent and self.spent[0][0] < before:
            self.spent.popleft()


class Activity:
    """Every bottle's recent past, by account. ``newest`` is the id to read on from."""

    def __init__(self) -> None:
        self.newest = 0
        self._past: dict[str, Past] = {}

    def feed(self, rows: Sequence[ExchangeRow], now: float) -> None:
        """Add what is new among ``rows`` (newest first); forget what is old."""
        for row in reversed(rows):
            if row.id > self.newest:
                self.newest = row.id
                self._past.setdefault(row.account, Past()).add(row)
        for past in self._past.values():
            past.forget(now - KEPT_SECONDS)

    def burn(self, account: str, now: float) -> float:
        """Tokens per second over the time that budgets use for it too."""
        return burn_rate(sum(n for at, n in self._of(account).spent if at > now - BURN_SECONDS))

    def last(self, account: str) -> float | None:
        return self._of(account).last

    def model(self, account: str) -> str:
        """The model of the newest exchange."""
        return self._of(account).model

    def minutes(self, account: str, now: float) -> tuple[int, ...]:
        """Tokens of each of the last 60 minutes, oldest first."""
        return binned(self._of(account).spent, now, 60, 60.0)

    def _of(self, account: str) -> Past:
        return self._past.get(account) or Past()


def binned(
    spent: Iterable[tuple[float, int]], now: float, count: int, width: float
) -> tuple[int, ...]:
    """Sums in ``count`` bins of ``width`` seconds that end at ``now``, oldest first."""
    out = [0] * count
    for at, tokens in spent:
        back = int((now - at) // width)
        if 0 <= back < count:
            out[count - 1 - back] += tokens
    return tuple(out)
