"""Where a refused request went, in one way for people. What a sidecar reports is text of the
agent's: whoever prints it makes it visible first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HTTPS = 443


def place(denial: Mapping[str, Any]) -> str:
    """``GET host:port/path``, without the port of https or one that nobody knows."""
    number = port(denial)
    host = f"{denial.get('host', '')}" + (f":{number}" if number != HTTPS else "")
    return f"{denial.get('method', '')} {host}{denial.get('path', '')}".strip()


def port(denial: Mapping[str, Any]) -> int:
    """The port of a refused request. A sidecar of an earlier version, or one that refused before
    there was a target, names none: that of https."""
    given = denial.get("port")
    return given if type(given) is int and 0 < given < 65536 else HTTPS
