"""Leaves out what mitmproxy does for its own development only."""

from __future__ import annotations

from mitmproxy import http


def _unchecked(_self: http.MessageData) -> None:
    """Instead of a type check of every field of each request and response that mitmproxy makes
    (a check of its own code, not of what was received: that is parsed before)."""


def slim() -> None:
    """Call once, before the first connection."""
    http.MessageData.__post_init__ = _unchecked  # type: ignore[method-assign]
