"""Descriptors: a socket for each bottle and one for each connection, and some that stay free.

The system gives the lowest free number to what is opened. So a number near the limit says that
there are hardly any left, and nothing has to be counted.
"""

from __future__ import annotations

import errno
import resource
from contextlib import suppress

# Those that stay free: for the database and its log, the copying of that log, a new connection to a
# server, and the owner, who hands over a password.
RESERVE = 64
OWN = 32  # what is open without any bottle
# No engine gives more, and a system without a limit is asked for none.
MOST = 2**20
FULL = "the ledger service has too many open files: raise the engine's limit (default-ulimits)"


class Descriptors:
    """How many this process may have."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def has(self, number: int, *, first: bool) -> bool:
        """Whether what got ``number`` may stay. The second half is for bottles that have no
        connection yet (``first``): a few that open all they may keep nobody out."""
        free = self.limit - number
        return free > RESERVE and (first or free > self.limit // 2)

    def require(self, number: int, sockets: int) -> None:
        """Raises OSError where a new socket beside ``sockets`` has to wait: each that there is has
        room for a connection."""
        if sockets >= (self.limit - OWN - RESERVE) // 2 or not self.has(number, first=True):
            raise OSError(errno.EMFILE, FULL)


def raised() -> Descriptors:
    """As many as the container's engine allows, instead of what a login would have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != soft:
        with suppress(ValueError, OSError):  # not allowed here: what holds is read below
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Descriptors(MOST if soft == resource.RLIM_INFINITY else soft)
