"""What is worth telling an operator, decided from one reading of the ledger. Pure.

A notice has a key. It is told when its key becomes true and not again while it stays true, so a
pool at 96 % is announced once and a bottle that is held is announced once for each trigger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct, field

from botbottle.model.bottle import Declared
from botbottle.model.ledger_view import LedgerView, Pool
from botbottle.model.paths import account
from botbottle.planner.enforce import governing, pools_by_scope, raising
from botbottle.planner.plan import states_of
from botbottle.planner.wanted import providers_of

LEVELS = (100, 95, 80)  # per cent of a governing pool
BURST = 20  # denials of one bottle ...
BURST_SECONDS = 60.0  # ... within so many seconds

type Kind = Literal["budget", "hold", "denials", "proposal", "alarm"]


class Notice(Struct, frozen=True):
    """One thing to tell. ``subject`` is a bottle or a scope; ``next`` the command that helps."""

    key: str
    kind: Kind
    subject: str
    text: str
    next: str = ""

    def wire(self, at: float) -> dict[str, Any]:
        """JSON for commands and webhooks; ``at`` in epoch seconds."""
        return {
            "format_version": "1.0",
            "at": at,
            "kind": self.kind,
            "subject": self.subject,
            "text": self.text,
            "next": self.next,
        }


class Moment(Struct, frozen=True):
    """One reading. ``denials``: account → denials within the last BURST_SECONDS. ``proposals``:
    (id, account, kind) of those that wait for a decision. ``alarms``: (account, code) → what the
    ledger service said of the last one within BURST_SECONDS."""

    view: LedgerView
    denials: Mapping[str, int] = field(default_factory=dict)
    proposals: tuple[tuple[str, str, str], ...] = ()
    alarms: Mapping[tuple[str, str], str] = field(default_factory=dict)


def notices(
    declared: Declared, moment: Moment, told: frozenset[str]
) -> tuple[tuple[Notice, ...], frozenset[str]]:
    """What to tell now, and the keys that are true now (give them back next time)."""
    now = {n.key: n for n in _all(declared, moment)}
    return tuple(n for key, n in now.items() if key not in told), frozenset(now)


def _all(declared: Declared, moment: Moment) -> Iterator[Notice]:
    yield from _budgets(declared, moment.view)
    yield from _holds(declared, moment.view)
    yield from _denials(declared, moment)
    mine = {account(declared.project.id, b.name): b.name for b in declared.bottles}
    for (who, code), text in sorted(moment.alarms.items()):
        if who in mine:
            name = mine[who]
            told = f"{name}: {text}"
            yield Notice(f"alarm:{name}:{code}", "alarm", name, told, f"bb findings {name}")
    for identity, who, kind in moment.proposals:
        if who in mine:
            yield Notice(
                f"proposal:{identity}",
                "proposal",
                mine[who],
                f"{mine[who]} asks for a decision: {kind}",
                "bb proposals",
            )


def _budgets(declared: Declared, view: LedgerView) -> Iterator[Notice]:
    pools, mode = pools_by_scope(view), declared.settings.budget_mode
    found = {p for b in declared.bottles for p in governing(b, providers_of(b), mode, pools)}
    for pool in sorted(found):
        level = next((n for n in LEVELS if reached(pool, n)), 0)
        if level:
            yield _budget(pool, level)


def reached(pool: Pool, level: int) -> bool:
    """Whether at least ``level`` per cent are spent; in whole numbers, so never off by a hair."""
    return pool.spent * 100 >= pool.limit * level


def _budget(pool: Pool, level: int) -> Notice:
    window = f" this {pool.window}" if pool.window else ""
    return Notice(
        f"budget:{pool.scope}:{pool.provider}:{pool.window}:{pool.limit}:{pool.resets_at}:{level}",
        "budget",
        pool.scope,
        f"{pool.scope} has used {level} % of its {pool.provider} budget{window}: "
        f"{pool.spent:,} of {pool.limit:,} tokens",
        raising(pool),
    )


def _holds(declared: Declared, view: LedgerView) -> Iterator[Notice]:
    for name, state in sorted(states_of(declared, view).items()):
        if not state.free:
            yield Notice(
                f"hold:{name}:{state.policy}:{state.trigger_id}",
                "hold",
                name,
                f"{name} is held ({state.policy}): {state.message}",
                state.way_out,
            )


def _denials(declared: Declared, moment: Moment) -> Iterator[Notice]:
    for bottle in sorted(declared.bottles, key=lambda b: b.name):
        count = moment.denials.get(account(declared.project.id, bottle.name), 0)
        if count >= BURST:
            yield Notice(
                f"denials:{bottle.name}",
                "denials",
                bottle.name,
                f"{bottle.name}: {count} requests were refused within {BURST_SECONDS:.0f} s",
                f"bb denials {bottle.name}",
            )
