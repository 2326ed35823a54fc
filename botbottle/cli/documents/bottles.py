"""Documents about bottles: what is declared, what is there, where a value comes from."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from botbottle.model.left import Left


class StatusBudget(Struct, frozen=True, kw_only=True):
    """A pool that governs the bottle."""

    scope: str
    provider: str
    window: str
    spent: int
    limit: int


class Held(Struct, frozen=True, kw_only=True):
    """What holds a bottle back, and the command that lifts it."""

    policy: str
    reason: str
    way_out: str


class StatusRow(Struct, frozen=True, kw_only=True):
    """One bottle. ``declared``: the state that is wanted, ``no`` for one that is not declared any
    more; ``agent``: the container's state, or ``absent``; ``pending``: ids of the operations that
    a plan has for it; ``drift``: whether somebody else changed what was applied."""

    name: str
    provider: str
    declared: str
    agent: str
    sidecar: str
    budget: tuple[StatusBudget, ...]
    held: Held | None
    pending: tuple[str, ...]
    drift: bool


class Alarm(Struct, frozen=True, kw_only=True):
    """A plan's notice of what nobody should overlook: BB332 a stranger on a bottle's network, BB333
    a ledger that was lost."""

    code: str
    bottle: str
    message: str


class Reported(Struct, frozen=True, kw_only=True):
    """An alarm of the ledger service, the newest of its code in the last 24 hours: usage that could
    only be estimated, a sidecar that asked what no honest one does. ``times``: how often it was."""

    bottle: str
    code: str
    message: str
    at: float
    times: int


class Status(Struct, frozen=True, kw_only=True):
    """Output of bb status --json: bottles by name. ``lost``: what other projects of this home have
    left behind, whose folder is gone."""

    project: str
    bottles: tuple[StatusRow, ...]
    alarms: tuple[Alarm, ...]
    reported: tuple[Reported, ...] = ()
    lost: tuple[Left, ...]


class ListRow(Struct, frozen=True, kw_only=True):
    """A declared thing. ``active`` maps instances to container states; null: unknown."""

    kind: str
    name: str
    layer: str
    file: str
    active: dict[str, str] | None = None


class Listing(Struct, frozen=True, kw_only=True):
    """Output of bb list --json: agents, then bottles."""

    rows: tuple[ListRow, ...]


class Place(Struct, frozen=True, kw_only=True):
    """Where a value is written; ``file`` is empty and ``line`` 0 for a default. ``value`` is given
    for what was overridden."""

    layer: str
    file: str
    line: int
    column: int
    value: str | UnsetType = UNSET


class Value(Struct, frozen=True, kw_only=True):
    """One effective value, with the place that won and those that lost."""

    path: str
    value: str
    winner: Place
    overridden: tuple[Place, ...]


class Explanation(Struct, frozen=True, kw_only=True):
    """Output of bb explain --json."""

    bottle: str
    values: tuple[Value, ...]


class Info(Struct, frozen=True, kw_only=True):
    """Output of bb info --json: every effective value of one bottle."""

    bottle: str
    agent: str
    project: str
    layer: str
    ancestry: tuple[str, ...]
    scopes: tuple[str, ...]
    prompt_characters: int
    values: tuple[Value, ...]
