"""What a plan tells besides its ops: changes, reach, notices, budgets, and what is held."""

from __future__ import annotations

import enum
from typing import Literal

from msgspec import Struct

from botbottle.model.bottle import Policy
from botbottle.model.diagnostic import Origin


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


class FieldChange(Struct, frozen=True):
    """One managed field, old → new, both as short text without secrets."""

    path: str
    old: str
    new: str
    origins: tuple[Origin, ...] = ()


class Change(Struct, frozen=True):
    """What happens to one resource, for people and machines; carried out by ``ops``."""

    resource: str
    bottle: str
    action: Action
    reason: str
    fields: tuple[FieldChange, ...] = ()
    drift: bool = False
    note: str = ""


class ReachChange(Struct, frozen=True):
    """One (host, port, method, path rule, credential) gained or lost by a bottle."""

    bottle: str
    reach: Reach
    text: str


# Codes of what nothing that is planned mends, and nobody should overlook: a stranger on a bottle's
# network, a lost ledger.
ALARMS = frozenset({"BB332", "BB333"})


class Notice(Struct, frozen=True):
    """An analyzer's finding: ``code`` BB3xx/BB7xx, ``needs`` the approval it asks for."""

    code: str
    bottle: str
    message: str
    needs: Literal["", "widen", "destroy", "budget"] = ""
    origin: Origin | None = None


class BudgetRow(Struct, frozen=True):
    """Budget state for display: tokens spent and limit of one scope and provider."""

    scope: str
    provider: str
    window: str
    spent: int
    limit: int
    governs: tuple[str, ...] = ()  # bottles
    exhausted_at: float | None = None  # projection, seconds since the epoch


class Held(Struct, frozen=True):
    """A bottle that enforcement holds back, and the way out."""

    bottle: str
    policy: Policy
    reason: str
    way_out: str
