"""Whether a value belongs to the ``data`` of a Kubernetes manifest that stands in front of it."""

from __future__ import annotations

import re

_KEY = re.compile(rb"(?i)(?:^|(?<=[\s\"',{])|(?<=\\n))data[\s\"'\\:]")
_LINE = re.compile(rb"\r?\n|(?:\\+r)?\\+n")  # also in JSON, and in JSON in JSON
# Another entry: a line that is not at the edge, or the next member of an object.
_ENTRY = re.compile(
    rb"[\"'\\]{0,4}(?:,?(?:\r?\n|(?:\\+r)?\\+n)(?:[ \t]|\\+t){1,40}|,[ \t]?)"
    rb"[\"'\\]{0,4}[\w.\-]{1,253}[\"'\\]{0,4}:[ \t]?[\"'\\]{0,4}"
    rb"(?P<value>[A-Za-z0-9+/]{8,}={0,2})(?![\w.=+/:\-])"
)
_LONGEST = 16 * 1024  # bytes of a secret's data
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


def data_end(surface: memoryview, end: int) -> int:
    """Where the last of the Base64 values ends that follow the one that ends at ``end``: cut one by
    one, they would be found one by one."""
    rest = bytes(surface[end : end + _LONGEST])
    at = 0
    while (found := _ENTRY.match(rest, at)) and len(found["value"]) % 4 == 0:
        at = found.end()
    return end + at


def _deeper(line: bytes, own: int) -> bool:
    return _depth(line) > own and not line[_depth(line) :].startswith(b"-")


def _depth(line: bytes) -> int:
    """Bytes in front of the first word."""
    found = _INDENT.match(line)
    return found.end() if found else 0
