"""Descriptors: how many the sidecar may have, and how many of them are connections to upstreams.

Without a free one nothing can be accepted, not even a cut on the control socket. So everything that
an agent can make more of has a bound, and all of them together fit into 1024 (the soft limit of
most systems, which is raised where it may be). Where an engine gives its containers fewer
(``default-ulimits``), the bounds are smaller. A limit among the container's settings would not do:
an engine without root cannot start a container with more than it has itself.
"""

from __future__ import annotations

import resource
from contextlib import suppress
from dataclasses import dataclass

from mitmproxy.connection import Connection

AGENTS = 512  # connections of the agent's; a program opens some ten
EACH = 100  # connections to upstreams for one of them; as many as it has streams
ALL = 384  # for all of them
OWN = 128  # what the sidecar itself needs, and its DNS


class Crowded(OSError):
    """There are too many connections already. The message starts with a denial code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Connections at a time, of the agent's and to upstreams."""

    agents: int
    upstreams: int


def bounds(limit: int) -> Bounds:
    """What fits into ``limit`` descriptors. None at all where there are hardly enough for what the
    sidecar itself needs: then it refuses everything, and can still be told to stop."""
    spare = max(0, limit - OWN) if limit != resource.RLIM_INFINITY else AGENTS + ALL
    share = [min(most, spare * most // (AGENTS + ALL)) for most in (AGENTS, ALL)]
    return Bounds(agents=share[0], upstreams=share[1])


class Upstreams:
    """Connections to upstreams of the whole sidecar, those that are being made included. ``most``:
    how many there may be."""

    def __init__(self, most: int = ALL) -> None:
        self.count, self.most = 0, most


class Places:
    """Those of one client connection."""

    def __init__(self, everybody: Upstreams) -> None:
        self._everybody = everybody
        self._mine: set[Connection] = set()

    def take(self, connection: Connection) -> None:
        """One more. Raises Crowded."""
        if len(self._mine) >= EACH or self._everybody.count >= self._everybody.most:
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


def limit() -> int:
    """Descriptors that this process may have; RLIM_INFINITY where nothing bounds them."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
