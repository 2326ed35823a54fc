"""What another report of a response that has rows already means for them. Pure.

Final numbers amend an estimate only where both are about one thing: the same bottle's, told by
the same host in the same dialect. A line of a batch's results, which is read out of a file, may
name any id; it says nothing about a response.
"""

# ruff: noqa: S608  # only constants of this package are put into SQL
from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from botbottle.ledger.db import Row
from botbottle.ledger.schema import CLASSES
from botbottle.model.usage import Completeness, Exchange, Tokens

type Classes = tuple[int, ...]  # tokens of each class, in the order of ``CLASSES``

EARLIER = (
    "SELECT id, seq, account, agent, ancestry, dialect, host, model, completeness, recorded_at,"
    f" counted, {', '.join(CLASSES)} FROM usage"
    " WHERE provider = ? AND response_id = ? ORDER BY seq"
)
_FIRST_CLASS = 11  # column


class Earlier(Struct, frozen=True):
    """A row of a response; those after the first hold differences."""

    tokens: Classes
    id: int
    seq: int
    account: str
    agent: str
    ancestry: str
    dialect: str
    host: str
    model: str
    completeness: str
    recorded_at: float
    counted: int


def earlier(row: Row) -> Earlier:
    """One row of what ``EARLIER`` asks for."""
    return Earlier(row[_FIRST_CLASS:], *row[:_FIRST_CLASS])


def amends(account: str, exchange: Exchange, known: Sequence[Earlier]) -> bool:
    """Final numbers of a response that the same bottle has only estimated so far."""
    return (
        bool(known)
        and exchange.completeness is Completeness.FINAL
        and all(_same(account, exchange, row) and not _final(row) for row in known)
    )


def outdated(account: str, exchange: Exchange, known: Sequence[Earlier]) -> bool:
    """An estimate of a response whose final numbers the same bottle has reported."""
    return exchange.completeness is not Completeness.FINAL and any(
        _same(account, exchange, row) and _final(row) for row in known
    )


def _same(account: str, exchange: Exchange, row: Earlier) -> bool:
    return (row.account, row.dialect, row.host) == (account, exchange.dialect, exchange.host)


def _final(row: Earlier) -> bool:
    return row.completeness == Completeness.FINAL


def less(exchange: Exchange, known: Sequence[Earlier]) -> Classes:
    """The classes of a report without those of earlier ones of the same response."""
    sums = [sum(row.tokens[i] for row in known) for i in range(len(CLASSES))]
    return tuple(n - k for n, k in zip(classes(exchange.tokens), sums, strict=True))


def classes(tokens: Tokens) -> Classes:
    """Tokens of each class."""
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
