"""Leaves out what mitmproxy has for its own development, configuration files and other modes."""

from __future__ import annotations

import sys
from types import ModuleType


def leave_out(*names: str) -> None:
    """Put empty modules in the place of these, which the sidecar never uses: using one raises
    AttributeError. Call before anything imports them."""
    for name in names:
        sys.modules.setdefault(name, ModuleType(name))


def _unchecked(_self: object) -> None:
    """Instead of a type check of every field of each request and response that mitmproxy makes
    (a check of its own code, not of what was received: that is parsed before)."""


def slim() -> None:
    """Call once, before the first connection."""
    from mitmproxy import http

    http.MessageData.__post_init__ = _unchecked  # type: ignore[method-assign]
