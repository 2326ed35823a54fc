"""An own ``egress.routes`` list to routes, with every mistake of every route.

``model.route_reading`` stops at a route's first mistake. To show all of them, the part that
was complained about is replaced by a harmless one and the route is read again.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

from botbottle.load import advice
from botbottle.model.reading import RouteError
from botbottle.model.route import HOST_PATTERN, Route
from botbottle.model.route_reading import from_manifest

type Path = tuple[str | int, ...]
type Problem = tuple[Path, str, str]

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_ADDRESS = re.compile(r"(?:[a-z]+://)?([^/:@\s]+)(?::\d*)?(?:/\S*)?")
_MAX_PROBLEMS = 64
_INSIDE = {  # keys that are written one level too high → the key of a route that they belong below
    **dict.fromkeys(("paths", "path", "methods", "method", "headers"), "matches"),
    **dict.fromkeys(("scheme", "token"), "auth"),
    "fetch": "git",
    **dict.fromkeys(("outbound_detectors", "inbound_detectors", "outbound_on_match"), "dlp"),
}
_FILLED: dict[str | int, str] = {"name": "x", "value": "/"}
_HARMLESS: dict[str | int, Any] = {
    "matches": {},
    "paths": {"value": "/"},
    "methods": "GET",
    "headers": {"name": "x", "value": ""},
}


def parse_routes(raw: Sequence[Any]) -> tuple[tuple[tuple[int, Route], ...], list[Problem]]:
    """(number, route) of each good route, and (path, message, hint) of each mistake."""
    good: list[tuple[int, Route]] = []
    problems: list[Problem] = []
    for index, item in enumerate(raw):
        try:
            good.append((index, from_manifest(item)))
        except RouteError as error:
            problems += _all_problems(index, item, error)
    return tuple(good), problems


def _all_problems(index: int, item: Any, error: RouteError) -> list[Problem]:
    problems: list[Problem] = []
    raw = copy.deepcopy(item)
    for _ in range(_MAX_PROBLEMS):
        path = steps(error.path)
        problems.append((("egress", "routes", index, *path), *_words(path, error, item)))
        if not path or not isinstance(raw, dict):
            break
        if (after := _next_error(raw, path)) is None:
            break
        error = after
    return problems


def _next_error(raw: dict[str, Any], path: Path) -> RouteError | None:
    """Repair ``raw`` at ``path``, or above it as far as that takes; what is wrong then."""
    for end in range(len(path), 0, -1):
        _repair(raw, path[:end])
        try:
            from_manifest(raw)
            return None
        except RouteError as error:
            if steps(error.path) != path:
                return error
    return None


def _words(path: Path, error: RouteError, route: Any) -> tuple[str, str]:
    """Message and hint; what stands where a variable's name belongs is not repeated."""
    if path and path[-1] == "token_ref" and "needs" not in error.message:
        hint = "write the name of the host variable that holds the value, never the value"
        return "this is not the name of an environment variable", hint
    value = advice.value_at(route, path)
    if not path and (host := _bare_host(value, anyway=True)):
        return "a route must be a mapping with a host", f"write - host: {host}"
    if len(path) == 1 and (inside := _INSIDE.get(str(path[0]))) and "unknown" in error.message:
        return error.message, f"{path[0]} belongs below {inside}: {advice.example((inside,))}"
    if path == ("host",) and (bare := _bare_host(value)):
        return (
            error.message,
            f"write {bare}; a port has a key of its own, a path belongs in matches",
        )
    _, _, known = error.message.partition(" is not one of ")
    close = advice.close_word(value, known.split(", ")) if known else ""
    shape = advice.example(path or ("routes",)) if error.message.startswith("must be") else ""
    return error.message, error.hint or close or advice.unquoted(value) or shape


def _bare_host(value: object, *, anyway: bool = False) -> str:
    """The host name inside an address; empty if there is none, or, but for ``anyway``, no more."""
    found = _ADDRESS.fullmatch(value.lower()) if isinstance(value, str) else None
    name = found[1] if found else ""
    return name if (anyway or name != value) and HOST_PATTERN.fullmatch(name) else ""


def _repair(raw: dict[str, Any], path: Path) -> None:
    """Make what was complained about harmless, and as little else as possible."""
    if path[0] in ("auth", "host"):  # the parts of a login depend on each other
        raw.pop(str(path[0]), None)
        if path[0] == "host":
            raw["host"] = "placeholder.invalid"
        return
    holder, last = advice.value_at(raw, path[:-1]), path[-1]
    if isinstance(holder, dict) and last in _FILLED:
        holder[last] = _FILLED[last]
    elif isinstance(holder, dict) and last in holder:
        del holder[last]
    elif isinstance(holder, list) and path[-2] in _HARMLESS:
        holder[int(last)] = copy.copy(_HARMLESS[path[-2]])
    elif len(path) > 1:
        _repair(raw, path[:-1])


def steps(path: str) -> Path:
    """``matches[0].paths`` → ``("matches", 0, "paths")``."""
    return tuple(int(number) if number else name for name, number in _STEP.findall(path))
