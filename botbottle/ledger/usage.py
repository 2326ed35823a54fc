"""Reports: sums from the hourly rollup, single exchanges from the rows themselves."""

# ruff: noqa: S608  # only constants of this package are put into SQL
from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from botbottle.budget import windows
from botbottle.ledger.api import Group
from botbottle.ledger.db import Row
from botbottle.ledger.pools import Pools
from botbottle.ledger.records import ExchangeRow, UsageRow
from botbottle.ledger.schema import BLOCK, CLASSES
from botbottle.model.usage import Tokens

_GROUPS: dict[Group, str] = {
    "account": "r.account",
    "agent": "r.agent",
    "bottle": "r.bottle",
    "provider": "r.provider",
    "model": "r.model",
    "hour": "r.hour",
    "day": "substr(r.hour, 1, 10)",
    "project": "a.project",
}
_SUMS = ", ".join(f"sum(r.{c})" for c in (*CLASSES, "counted", "requests", "partials", "estimates"))
_COLUMNS = ", ".join(CLASSES)
_BLOCKS = (
    "SELECT block FROM exchange_block WHERE account = ? AND block <= ? ORDER BY block DESC LIMIT ?"
)
PAGE = 128  # blocks


class Usage(Pools):
    """See ``api.Usage``."""

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
    ) -> tuple[UsageRow, ...]:
        columns = ", ".join(_GROUPS[g] for g in by)
        where, params = _filter(
            ("r.hour >= ?", None if since is None else windows.bucket("hour", since)),
            ("r.hour < ?", None if until is None else _hour_after(until)),
            ("r.account = ?", account or None),
            ("r.agent = ?", agent or None),
            ("r.provider = ?", provider or None),
            ("r.model = ?", model or None),
        )
        group = f" GROUP BY {columns} ORDER BY {columns}" if columns else ""
        self.db.flush()
        rows = self.db.query(
            f"SELECT {columns + ', ' if columns else ''}{_SUMS} FROM rollup r"
            f" LEFT JOIN account a ON a.name = r.account{where}{group}",
            *params,
        )
        return tuple(_usage_row(row, len(by)) for row in rows if row[-1] is not None)

    def exchanges(
        self, *, account: str = "", before: int = 0, limit: int = 100
    ) -> tuple[ExchangeRow, ...]:
        most = min(max(limit, 1), 10_000)
        with self.db.read():
            if account:
                rows = self._exchanges_of(account, before, most)
            else:
                rows = self._newest(most, ("id < ?", before or None))
        return tuple(_exchange_row(row) for row in rows)

    def _exchanges_of(self, account: str, before: int, most: int) -> list[Row]:
        """One account's, block by block, without reading everybody's."""
        rows: list[Row] = []
        block = (before or 2**62) // BLOCK
        while len(rows) < most:
            blocks = self.db.query(_BLOCKS, account, block, PAGE)
            for (block,) in blocks:
                rows += self._newest(
                    most - len(rows),
                    ("id >= ?", block * BLOCK),
                    ("id < ?", min(before or 2**62, (block + 1) * BLOCK)),
                    ("account = ?", account),
                )
                if len(rows) == most:
                    break
            if len(blocks) < PAGE:
                break
            block -= 1
        return rows

    def _newest(self, most: int, *conditions: tuple[str, object]) -> list[Row]:
        where, params = _filter(*conditions)
        return self.db.query(
            "SELECT id, account, agent, provider, dialect, model, host, response_id,"
            f" {_COLUMNS}, counted, completeness, at, recorded_at, seq, note"
            f" FROM usage{where} ORDER BY id DESC LIMIT ?",
            *params,
            most,
        )


def _filter(*conditions: tuple[str, object]) -> tuple[str, list[object]]:
    """A WHERE clause of the conditions whose value is given."""
    used = [(sql, value) for sql, value in conditions if value is not None]
    clause = " WHERE " + " AND ".join(sql for sql, _ in used) if used else ""
    return clause, [value for _, value in used]


def _hour_after(until: float) -> str:
    """First hour bucket that is wholly after ``until`` (exclusive bound)."""
    whole = until % 3600 == 0
    return windows.bucket("hour", until if whole else until + 3600)


def hour_start(bucket: str) -> float:
    """Epoch seconds of an hour bucket's start."""
    return datetime.strptime(bucket, "%Y-%m-%dT%H").replace(tzinfo=UTC).timestamp()


def _usage_row(row: Row, keys: int) -> UsageRow:
    numbers = [int(value) for value in row[keys:]]
    split = len(CLASSES)
    return UsageRow(
        tuple("" if k is None else str(k) for k in row[:keys]),
        Tokens(*numbers[:split]),
        *numbers[split:],
    )


def _exchange_row(row: Row) -> ExchangeRow:
    split = 8 + len(CLASSES)
    number, account, agent, provider, dialect, model, host, response_id = row[:8]
    counted, completeness, at, recorded, seq, note = row[split:]
    return ExchangeRow(
        id=number,
        account=account,
        agent=agent,
        provider=provider,
        dialect=dialect,
        model=model,
        host=host,
        response_id=response_id,
        tokens=Tokens(*row[8:split]),
        counted=counted,
        completeness=completeness,
        at=at,
        recorded_at=recorded,
        correction=seq > 0,
        note=note,
    )
