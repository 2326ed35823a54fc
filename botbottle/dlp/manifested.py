"""Whether a value belongs to the ``data`` of a Kubernetes manifest that stands in front of it."""

from __future__ import annotations

import re

_KEY = re.compile(rb"(?i)(?:^|(?<=[\s\"',{])|(?<=\\n))data[\s\"'\\:]")
_LINE = re.compile(rb"\r?\n|(?:\\+r)?\\+n")  # also in JSON, and in JSON in JSON
_INDENT = re.compile(rb"(?:[ \t]|\\+t)*")


def in_data(lead: bytes) -> bool:
    """``lead`` holds ``data:`` and ends where the value begins. In YAML all lines between are
    deeper than ``data``, and none is an item of a list; in JSON no brace ends it.
    """
    keys = [*_KEY.finditer(lead)]
    if not keys:
        return False
    own = _depth(_LINE.split(lead[: keys[-1].start()])[-1])
    rest = lead[keys[-1].end() - 1 :]
    lines = (line for line in _LINE.split(rest)[1:] if line.strip())
    return b"}" not in rest and all(_deeper(line, own) for line in lines)


def _deeper(line: bytes, own: int) -> bool:
    return _depth(line) > own and not line[_depth(line) :].startswith(b"-")


def _depth(line: bytes) -> int:
    """Bytes in front of the first word."""
    found = _INDENT.match(line)
    return found.end() if found else 0
