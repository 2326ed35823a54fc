"""A desired set as canonical YAML, and what differs between two of them as a unified diff.

The input is the document kept with every applied generation (``generations``): plain JSON
values. The output is YAML 1.2 (scalars are JSON, which is a part of it): the same value gives the
same lines, and a changed prompt shows its changed lines.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botbottle.ui.visible import visible

_HIDDEN = ("origins", "reach")  # where a value was written, and what follows from the routes
_EMPTY: tuple[Any, ...] = ("", None, [], {})


def lines(document: Mapping[str, Any], only: Iterable[str] = ()) -> list[str]:
    """The document as lines of YAML, bottles by name; empty values are left out. ``only`` keeps
    these bottles and leaves the settings out."""
    wanted = set(only)
    bottles = {b["name"]: b for b in document.get("bottles", ())}
    if wanted:
        chosen = {"bottles": {n: b for n, b in bottles.items() if n in wanted}}
    else:
        chosen = {"bottles": bottles, "settings": document.get("settings", {})}
    return list(_mapping(_said(chosen), 0))


def unified(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    names: tuple[str, str],
    only: Iterable[str] = (),
) -> str:
    """The unified diff (three lines of context), empty when nothing differs."""
    old, new = lines(before, only), lines(after, only)
    found = difflib.unified_diff(old, new, fromfile=names[0], tofile=names[1], lineterm="")
    return "".join(f"{visible(line, keep='\t')}\n" for line in found)


def _said(value: Any) -> Any:
    """Without provenance and without what says nothing."""
    if isinstance(value, Mapping):
        kept = {k: _said(v) for k, v in value.items() if k not in _HIDDEN}
        return {k: v for k, v in kept.items() if v not in _EMPTY}
    return [_said(v) for v in value] if isinstance(value, list) else value


def _mapping(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    for key in sorted(value):
        yield from _entry(f"{'  ' * depth}{key}:", value[key], depth + 1)


def _entry(head: str, value: Any, depth: int) -> Iterator[str]:
    """A key or a dash with its value: on the same line, or below it."""
    pad = "  " * depth
    if isinstance(value, Mapping):
        yield head
        yield from _mapping(value, depth)
    elif isinstance(value, list):
        yield head
        for item in value:
            yield from _item(item, depth)
    elif isinstance(value, str) and "\n" in value:
        yield f"{head} |2{'' if value.endswith(chr(10)) else '-'}"
        yield from (f"{pad}{line}".rstrip() for line in value.splitlines())
    else:
        yield f"{head} {json.dumps(value, ensure_ascii=False)}"


def _item(value: Any, depth: int) -> Iterator[str]:
    """One entry of a list: the first line of a mapping stands behind its dash."""
    pad = "  " * depth
    if isinstance(value, Mapping) and (body := list(_mapping(value, depth + 1))):
        yield f"{pad}- {body[0].lstrip()}"
        yield from body[1:]
    else:
        yield from _entry(f"{pad}-", value, depth + 1)
