"""Which routes serve from now on what others served: a removed route gives its requests to the
next one that matches, and an added one takes them. Pure.

Nothing is asked of a request here: two entries overlap unless their rules exclude each other, so
that what is found errs to too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from botbottle.model.route import HeaderMatch, Match, PathMatch, Route

_KINDS = {"exact": 3, "prefix": 2, "regex": 1}


class Entry(Struct, frozen=True):
    """One rule of a route: an alternative of its matches with one of its paths."""

    route: Route
    match: Match
    path: PathMatch | None
    order: int

    @property
    def key(self) -> tuple[object, ...]:
        """What it does and for which requests, wherever it stands."""
        r = self.route
        return (
            r.host, r.port, r.auth, r.dlp, r.provider, r.git_fetch, r.stream_uploads,
            self.path, self.match.methods, self.match.headers,
        )  # fmt: skip

    @property
    def rank(self) -> tuple[int, ...]:
        """Of several that match a request the largest serves it: ``sidecar.egress.match``."""
        kind = _KINDS[self.path.type] if self.path else 0
        return (
            bool(self.route.provider),
            not self.route.host.startswith("*."),
            len(self.route.host),
            kind,
            len(self.path.value) if self.path and kind != _KINDS["regex"] else 0,
            bool(self.match.methods),
            len(self.match.headers),
            -self.order,
        )


def entries(routes: Iterable[Route]) -> list[Entry]:
    """All rules of a configuration."""
    return [
        Entry(route, match, path, order)
        for order, route in enumerate(routes)
        for match in route.matches or (Match(),)
        for path in match.paths or (None,)
    ]


def takeovers(old: Sequence[Route], new: Sequence[Route]) -> Iterator[tuple[Entry, Entry]]:
    """(rule that served, rule that may serve the same request now), where the answer may change:
    not what was ahead already, and not what still is behind."""
    if tuple(old) == tuple(new):
        return
    before, after = _ranked(old), _ranked(new)
    was, now = ({key: rank for _, key, rank in reversed(found)} for found in (before, after))
    for gone, known, rank in before:
        still = now.get(known, ())
        for heir, key, place in after:
            ahead, behind = was.get(key, ()) > rank, still > place
            if key != known and not ahead and not behind and overlap(gone, heir):
                yield gone, heir


def _ranked(routes: Sequence[Route]) -> list[tuple[Entry, tuple[object, ...], tuple[int, ...]]]:
    return [(entry, entry.key, entry.rank) for entry in entries(routes)]


def overlap(one: Entry, two: Entry) -> bool:
    """Whether a request may match both."""
    a, b = one.match, two.match
    return (
        one.route.port == two.route.port
        and (_within(one.route.host, two.route.host) or _within(two.route.host, one.route.host))
        and not (a.methods and b.methods and set(a.methods).isdisjoint(b.methods))
        and _paths(one.path, two.path)
        and not any(_excludes(h, k) for h in a.headers for k in b.headers)
    )


def narrower(one: Entry, two: Entry) -> str:
    """The more specific of their hosts."""
    return one.route.host if _within(one.route.host, two.route.host) else two.route.host


def _within(host: str, pattern: str) -> bool:
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _paths(one: PathMatch | None, two: PathMatch | None) -> bool:
    if one is None or two is None or "regex" in (one.type, two.type):
        return True
    return _holds(one, two) or _holds(two, one)


def _holds(rule: PathMatch, other: PathMatch) -> bool:
    """Whether ``rule`` matches the value of ``other``."""
    if rule.type == "exact":
        return other.type == "exact" and rule.value == other.value
    return f"{other.value.rstrip('/')}/".startswith(f"{rule.value.rstrip('/')}/")


def _excludes(one: HeaderMatch, two: HeaderMatch) -> bool:
    exact = one.type == two.type == "exact"
    return exact and one.name == two.name and one.value != two.value
