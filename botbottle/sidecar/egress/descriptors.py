"""Descriptors: how many the sidecar may have, and how many of them are connections to upstreams.

Without a free one nothing can be accepted, not even a cut on the control socket. So everything that
an agent can make more of has a bound, and all of them together fit into the 1024 that a container
has at the least (the soft limit of most systems, which is raised where it may be).
"""

from __future__ import annotations

import resource
from contextlib import suppress

from mitmproxy.connection import Connection

EACH = 100  # connections to upstreams for one of the agent's; as many as it has streams
ALL = 384  # for all of them


class Crowded(OSError):
    """There are too many connections already. The message starts with a denial code."""


class Upstreams:
    """Connections to upstreams of the whole sidecar, those that are being made included."""

    def __init__(self) -> None:
        self.count = 0


class Places:
    """Those of one client connection."""

    def __init__(self, everybody: Upstreams) -> None:
        self._everybody = everybody
        self._mine: set[Connection] = set()

    def take(self, connection: Connection) -> None:
        """One more. Raises Crowded."""
        if len(self._mine) >= EACH or self._everybody.count >= ALL:
            raise Crowded("upstream: too many connections to upstreams are open")
        self._mine.add(connection)
        self._everybody.count += 1

    def leave(self, connection: Connection) -> None:
        """It is over, or was never made. Idempotent."""
        if connection in self._mine:
            self._mine.remove(connection)
            self._everybody.count -= 1


def raise_limit() -> None:
    """Use what the container's engine allows instead of what a login would have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # not allowed here: the bounds above hold anyway
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
