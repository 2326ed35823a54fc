"""Ops on what is inside: sidecars, an agent's files and variables, and the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from botbottle.model.bottle import Policy, Scope
from botbottle.model.plan.base import Base, Ref
from botbottle.model.sidecar_config import SidecarConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitReady(Base):
    """Wait until the sidecar (``control``: host directory of its socket) or the ledger service
    answers; ``seconds`` bounds the wait."""

    ref: Ref
    control: str
    seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PushConfig(Base):
    """Deliver config and secrets to a running egress sidecar, in memory. ``secrets`` maps each
    name to the fingerprint of the value to deliver; the executor's vault holds the values."""

    control: str
    config: SidecarConfig
    secrets: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverEnv(Base):
    """Write asked and copied variables into the agent's tmpfs, then keep them, and which start
    of the agent has them, in the sidecar's memory (``control``)."""

    ref: Ref
    control: str = ""
    names: tuple[tuple[str, str], ...]  # variable → fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFiles(Base):
    """Copy provider files into a created agent, before its first start: ``texts`` (prompt,
    program settings) as container path → content, ``files`` (skills, workspace) as host
    path → container path. All end up owned by the agent's user."""

    ref: Ref
    files: tuple[tuple[str, str], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterAccount(Base):
    """Write a bottle's scopes, limits and counting rules to the ledger (before it starts)."""

    account: str
    scopes: tuple[Scope, ...]
    mode: Literal["nearest", "all"]
    count: tuple[str, ...]  # token classes that budgets count
    agent: str = ""
    ancestry: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireAccount(Base):
    """The bottle is gone: its socket is closed, its history kept."""

    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEnforcement(Base):
    """Append the audit row of a policy that was carried out, or (``lift``) of its lifting."""

    account: str
    policy: Policy
    trigger: str
    lift: bool = False
    before: str
    after_state: str
