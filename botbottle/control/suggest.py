"""Observed denials → routes an operator may want to add. Pure: it proposes, nobody grants.

Only refusals for want of a route are turned into a proposal; a refusal for any other reason (a
secret in the request, a push, a private address) is not something a route should allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from botbottle.model.reading import RouteError
from botbottle.model.route import Match, PathMatch, Route, from_flat

_WANTED = frozenset({"no-route", "no-match"})
_MOST_PATHS = 8  # more different first segments than that: the whole host


class Suggestion(Struct, frozen=True):
    """A route that would have admitted ``denials`` requests."""

    route: Route
    denials: int


def suggest(denials: Iterable[Mapping[str, Any]]) -> tuple[Suggestion, ...]:
    """Routes for the hosts that were refused, the most wanted first.

    ``denials`` are those of the control socket or of the ledger. Methods are exactly those that
    were seen; paths are the first segments that were seen, as prefixes.
    """
    seen: dict[str, list[Mapping[str, Any]]] = {}
    for denial in denials:
        if denial.get("code") in _WANTED and denial.get("host"):
            seen.setdefault(str(denial["host"]), []).append(denial)
    found = [s for host, items in seen.items() if (s := _for_host(host, items)) is not None]
    return tuple(sorted(found, key=lambda s: (-s.denials, s.route.host)))


def _for_host(host: str, items: list[Mapping[str, Any]]) -> Suggestion | None:
    methods = tuple(sorted({str(d["method"]) for d in items if d.get("method")}))
    prefixes = sorted({_first_segment(str(d.get("path", "/"))) for d in items})
    if len(prefixes) > _MOST_PATHS or "/" in prefixes:
        prefixes = []
    match = Match(tuple(PathMatch("prefix", p) for p in prefixes), methods)
    try:
        # Through the parser: what is suggested can be written into a manifest as it is.
        route = from_flat(Route(host, matches=(match,) if prefixes or methods else ()).to_flat())
    except RouteError:
        return None
    return Suggestion(route, len(items))


def _first_segment(path: str) -> str:
    return "/" + path.lstrip("/").partition("/")[0]
