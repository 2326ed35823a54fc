"""Ops on what is inside: sidecars, an agent's files and variables, and the ledger."""

from __future__ import annotations

from typing import Literal

from botbottle.model.bottle import Policy, Scope
from botbottle.model.plan.base import Base, Ref
from botbottle.model.sidecar_config import SidecarConfig


class AwaitReady(Base, frozen=True, kw_only=True):
    """Wait until the sidecar (``control``: host directory of its socket) or the ledger service
    answers; ``seconds`` bounds the wait."""

    ref: Ref
    control: str
    seconds: float = 30.0


class PushConfig(Base, frozen=True, kw_only=True):
    """Deliver config and secrets to a running egress sidecar, in memory. ``secrets`` maps each
    name to the fingerprint of the value to deliver; the executor's vault holds the values."""

    control: str
    config: SidecarConfig
    secrets: tuple[tuple[str, str], ...]


class DeliverEnv(Base, frozen=True, kw_only=True):
    """Write asked and copied variables into the agent's tmpfs, then keep them, and which start
    of the agent has them, in the sidecar's memory (``control``)."""

    ref: Ref
    control: str = ""
    names: tuple[tuple[str, str], ...]  # variable → fingerprint


class CopyFiles(Base, frozen=True, kw_only=True):
    """Copy provider files into a created agent, before its first start: ``texts`` (prompt,
    program settings) as container path → content, ``files`` (skills, workspace) as host
    path → container path. All end up owned by the agent's user."""

    ref: Ref
    files: tuple[tuple[str, str], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()


class RegisterAccount(Base, frozen=True, kw_only=True):
    """Write a bottle's scopes, limits and counting rules to the ledger (before it starts)."""

    account: str
    scopes: tuple[Scope, ...]
    mode: Literal["nearest", "all"]
    count: tuple[str, ...]  # token classes that budgets count
    agent: str = ""
    ancestry: tuple[str, ...] = ()


class RetireAccount(Base, frozen=True, kw_only=True):
    """The bottle is gone: its socket is closed, its history kept."""

    account: str


class ChangePolicy(Base, frozen=True, kw_only=True):
    """Audit that a used-up budget means another ``policy`` for the bottle than ``before``. The
    apply that carries it out keeps the set in which it stands."""

    account: str
    before: Policy
    policy: Policy


class RecordEnforcement(Base, frozen=True, kw_only=True):
    """Append the audit row of a policy that was carried out, or (``lift``) of its lifting."""

    account: str
    policy: Policy
    trigger: str
    lift: bool = False
    before: str
    after_state: str
