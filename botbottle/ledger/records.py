"""What the ledger gives back: frozen records in terms of the domain, never rows or SQL.

Times are seconds since the epoch, amounts are tokens as budgets count them unless said
otherwise. Everything here is free of secrets by construction: the ledger never holds one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

from botbottle.model.bottle import Policy, Scope, Window
from botbottle.model.usage import Tokens

type RefusalCode = Literal[
    "budget-exhausted",  # the governing pool is spent, or the rest of it is too small
    "budget-reserved",  # what is left is held by requests in flight: worth retrying soon
    "held",  # an operator's command or a kill that stands until released
    "unknown-account",
    "too-many-in-flight",
    "flood",  # the sidecar asks too often
    "bad-request",  # the sidecar asked something impossible
    "unavailable",  # no ledger, no metered traffic
]
type EventKind = Literal["denial", "finding", "request", "alarm"]
type ProposalStatus = Literal["pending", "approved", "rejected", "expired"]


class Admitted(Struct, frozen=True):
    """A request may be sent. ``lease`` names the reservation of ``reserved`` tokens until
    ``expires``; ``room`` is what is left in the tightest governing pool after it, and ``scope``,
    ``limit``, ``spent``, ``window`` describe that pool (empty and None: nothing governs).
    ``count`` names the token classes that these amounts are of (empty: all)."""

    lease: str
    expires: float
    reserved: int = 0
    room: int | None = None
    scope: str = ""
    window: Window = ""
    limit: int | None = None
    spent: int = 0
    count: tuple[str, ...] = ()


class Refusal(Struct, frozen=True):
    """A request may not be sent. ``retry_after`` is seconds, None when waiting does not help."""

    code: RefusalCode
    message: str
    provider: str = ""
    scope: str = ""
    window: Window = ""
    limit: int | None = None
    spent: int = 0
    room: int = 0
    retry_after: float | None = None
    policy: Policy | Literal[""] = ""


class Progress(Struct, frozen=True):
    """Answer to a running request: ``cut`` it now? ``room`` is left in the tightest pool."""

    cut: bool
    room: int | None = None
    reason: str = ""


class Settled(Struct, frozen=True):
    """Usage is durable. ``crossed``: some governing pool has nothing left."""

    recorded: int
    duplicates: int
    room: int | None = None
    crossed: bool = False


class Account(Struct, frozen=True):
    """A bottle as the ledger knows it."""

    name: str
    agent: str
    ancestry: tuple[str, ...]
    mode: Literal["nearest", "all"]
    count: tuple[str, ...]
    scopes: tuple[Scope, ...]
    registered_at: float
    retired_at: float | None = None


class UsageRow(Struct, frozen=True):
    """Summed usage of one group. ``keys`` holds the grouping values in the order asked for."""

    keys: tuple[str, ...]
    tokens: Tokens
    counted: int
    requests: int
    partial: int = 0
    estimated: int = 0


class ExchangeRow(Struct, frozen=True):
    """One stored exchange, newest first in listings. ``correction``: an amendment of an earlier
    row of the same response (its classes are the difference)."""

    id: int
    account: str
    agent: str
    provider: str
    dialect: str
    model: str
    host: str
    response_id: str
    tokens: Tokens
    counted: int
    completeness: str
    at: float
    recorded_at: float
    correction: bool = False
    note: str = ""


class AuditRow(Struct, frozen=True):
    """One link of the audit chain. ``hash`` covers everything else and ``prev``."""

    seq: int
    at: float
    action: str  # enforce | lift | hold | release | limit | reset | proposal | ...
    account: str  # or the scope an action is about
    policy: str
    trigger: str
    by: str
    before: str
    after: str
    detail: str
    prev: str
    hash: str


class AuditCheck(Struct, frozen=True):
    """Result of verifying the chain: ``head`` is worth keeping elsewhere (a chain rewritten as
    a whole is only caught by comparing heads)."""

    ok: bool
    rows: int
    head: str
    problem: str = ""


class JournalRow(Struct, frozen=True):
    """An operation's intent and, when there is one, its outcome."""

    id: int
    run: str
    project: str
    op: str
    op_id: str
    resource: str
    started_at: float
    outcome: str = ""  # "" means: started and never finished
    finished_at: float | None = None
    detail: str = ""


class Generation(Struct, frozen=True):
    """One applied desired set; ``digest`` finds its document."""

    id: int
    project: str
    digest: str
    at: float
    by: str
    plan_digest: str


class Proposal(Struct, frozen=True):
    """Something a bottle asks an operator for, over MCP or because DLP held a request."""

    id: str
    account: str
    kind: str
    payload: Mapping[str, Any]
    justification: str
    status: ProposalStatus
    created_at: float
    expires_at: float
    decided_at: float | None = None
    by: str = ""
    reason: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)


class LedgerEvent(Struct, frozen=True):
    """A denial, finding, request or alarm that a sidecar or the service reported."""

    id: int
    account: str
    at: float
    kind: EventKind
    data: Mapping[str, Any]


class Heartbeat(Struct, frozen=True):
    """The last sign of life of a bottle's sidecar, with what it said."""

    account: str
    at: float
    status: Mapping[str, Any]


class WatchLease(Struct, frozen=True):
    """The right to enforce. ``epoch`` grows with every change of holder (a fencing token)."""

    name: str
    holder: str
    epoch: int
    expires: float
    info: str = ""


class LimitRow(Struct, frozen=True):
    """A limit in force: ``declared`` by manifests (None: only an override), ``override`` by an
    operator; ``baseline`` is what a reset has forgiven in the current window."""

    scope: str
    provider: str
    window: Window
    declared: int | None
    override: int | None
    baseline: int = 0

    @property
    def tokens(self) -> int:
        """What counts: the override when there is one."""
        return self.override if self.override is not None else self.declared or 0


class Health(Struct, frozen=True):
    """Result of a check: ``problems`` is empty when the ledger is sound."""

    backend: str
    schema: int
    rows: Mapping[str, int]
    size: int  # bytes
    problems: tuple[str, ...] = ()
