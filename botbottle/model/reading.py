"""Plain data read strictly: each reader takes a value and the key path it was found at.

All raise RouteError, which names that path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class RouteError(ValueError):
    """A route that cannot be meant: ``path`` is the key path inside the route."""

    def __init__(self, path: str, message: str, hint: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message
        self.hint = hint


def mapping(raw: object, path: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise RouteError(path, "must be a mapping")
    for key in raw:
        if key not in known:
            where = f"{path}.{key}" if path else str(key)
            raise RouteError(where, f"unknown key {key!r}", _did_you_mean(str(key), known))
    return raw


def listing(raw: object, path: str) -> Sequence[object]:
    if raw is None:
        return ()
    if isinstance(raw, str) or not isinstance(raw, Sequence):
        raise RouteError(path, "must be a list")
    return raw


def text(raw: object, path: str) -> str:
    if not isinstance(raw, str):
        raise RouteError(path, "must be a string")
    return raw


def boolean(raw: object, path: str) -> bool:
    if not isinstance(raw, bool):
        raise RouteError(path, "must be true or false")
    return raw


def choice(raw: object, path: str, known: Sequence[str]) -> str:
    value = text(raw, path)
    if value not in known:
        raise RouteError(path, f"{value!r} is not one of {', '.join(known)}")
    return value


def _did_you_mean(key: str, known: set[str]) -> str:
    import difflib

    close = difflib.get_close_matches(key, sorted(known), 1)
    return f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(sorted(known))}"
