"""Provenance of one bottle, worked out when somebody asks: ``validate`` never does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from botbottle.model.diagnostic import Origin

if TYPE_CHECKING:
    from botbottle.load.compose import Effective
    from botbottle.load.extends import Resolver

type Table = dict[str, tuple[Origin, ...]]
_AGENT_KEYS = ("bottle", "skills", "state", "replicas", "run", "task", "workspace")
_SETTINGS_KEYS = ("shutdown", "preflight")


class Origins(Mapping[str, tuple[Origin, ...]]):
    """Key path → where it was written, the winner first. Missing: a default."""

    def __init__(self, item: Effective, resolver: Resolver) -> None:
        self._item = item
        self._resolver = resolver
        self._table: Table | None = None

    def _filled(self) -> Table:
        if self._table is None:
            self._table = table(self._item, self._resolver)
        return self._table

    def __getitem__(self, path: str) -> tuple[Origin, ...]:
        return self._filled()[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._filled())

    def __len__(self) -> int:
        return len(self._filled())

    def __repr__(self) -> str:
        return f"Origins({self._item.agent.entry.name})"

    def __reduce__(self) -> tuple[type[dict[str, tuple[Origin, ...]]], tuple[Table]]:
        """Copies and pickles are plain dictionaries."""
        return dict, (self._filled(),)


def table(item: Effective, resolver: Resolver) -> Table:
    """All leaves of one agent's effective bottle."""
    found: Table = {path: leaf.origins for path, leaf in sorted(item.policy.leaves.items())}
    for number, leaf in enumerate(item.policy.routes):
        found |= _route(number, leaf.origin, leaf.index, resolver)
    agent = item.agent
    for key in _AGENT_KEYS:
        if getattr(agent.keys, key) is not None:
            found[key] = (agent.origin(key),)
    for limit in agent.budget:
        found[f"budget.{limit.provider}"] = (agent.origin("budget", limit.provider),)
    _settings(found, resolver)
    return found


def _route(number: int, origin: Origin, index: int, resolver: Resolver) -> Table:
    """Places of a route and of every key in it."""
    start = f"egress.routes[{number}]"
    found: Table = {start: (origin,)}
    name = origin.file.removeprefix("bottles/").removesuffix(".md")
    bottle = resolver.library.bottle(name)
    if bottle is None:  # cannot be: its route is in an effective policy
        return found
    path: tuple[str | int, ...] = ("egress", "routes", index)
    for key in bottle.tree.data["egress"]["routes"][index]:
        found[f"{start}.{key}"] = (bottle.origin(*path, key),)
    return found


def _settings(found: Table, resolver: Resolver) -> None:
    settings = resolver.library.settings
    for key in _SETTINGS_KEYS:
        if settings and getattr(settings.keys, key) is not None:
            place = settings.tree.place((key,))
            origin = settings.source.origin(place.line, place.column)
            found[key] = (*found.get(key, ()), origin)
