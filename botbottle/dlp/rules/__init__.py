"""The catalogue: our own rules, written from the public facts about each format."""

from __future__ import annotations

from botbottle.dlp.rules import (
    ai,
    beside,
    chat,
    cloud,
    commerce,
    connect,
    forges,
    generic,
    identifiers,
    keys,
    ops,
    registries,
    services,
    work,
)
from botbottle.dlp.rules.model import Context, Rule

__all__ = ["Context", "Rule", "catalogue"]

_FAMILIES = (
    keys, forges, registries, cloud, ai, chat, commerce, ops, work, services, connect, generic,
    beside, identifiers,
)  # fmt: skip


def catalogue() -> tuple[Rule | Context, ...]:
    """Every rule, most specific family first (a tie between overlapping hits goes to it)."""
    return tuple(rule for family in _FAMILIES for rule in family.RULES)
