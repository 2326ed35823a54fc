"""An own ``egress.routes`` list to routes, with every mistake of every route.

``model.route_reading`` stops at a route's first mistake. To show all of them, the part that
was complained about is replaced by a harmless one and the route is read again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from botbottle.model.reading import RouteError
from botbottle.model.route import Route
from botbottle.model.route_reading import from_manifest

type Path = tuple[str | int, ...]
type Problem = tuple[Path, str, str]

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_MAX_PROBLEMS = 16


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


def _all_problems(index: int, raw: Any, error: RouteError) -> list[Problem]:
    problems: list[Problem] = []
    for _ in range(_MAX_PROBLEMS):
        path = steps(error.path)
        problems.append((("egress", "routes", index, *path), *_words(path, error)))
        if not path or not isinstance(raw, dict):
            break
        raw = _repaired(raw, str(path[0]))
        try:
            from_manifest(raw)
            break
        except RouteError as next_error:
            error = next_error
    return problems


def _words(path: Path, error: RouteError) -> tuple[str, str]:
    """Message and hint; what stands where a variable's name belongs is not repeated."""
    if path and path[-1] == "token_ref":
        hint = "write the name of the host variable that holds the value, never the value"
        return "this is not the name of an environment variable", hint
    return error.message, error.hint


def _repaired(raw: dict[str, Any], key: str) -> dict[str, Any]:
    rest = {k: v for k, v in raw.items() if k != key}
    return {"host": "placeholder.invalid", **rest} if key == "host" else rest


def steps(path: str) -> Path:
    """``matches[0].paths`` → ``("matches", 0, "paths")``."""
    return tuple(int(number) if number else name for name, number in _STEP.findall(path))
