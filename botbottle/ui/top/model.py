"""What ``bb top`` shows: one frozen picture of the fleet, and the details of one bottle.

Times are seconds since the epoch, amounts tokens as budgets count them, rates tokens per second.
Nothing in here is a secret; texts that agents can influence are made harmless when they are
shown (``text.plain``), not here.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from botbottle.budget import projection
from botbottle.model import canonical
from botbottle.model.ledger_view import Pool

FORMAT_VERSION = "1.0"


class Budget(Struct, frozen=True):
    """A pool that governs a bottle. ``exhausted_in``: seconds at the pool's present burn, None
    when that lies behind the window's end or nothing is spent."""

    scope: str
    provider: str
    window: str
    spent: int
    limit: int
    reserved: int = 0
    burn: float = 0.0
    exhausted_in: float | None = None
    resets_in: float | None = None
    override: bool = False

    @property
    def share(self) -> float:
        """Spent part of the limit; 1.0 and more is exhausted, a limit of zero always is."""
        return self.spent / self.limit if self.limit > 0 else 1.0


def budget_of(pool: Pool, now: float) -> Budget:
    """A pool as shown."""
    end = projection.exhausted_at(pool, now)
    return Budget(
        pool.scope,
        pool.provider,
        pool.window,
        pool.spent,
        pool.limit,
        pool.reserved,
        pool.burn,
        None if end is None else max(end - now, 0.0),
        None if pool.resets_at is None else max(pool.resets_at - now, 0.0),
        pool.override,
    )


class Hold(Struct, frozen=True):
    """What holds a bottle back, and the command that lifts it."""

    policy: str
    reason: str
    way_out: str


class Row(Struct, frozen=True):
    """One bottle. ``state`` is the one word for it (see ``build.state``); ``burn`` is what the
    bottle itself spends; ``denials`` since its sidecar started, None while that is unknown;
    ``drift`` names the operations the last plan wanted."""

    bottle: str
    account: str
    agent: str
    provider: str
    declared: str
    state: str
    agent_state: str
    sidecar: str
    model: str = ""
    budgets: tuple[Budget, ...] = ()
    burn: float = 0.0
    last_activity: float | None = None
    streams: int = 0
    denials: int | None = None
    proposals: int = 0
    drift: tuple[str, ...] = ()
    held: Hold | None = None

    @property
    def tightest(self) -> Budget | None:
        """The fullest governing pool."""
        return max(self.budgets, key=lambda b: b.share, default=None)

    @property
    def exhausted_in(self) -> float | None:
        """Seconds until the first governing pool is used up."""
        return min(
            (b.exhausted_in for b in self.budgets if b.exhausted_in is not None), default=None
        )


class Ask(Struct, frozen=True):
    """A pending proposal."""

    id: str
    bottle: str
    kind: str
    payload: str
    justification: str
    expires_at: float


class Fleet(Struct, frozen=True):
    """The picture. ``problems`` says what could not be read; the rows then show the last answer.
    ``observed_at`` is when the engine last answered, 0 before that."""

    project: str = ""
    now: float = 0.0
    rows: tuple[Row, ...] = ()
    proposals: tuple[Ask, ...] = ()
    watch_alive: bool = False
    observed_at: float = 0.0
    problems: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """The document of ``bb top --once --json``."""
        data: dict[str, Any] = canonical.plain(self)
        for plain, row in zip(data["rows"], self.rows, strict=True):
            plain["exhausted_in"] = row.exhausted_in
        return {"format_version": FORMAT_VERSION, **data}


class Refused(Struct, frozen=True):
    """A request that the sidecar refused."""

    at: float
    code: str
    request: str
    reason: str


class Request(Struct, frozen=True):
    """A metered exchange."""

    at: float
    model: str
    counted: int
    completeness: str


class Entry(Struct, frozen=True):
    """A row of the audit chain."""

    at: float
    action: str
    text: str


class Detail(Struct, frozen=True):
    """One bottle closely. ``minutes``: tokens of each of the last 60 minutes, ``hours`` of the
    last 24 hours, oldest first; lists are newest first."""

    bottle: str
    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    routes: tuple[str, ...] = ()
    requests: tuple[Request, ...] = ()
    denials: tuple[Refused, ...] = ()
    audit: tuple[Entry, ...] = ()
    problem: str = ""
