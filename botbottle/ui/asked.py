"""What a proposal asks for, as lines for whoever decides: all of it, as an approval covers all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def lines(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """One line a value, with where it goes to (``host``) first, and one an element of a list.

    Nothing is cut: an agent that chooses the order would have what matters left out. What does not
    print is shown as it is in JSON; whoever prints the lines makes the rest safe.
    """
    return tuple(line for key, value in _ordered(payload) for line in _told(key, value))


def of_text(payload: str) -> tuple[str, ...]:
    """The same of a payload as JSON; what is none is a line by itself."""
    try:
        data = json.loads(payload)
    except (ValueError, RecursionError):
        return (payload,)
    return lines(data) if isinstance(data, dict) else (payload,)


def _ordered(payload: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The host, then plain values, then lists: by their names."""
    return sorted(payload.items(), key=lambda i: (i[0] != "host", isinstance(i[1], list), i[0]))


def _told(key: str, value: Any) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{key}: {_said(value)}"
        return
    if not value:
        yield f"{key}: none"
    for number, each in enumerate(value, 1):
        yield f"{key} {number} of {len(value)}: {_said(each)}"


def _said(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and "rule" in value:  # what was found comes before where
        value = {"rule": value["rule"], **dict(sorted(value.items()))}
        return ", ".join(
            f"{k} {v if isinstance(v, str) else json.dumps(v)}" for k, v in value.items()
        )
    return json.dumps(value, sort_keys=True)
