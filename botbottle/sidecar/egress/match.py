"""Route matching: which route of a bottle a request uses. Pure, without mitmproxy.

Semantics of the Kubernetes Gateway API's HTTPRoute: entries of ``matches`` are OR-ed, the fields
in one entry AND-ed. Of several routes that match, this order decides: provider routes; the more
specific host (exact, then the longer ``*.suffix``); exact path, then the longer prefix, then
regex, then none; an entry with methods; more header rules; the earlier route.

Case: hosts and header names are compared without case, paths, methods and header values with.
A path regex must match the whole path, a header regex the whole value (RE2, linear time).

An encoded slash (``%2F``, ``%5C``, also encoded again) is no slash here and is one to some servers:
``[^/]+`` would let through what they take for a longer path. So a path regex must match the path
with slashes in their place as well, unless it names an encoded slash itself. Exact paths and
prefixes are compared as they are written, and below a prefix everything is allowed anyway.

Cost per request is independent of the number of routes: hosts, exact paths and prefixes are
looked up in dictionaries, all path regexes of a host are tried in one RE2 set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import re2

from botbottle.model.route import HeaderMatch, Match, Route

_EXACT, _PREFIX, _REGEX, _ANY = 3, 2, 1, 0
_SLASH = re.compile(r"(?i)%(?:25)*(?:2F|5C)")


@dataclass(frozen=True, slots=True)
class Query:
    """What a request is matched by. ``methods``: the method, and an override if one was sent;
    all must be allowed. ``headers``: lower-case name → value (repeated ones joined by ", ")."""

    host: str
    port: int
    methods: tuple[str, ...]
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One (route, match, path rule) with its precedence; larger ranks win."""

    rank: tuple[int, ...]
    route: Route
    methods: frozenset[str]
    headers: tuple[HeaderMatch, ...]
    regexes: tuple[Any, ...]

    def allows(self, query: Query) -> bool:
        if self.methods and not self.methods.issuperset(query.methods):
            return False
        return all(
            _header(rule, regex, query.headers.get(rule.name))
            for rule, regex in zip(self.headers, self.regexes, strict=True)
        )


def _header(rule: HeaderMatch, regex: Any, value: str | None) -> bool:
    if value is None:
        return False
    return value == rule.value if regex is None else regex.fullmatch(value) is not None


@dataclass(slots=True)
class _Paths:
    """The entries of one (host pattern, port)."""

    exact: dict[str, list[_Entry]] = field(default_factory=dict)
    prefix: dict[str, list[_Entry]] = field(default_factory=dict)
    longest: int = 0  # characters of the longest prefix
    anything: list[_Entry] = field(default_factory=list)
    regex: list[_Entry] = field(default_factory=list)
    naming: frozenset[int] = frozenset()  # regexes that say where an encoded slash may be
    patterns: Any = None
    private: bool = False

    def candidates(self, path: str) -> Iterator[_Entry]:
        yield from self.exact.get(path, ())
        for prefix in _prefixes(path, self.longest) if self.prefix else ():
            yield from self.prefix.get(prefix, ())
        if self.patterns is not None:
            for number in self._matching(path):
                yield self.regex[number]
        yield from self.anything

    def _matching(self, path: str) -> Iterable[int]:
        """The regexes that a path matches however its server reads it."""
        found: list[int] = self.patterns.Match(path) or []
        if not found or (read := _SLASH.sub("/", path)) == path:
            return found
        return self.naming.union(self.patterns.Match(read) or ()).intersection(found)

    def freeze(self, regexes: Sequence[str]) -> None:
        if not regexes:
            return
        self.naming = frozenset(n for n, each in enumerate(regexes) if _SLASH.search(each))
        self.patterns = re2.Set.FullMatchSet()
        for pattern in regexes:
            self.patterns.Add(pattern)
        self.patterns.Compile()


def _prefixes(path: str, longest: int) -> Iterator[str]:
    """``/a/b`` → ``/a/b``, ``/a``, and the empty prefix, which is ``/``; none that is longer than
    ``longest``: the agent decides how many segments a path has."""
    trimmed = path.rstrip("/") if path.endswith("/") else path
    at = len(trimmed)
    if at > longest:
        at = trimmed.rfind("/", 0, longest + 1)
    while at > 0:
        yield trimmed[:at]
        at = trimmed.rfind("/", 0, at)
    yield ""


class RouteIndex:
    """All routes of a bottle, ready to be asked. Immutable after construction."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._hosts: dict[tuple[str, int], _Paths] = {}
        regexes: dict[tuple[str, int], list[str]] = {}
        self._ports: set[int] = set()
        self._known: set[str] = set()
        for order, route in enumerate(routes):
            key = (route.host, route.port)
            self._ports.add(route.port)
            self._known.add(route.host)
            paths = self._hosts.setdefault(key, _Paths())
            paths.private = paths.private or route.allow_private
            for match in route.matches or (Match(),):
                _add(paths, regexes.setdefault(key, []), route, match, order)
        for key, paths in self._hosts.items():
            paths.freeze(regexes[key])

    @property
    def ports(self) -> frozenset[int]:
        """Every port that some route uses."""
        return frozenset(self._ports)

    def knows(self, host: str, port: int) -> bool:
        """Whether any route is for this host and port, whatever its rules."""
        return next(self._tables(host, port), None) is not None

    def allows_private(self, host: str, port: int) -> bool:
        """Whether a route for this host and port may resolve to a private address."""
        return any(paths.private for paths in self._tables(host, port))

    def find(self, query: Query) -> Route | None:
        """The route that the request uses, or None."""
        best: _Entry | None = None
        for paths in self._tables(query.host, query.port):
            for entry in paths.candidates(query.path):
                if (best is None or entry.rank > best.rank) and entry.allows(query):
                    best = entry
        return best.route if best else None

    def _tables(self, host: str, port: int) -> Iterator[_Paths]:
        if (host, port) in self._hosts:
            yield self._hosts[host, port]
        at = host.find(".")
        while at >= 0:
            if (found := self._hosts.get((f"*{host[at:]}", port))) is not None:
                yield found
            at = host.find(".", at + 1)


def _add(paths: _Paths, regexes: list[str], route: Route, match: Match, order: int) -> None:
    for rule in match.paths or (None,):
        kind = (
            _ANY
            if rule is None
            else {"exact": _EXACT, "prefix": _PREFIX, "regex": _REGEX}[rule.type]
        )
        length = len(rule.value) if rule and kind != _REGEX else 0
        entry = _Entry(
            rank=(
                bool(route.provider),
                not route.host.startswith("*."),
                len(route.host),
                kind,
                length,
                bool(match.methods),
                len(match.headers),
                -order,
            ),
            route=route,
            methods=frozenset(match.methods),
            headers=match.headers,
            regexes=tuple(
                re2.compile(h.value) if h.type == "regex" else None for h in match.headers
            ),
        )
        if rule is None:
            paths.anything.append(entry)
        elif kind == _REGEX:
            paths.regex.append(entry)
            regexes.append(rule.value)
        else:
            table = paths.exact if kind == _EXACT else paths.prefix
            key = rule.value if kind == _EXACT else rule.value.rstrip("/")
            table.setdefault(key, []).append(entry)
            if kind == _PREFIX:
                paths.longest = max(paths.longest, len(key))
