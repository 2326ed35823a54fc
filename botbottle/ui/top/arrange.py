"""Order, selection and columns of the fleet table. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from botbottle.ui.top import text
from botbottle.ui.top.model import Fleet, Row

SORTS: dict[str, Callable[[Row], Any]] = {
    "name": lambda r: r.bottle,
    "trouble": lambda r: (-trouble(r), r.bottle),
    "budget": lambda r: (-(r.tightest.share if r.tightest else -1.0), r.bottle),
    "left": lambda r: (r.exhausted_in if r.exhausted_in is not None else 1e18, r.bottle),
    "burn": lambda r: (-r.burn, r.bottle),
    "activity": lambda r: (-(r.last_activity or 0.0), r.bottle),
    "denials": lambda r: (-(r.denials or 0), r.bottle),
}
SYMBOLS = {
    "running": "●",
    "paused": "‖",
    "cut off": "✂",
    "frozen": "❄",
    "freezing": "❄",
    "killed": "✕",
    "killing": "✕",
    "stopped": "○",
    "absent": "○",
    "?": "?",
}


def symbol(state: str) -> str:
    """A sign for a state; ``!`` for every state that nobody wanted."""
    return SYMBOLS.get(state, "!")


def trouble(row: Row) -> int:
    """What needs an operator first: a proposal, a broken bottle, a hold, drift, a full pool."""
    if row.proposals:
        return 5
    if symbol(row.state) == "!":
        return 4
    if row.held:
        return 3
    if row.drift:
        return 2
    return 1 if row.tightest and row.tightest.share >= 0.8 else 0


def matches(row: Row, words: str) -> bool:
    """Whether every word is in the bottle's name, agent, state, provider or model, or names one
    of its conditions: held, drift, proposals, denials."""
    hay = " ".join((row.bottle, row.agent, row.state, row.provider, row.model)).lower()
    flags = {
        "held": row.held is not None,
        "drift": bool(row.drift),
        "proposals": bool(row.proposals),
        "denials": bool(row.denials),
    }
    return all(word in hay or flags.get(word, False) for word in words.lower().split())


def arranged(fleet: Fleet, sort: str, words: str) -> list[Row]:
    """The rows to show, in order."""
    return sorted((r for r in fleet.rows if matches(r, words)), key=SORTS[sort])


class Column(Struct, frozen=True):
    """A column: its title, its width in characters, its cell of a row at a moment."""

    title: str
    width: int
    cell: Callable[[Row, float], str]


BAR = 10


def columns(width: int, longest: int) -> tuple[Column, ...]:
    """What fits into ``width`` characters, the most important first. ``longest`` is the length
    of the longest bottle name. Each column takes two characters of padding besides."""
    chosen: list[tuple[int, Column]] = []
    room = width - 2  # the scroll bar
    for place, column in _wanted(min(max(longest, 6), 24)):
        if room >= column.width + 2:
            room -= column.width + 2
            chosen.append((place, column))
    return tuple(column for _, column in sorted(chosen, key=lambda c: c[0]))


def _wanted(name: int) -> list[tuple[int, Column]]:
    """(place in the table, column), by importance."""
    return [
        (0, Column("bottle", name, lambda r, _: text.plain(r.bottle, name))),
        (1, Column("state", 11, lambda r, _: f"{symbol(r.state)} {r.state}")),
        (4, Column("budget", BAR + 6, lambda r, _: budget_cell(r))),
        (9, Column("!", 4, lambda r, _: marks(r))),
        (6, Column("left", 6, lambda r, _: left(r))),
        (5, Column("spent / limit", 17, lambda r, _: amounts(r))),
        (7, Column("burn", 7, lambda r, _: text.rate(r.burn))),
        (8, Column("last", 6, last)),
        (2, Column("provider", 8, lambda r, _: text.plain(r.provider, 8))),
        (10, Column("denied", 6, lambda r, _: "-" if r.denials is None else f"{r.denials}")),
        (3, Column("model", 18, lambda r, _: text.plain(r.model, 18) or "-")),
    ]


def budget_cell(row: Row) -> str:
    """The fullest governing pool as a bar."""
    return text.meter(row.tightest.share, BAR) if row.tightest else "no limit"


def amounts(row: Row) -> str:
    """The fullest pool in numbers, with its window; ``+n`` when more pools govern."""
    pool = row.tightest
    if pool is None:
        return "-"
    window = f"/{pool.window[0]}" if pool.window else ""
    more = f" +{len(row.budgets) - 1}" if len(row.budgets) > 1 else ""
    return f"{text.tokens(pool.spent)}/{text.tokens(pool.limit)}{window}{more}"


def left(row: Row) -> str:
    """Time to exhaustion; ``0s`` when it is over."""
    if row.tightest and row.tightest.share >= 1.0:
        return "0s"
    return text.span(row.exhausted_in)


def last(row: Row, now: float) -> str:
    """Time since the last metered exchange."""
    return "now" if row.streams else text.ago(row.last_activity, now)


def marks(row: Row) -> str:
    """``P`` proposals wait, ``H`` held, ``~`` drift, ``D`` denials."""
    signs = (("P", row.proposals), ("H", row.held), ("~", row.drift), ("D", row.denials))
    return "".join(sign if on else " " for sign, on in signs).rstrip() or "-"


def table(rows: Sequence[Row], now: float, width: int) -> str:
    """The same table as plain text."""
    shown = columns(width, max((len(r.bottle) for r in rows), default=0))
    cells = [[c.title for c in shown], *([c.cell(r, now) for c in shown] for r in rows)]
    return "".join(
        "  ".join(v.ljust(c.width) for c, v in zip(shown, line, strict=True)).rstrip() + "\n"
        for line in cells
    )
