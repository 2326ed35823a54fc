"""Strangers worth a word: names like ours, and guests on our networks. What has no label of ours is
never touched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from botbottle.model import labels
from botbottle.model.resources import ObservedNetwork

_LOOKS = re.compile(
    r"bb-(?:(?P<shared>ledger|outer)-[0-9a-f]{8}"
    r"|(?P<bottle>[a-z][a-z0-9-]{0,23})-[0-9a-f]{8}-(?P<role>agent|egress|net|home|work))"
)


class Look(Struct, frozen=True):
    """What a name says: ``role`` agent, egress, net, home, work, ledger or outer; the bottle's
    name is cut after 24 characters and empty for what all bottles share."""

    bottle: str
    role: str


def look(name: str) -> Look | None:
    """The parts of a name that follows our pattern (planner.names), else None."""
    found = _LOOKS.fullmatch(name)
    if found is None:
        return None
    return Look(found["bottle"] or "", found["role"] or found["shared"])


def is_lookalike(name: str, marks: Mapping[str, str]) -> bool:
    """A name of our pattern on something that no home ever labelled as its own."""
    return labels.HOME not in marks and look(name) is not None


def intruded(networks: Iterable[ObservedNetwork], home_id: str) -> set[str]:
    """Ids of all containers that are on the home's sealed networks, whoever's they are."""
    mine = (n for n in networks if n.labels.get(labels.HOME) == home_id and n.internal)
    return {endpoint for network in mine for endpoint in network.endpoints}
