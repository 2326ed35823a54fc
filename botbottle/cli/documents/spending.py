"""Documents about tokens: what was spent, and what limits it."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType


class UsageGroup(Struct, frozen=True, kw_only=True):
    """Sums of one group. It has those of ``account`` to ``project`` that ``by`` names; ``counted``
    is what budgets count of ``total``, ``partial`` and ``estimated`` count exchanges whose usage
    the provider told not at all or not to its end."""

    account: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    bottle: str | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    day: str | UnsetType = UNSET
    hour: str | UnsetType = UNSET
    project: str | UnsetType = UNSET
    input_uncached: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int
    total: int
    counted: int
    requests: int
    partial: int
    estimated: int


class Usage(Struct, frozen=True, kw_only=True):
    """Output of bb usage --json. ``budgets_count``: the token classes that budgets count."""

    by: tuple[str, ...]
    budgets_count: tuple[str, ...]
    rows: tuple[UsageGroup, ...]


class PoolRow(Struct, frozen=True, kw_only=True):
    """One limit. ``exhausted_in`` and ``resets_in``: seconds from now; null: at the present rate
    not before the window ends; there is no window."""

    scope: str
    provider: str
    window: str
    spent: int
    limit: int
    reserved: int
    burn_per_second: float
    exhausted_in: int | None
    resets_in: int | None


class Budgets(Struct, frozen=True, kw_only=True):
    """Output of bb budget show --json."""

    pools: tuple[PoolRow, ...]
