"""Why a response is over."""

from __future__ import annotations

import enum


class Reason(enum.StrEnum):
    """Its value is what the note of an interrupted row says."""

    COMPLETE = "complete"  # the body ended as its framing says
    CLIENT_GONE = "client gone"
    UPSTREAM_FAILED = "upstream failed"
    CUT = "cut by budget"
    SHUTDOWN = "sidecar stopped"
    KILLED = "sidecar killed"
    UNREAD = "not read by the client"  # held back: the provider may have written all it may
