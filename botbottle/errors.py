"""The error tree: every failure a user can meet, with its code, its exit code and the way out.

::

    BBError                      1
    ├── UsageError              64
    ├── ManifestError            3   manifests or settings do not validate
    ├── MissingValue             3   a host variable or an answer is missing
    ├── ApplyIncomplete          4   some operations done, the rest listed
    ├── PlanStale                5   the approved plan is not today's plan
    ├── Locked                   6   another bb holds the project's lock
    ├── Refused                  7   policy, approval or a foreign resource says no
    ├── EngineError              8   the Docker Engine cannot be used
    │   ├── EngineUnreachable    8
    │   ├── Conflict             8   a name, port or address is taken
    │   └── ImageBuildFailed     8
    ├── LedgerError              1
    │   ├── LedgerUnavailable    1   locked, read-only, unreachable
    │   │   └── LedgerOutdated   1   written by an older bb, which only reading does not change
    │   ├── LedgerCorrupt        1
    │   └── LedgerTooNew         1   written by a newer bb
    └── Transient                1   worth retrying after ``delay`` seconds
"""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """Process exit codes; a documented, stable interface (see README, table of exit codes)."""

    OK = 0
    FAILURE = 1
    CHANGES = 2
    INVALID = 3
    INCOMPLETE = 4
    STALE = 5
    LOCKED = 6
    REFUSED = 7
    ENGINE = 8
    USAGE = 64
    BUG = 70
    INTERRUPTED = 130
    TERMINATED = 143


class BBError(Exception):
    """Base of all expected failures.

    ``message`` says what is wrong in one sentence, ``where`` names the file:line or resource,
    ``hint`` the next command. ``code`` is stable (``BB`` + four digits).
    """

    code = "BB1000"
    exit_code = Exit.FAILURE

    def __init__(
        self, message: str, *, code: str | None = None, where: str = "", hint: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class UsageError(BBError):
    """The command line itself is wrong."""

    code = "BB1001"
    exit_code = Exit.USAGE


class ManifestError(BBError):
    """Manifests or settings do not validate; details travel as diagnostics."""

    code = "BB2000"
    exit_code = Exit.INVALID


class MissingValue(ManifestError):
    """A host variable or an asked value is missing; names the variable, never a value."""

    code = "BB2900"


class ApplyIncomplete(BBError):
    """Some operations were done, others failed or were not started."""

    code = "BB4000"
    exit_code = Exit.INCOMPLETE


class PlanStale(BBError):
    """The plan that was approved is not the plan that would run now."""

    code = "BB5000"
    exit_code = Exit.STALE


class Locked(BBError):
    """Another process holds the project's lock."""

    code = "BB6000"
    exit_code = Exit.LOCKED


class Refused(BBError):
    """Something that may not be done without an approval, or not at all."""

    code = "BB7000"
    exit_code = Exit.REFUSED


class EngineError(BBError):
    """The Docker Engine refused or failed."""

    code = "BB8000"
    exit_code = Exit.ENGINE


class EngineUnreachable(EngineError):
    """No engine answers, or it may not be used."""

    code = "BB8001"


class Conflict(EngineError):
    """A name, port or address is taken by somebody else's resource."""

    code = "BB8002"


class ImageBuildFailed(EngineError):
    """An image could not be built."""

    code = "BB8003"


class LedgerError(BBError):
    """The ledger failed."""

    code = "BB3000"


class LedgerUnavailable(LedgerError):
    """The ledger is locked, read-only or unreachable."""

    code = "BB3001"


class LedgerOutdated(LedgerUnavailable):
    """An older bb has written it, and whoever only reads does not change that."""


class LedgerCorrupt(LedgerError):
    """The ledger file is damaged."""

    code = "BB3002"


class LedgerTooNew(LedgerError):
    """The ledger was written by a newer bb."""

    code = "BB3003"


class Transient(BBError):
    """A failure that is worth retrying after ``delay`` seconds."""

    code = "BB1002"

    def __init__(self, message: str, *, delay: float = 0.5, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.delay = delay


def exit_code_for(error: BaseException) -> int:
    """The one place that turns an exception into an exit code."""
    if isinstance(error, BBError):
        return int(error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        return int(Exit.INTERRUPTED)
    return int(Exit.BUG)
