"""Provenance of one bottle, worked out when somebody asks: ``validate`` never does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from botbottle.budget.limits import format_limit
from botbottle.load.flatten import bytes_text, env_text
from botbottle.model.bottle import EnvVar, Limit, Scope
from botbottle.model.diagnostic import Origin

if TYPE_CHECKING:
    from botbottle.load.effective import Effective
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

    def texts(self, path: str) -> dict[Origin, str]:
        """What each place said about a leaf; empty for leaves that are not merged."""
        leaf = self._item.policy.leaves.get(path)
        if leaf is not None:
            return {part.origin: _said(path, part.value) for part in leaf.history}
        provider = path.removeprefix("budget.")
        if provider != path:
            return dict(_budget_places(self._item, self._resolver, provider))
        return {}

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
        if getattr(item.keys, key) is not None:
            found[key] = (agent.origin(key),)
    for provider in sorted({x.provider for s in _scopes(item, resolver) for x in s.limits}):
        places = _budget_places(item, resolver, provider)
        found[f"budget.{provider}"] = tuple(origin for origin, _ in places)
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


def _said(path: str, value: object) -> str:
    if isinstance(value, EnvVar):
        return env_text(value)
    if path == "resources.memory" and isinstance(value, int):
        return bytes_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return " ".join(str(part) for part in value if part)
    return str(value)


def _scopes(item: Effective, resolver: Resolver) -> tuple[Scope, ...]:
    from botbottle.load.scopes import all_scopes

    return all_scopes(item.agent, item.agent.entry.name, item.own, resolver, ())


def _budget_places(item: Effective, resolver: Resolver, provider: str) -> list[tuple[Origin, str]]:
    """Place and limits of every scope that limits ``provider``, most specific first."""
    found = []
    for scope in _scopes(item, resolver):
        mine: list[Limit] = [x for x in scope.limits if x.provider == provider]
        if mine:
            text = f"{', '.join(format_limit(x) for x in mine)} ({scope.key})"
            found.append((_scope_origin(scope, item, resolver, provider), text))
    return found


def _scope_origin(scope: Scope, item: Effective, resolver: Resolver, provider: str) -> Origin:
    path = ("budget", provider)
    settings = resolver.library.settings
    if scope.kind == "global" and settings:
        return settings.origin(*path)
    if scope.kind == "agent":
        return item.agent.origin(*path)
    bottle = resolver.library.bottle(scope.key.removeprefix("bottle:"))
    return bottle.origin(*path) if bottle else Origin("")


def _settings(found: Table, resolver: Resolver) -> None:
    settings = resolver.library.settings
    for key in _SETTINGS_KEYS:
        if settings and getattr(settings.keys, key) is not None:
            found[key] = (*found.get(key, ()), settings.origin(key))
