"""The plan: what would change, why, in which order, and what it adds to anybody's reach.

``Op`` is a closed union of frozen dataclasses; each maps to one engine, control or ledger call.
An op names containers and networks by ``Ref``: a known id, or the name another op of the same
plan creates. Ops hold no decision beyond their own fields and no secret.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Literal

from botbottle.model import canonical
from botbottle.model.bottle import Policy, Scope
from botbottle.model.diagnostic import Origin
from botbottle.model.resources import Attachment, ContainerSpec, Limits, NetworkSpec, VolumeSpec
from botbottle.model.sidecar_config import SidecarConfig

FORMAT_VERSION = "1.0"


class Action(enum.StrEnum):
    """What happens to a resource; the symbols are the plan's own."""

    CREATE = "create"
    START = "start"
    STOP = "stop"
    UPDATE = "update"
    REPLACE = "replace"
    REMOVE = "remove"
    ADOPT = "adopt"
    HOLD = "hold"
    NOOP = "no-op"

    @property
    def symbol(self) -> str:
        return _SYMBOLS[self]


_SYMBOLS = {
    Action.CREATE: "+", Action.START: ">", Action.STOP: "<", Action.UPDATE: "~",
    Action.REPLACE: "±", Action.REMOVE: "-", Action.ADOPT: "@", Action.HOLD: "!",
    Action.NOOP: "=",
}  # fmt: skip


class Reach(enum.StrEnum):
    """What a change does to what a bottle can reach or spend."""

    NARROWS = "narrows"
    NEUTRAL = "neutral"
    WIDENS = "widens"


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """A container or network: by ``id`` when observed, else by the ``name`` an op creates."""

    name: str
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What every op has. ``id`` is deterministic and unique in a plan; ``after`` lists ids that
    must be done first; ``expect`` is a digest of the observed fragment the op relies on (empty:
    nothing); ``best_effort``: a failure is reported but blocks nothing."""

    id: str
    resource: str  # "web/agent", "web/egress", "web/internal", "ledger"
    bottle: str  # "" for resources of the whole project or home
    reason: str  # machine code, may grow: readers treat unknown ones as unspecified
    after: tuple[str, ...] = ()
    expect: str = ""
    best_effort: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsureImage(Base):
    """Build the image ``tag`` (recipe ``recipe``) unless it exists."""

    recipe: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNetwork(Base):
    spec: NetworkSpec
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveNetwork(Base):
    ref: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateVolume(Base):
    spec: VolumeSpec
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveVolume(Base):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateContainer(Base):
    """``labels`` carry ownership, spec and hash; ``directories`` (host paths with mode) are made
    first; ``name`` may be a temporary one that a later RenameContainer settles."""

    spec: ContainerSpec
    name: str
    labels: tuple[tuple[str, str], ...]
    directories: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StartContainer(Base):
    ref: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class StopContainer(Base):
    ref: Ref
    timeout: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseContainer(Base):
    ref: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpauseContainer(Base):
    ref: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveContainer(Base):
    ref: Ref
    kill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameContainer(Base):
    ref: Ref
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateContainer(Base):
    ref: Ref
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectNetwork(Base):
    ref: Ref
    network: Ref
    attachment: Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectNetwork(Base):
    ref: Ref
    network: Ref


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
class CommitImage(Base):
    """Snapshot a paused container into the image ``tag``."""

    ref: Ref
    tag: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveImage(Base):
    tag: str


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


type Op = (
    EnsureImage | CreateNetwork | RemoveNetwork | CreateVolume | RemoveVolume | CreateContainer
    | StartContainer
    | StopContainer | PauseContainer | UnpauseContainer | RemoveContainer | RenameContainer
    | UpdateContainer | ConnectNetwork | DisconnectNetwork | AwaitReady | PushConfig
    | DeliverEnv | CopyFiles | CommitImage | RemoveImage | RegisterAccount | RetireAccount
    | RecordEnforcement
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One managed field, old → new, both as short text without secrets."""

    path: str
    old: str
    new: str
    origins: tuple[Origin, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one resource, for people and machines; carried out by ``ops``."""

    resource: str
    bottle: str
    action: Action
    reason: str
    fields: tuple[FieldChange, ...] = ()
    drift: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReachChange:
    """One (host, port, method, path rule, credential) gained or lost by a bottle."""

    bottle: str
    reach: Reach
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """An analyzer's finding: ``code`` BB3xx/BB7xx, ``needs`` the approval it asks for."""

    code: str
    bottle: str
    message: str
    needs: Literal["", "widen", "destroy", "budget"] = ""
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """Budget state for display: tokens spent and limit of one scope and provider."""

    scope: str
    provider: str
    window: str
    spent: int
    limit: int
    governs: tuple[str, ...] = ()  # bottles
    exhausted_at: float | None = None  # projection, seconds since the epoch


@dataclass(frozen=True, slots=True)
class Held:
    """A bottle that enforcement holds back, and the way out."""

    bottle: str
    policy: Policy
    reason: str
    way_out: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole answer. ``digest`` covers ops and changes: same diff, same digest."""

    project: str
    changes: tuple[Change, ...] = ()
    ops: tuple[Op, ...] = ()
    reach: tuple[ReachChange, ...] = ()
    notices: tuple[Notice, ...] = ()
    budgets: tuple[BudgetRow, ...] = ()
    held: tuple[Held, ...] = ()
    unchanged: int = 0
    left_out: int = 0  # by --only
    bb_version: str = ""
    format_version: str = FORMAT_VERSION

    @property
    def empty(self) -> bool:
        """Nothing to do."""
        return not self.ops

    @property
    def digest(self) -> str:
        """16 hex digits over what would be done and why; independent of unrelated state: of the
        addresses that happen to be free, and of secret values (which credentials go where is
        approved, not what they are today)."""
        text = canonical.canonical({"ops": list(map(_approved, self.ops)), "p": self.project})
        fresh = (op.spec.subnet for op in self.ops if isinstance(op, CreateNetwork))
        return hashlib.sha256(_without_addresses(text, fresh).encode()).hexdigest()[:16]

    @property
    def needs(self) -> tuple[str, ...]:
        """Approvals the notices ask for, sorted."""
        return tuple(sorted({n.needs for n in self.notices if n.needs}))

    def count(self, action: Action) -> int:
        return sum(1 for c in self.changes if c.action is action)


def _approved(op: Op) -> dict[str, Any]:
    data = op_wire(op)
    data.pop("labels", None)  # follow from the spec
    for key in ("secrets", "names"):
        if key in data:
            data[key] = [name for name, _ in data[key]]
    return data


_ADDRESS = re.compile(r'"[\d.]+/\d+"|(?<![\d.])\d+(?:\.\d+){3}(?![\d.])')


def _without_addresses(text: str, subnets: Iterable[str]) -> str:
    """Replace the addresses of subnets that are yet to be made by their place in them."""
    places = {}
    for number, subnet in enumerate(subnets):
        first = ip_network(subnet).network_address
        places[f'"{subnet}"'] = f'"net{number}"'
        places |= {str(first + o): f"net{number}.{o}" for o in range(2, 6)}  # sidecars, agent
    return _ADDRESS.sub(lambda m: places.get(m[0], m[0]), text) if places else text


def op_wire(op: Op) -> dict[str, Any]:
    """An op as plain data with its class name under ``op``."""
    data: dict[str, Any] = canonical.plain(op)
    if isinstance(op, PushConfig):
        data["config"] = op.config.to_wire()
    return {"op": type(op).__name__, **data}
