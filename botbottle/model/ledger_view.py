"""What the planner sees of the ledger: one consistent, immutable reading at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from botbottle.model import canonical
from botbottle.model.bottle import Policy, Scope, Window


class Pool(Struct, frozen=True, order=True):
    """A budget pool: one scope, provider and window with its limit and what is gone from it.

    ``limit`` already contains an operator's override. Tokens as the budget counts them;
    ``reserved`` is held by admitted requests that are still running. ``burn`` is tokens per
    second over the last minutes; ``resets_at`` the end of the window (epoch seconds) or None.
    """

    scope: str
    provider: str
    window: Window
    limit: int
    spent: int
    reserved: int = 0
    burn: float = 0.0
    resets_at: float | None = None
    override: bool = False  # the limit is an operator's, not the manifests'
    declared: int | None = None  # then: the limit that it stands in for, if there is one

    refused: bool = False  # a request did not fit into the little that is left

    @property
    def exhausted(self) -> bool:
        """Used up: nothing is left, or so little that a request was refused for it."""
        return self.spent >= self.limit or self.refused


class HoldRecord(Struct, frozen=True):
    """A standing order about a bottle: an operator's command, or a ``kill`` that stays until
    released. ``id`` identifies the trigger: one audit row is written for each."""

    account: str
    policy: Policy
    trigger: Literal["operator", "budget"]
    reason: str
    id: str
    at: float
    by: str = ""


class EnforcementRecord(Struct, frozen=True):
    """The newest carried-out action for a bottle that has not been lifted. ``resume``: an
    operator asked to continue this frozen bottle; the reconciler lifts it when that is done."""

    account: str
    policy: Policy
    trigger_id: str
    at: float
    resume: bool = False


class FreezeRecord(Struct, frozen=True):
    """A snapshot that a bottle can be resumed from."""

    account: str
    image: str
    manifest_digest: str
    at: float


class Registered(Struct, frozen=True):
    """An account as the ledger's gate judges it now. ``digest``: see ``registration_digest``;
    ``scopes`` without their limits, which are pools; ``count``: token classes, sorted."""

    digest: str
    scopes: tuple[Scope, ...] = ()
    mode: Literal["nearest", "all"] = "nearest"
    count: tuple[str, ...] = ()


class LedgerView(Struct, frozen=True):
    """The reading. ``now`` is the ledger's clock (epoch seconds), ``version`` grows with every
    change. ``coming`` are limits that were asked about and that the ledger does not have yet: what
    is gone of them already (their ``limit`` is 0). ``freezes`` maps an account to its listed
    snapshots, newest first."""

    now: float = 0.0
    version: int = 0
    pools: tuple[Pool, ...] = ()
    coming: tuple[Pool, ...] = ()
    holds: Mapping[str, HoldRecord] = field(default_factory=dict)
    enforced: Mapping[str, EnforcementRecord] = field(default_factory=dict)
    freezes: Mapping[str, tuple[FreezeRecord, ...]] = field(default_factory=dict)
    registered: Mapping[str, Registered] = field(default_factory=dict)
    watch_alive: bool = False


def registration_digest(
    scopes: tuple[Scope, ...],
    mode: str,
    count: tuple[str, ...],
    agent: str,
    ancestry: tuple[str, ...],
) -> str:
    """Digest of what RegisterAccount writes; equal means nothing to register."""
    return canonical.digest_text(canonical.quick([scopes, mode, count, agent, ancestry]))
