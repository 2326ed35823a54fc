"""Documents of runs: what a verb did, and what a recorded watch planned."""

from __future__ import annotations

from msgspec import Struct, field


class FailedOp(Struct, frozen=True, kw_only=True):
    """An operation that failed."""

    op: str
    code: str
    message: str
    hint: str | None


class LeftOp(Struct, frozen=True, kw_only=True):
    """An operation that was not started; ``by``: the one that blocks it."""

    op: str
    why: str
    by: str


class Outcome(Struct, frozen=True, kw_only=True):
    """What was done: ids of the plan's operations in three groups."""

    verb: str
    project: str
    digest: str
    outcome: str
    done: tuple[str, ...]
    failed: tuple[FailedOp, ...]
    not_started: tuple[LeftOp, ...]
    seconds: float


class ReplayedPass(Struct, frozen=True, kw_only=True):
    """One line of bb replay --json. ``operations`` were planned, ``allowed`` would be carried out
    at once; ``waiting``: bottles that wait for something; ``differs``: what was planned otherwise
    when it was recorded. ``pass`` is the number in the watch's log; ``look`` 2: the same pass,
    looked at again under the lock before anything was carried out."""

    number: int = field(name="pass")
    look: int
    at: float
    digest: str
    operations: tuple[str, ...]
    allowed: tuple[str, ...]
    waiting: tuple[str, ...]
    differs: tuple[str, ...]


class ScanFinding(Struct, frozen=True, kw_only=True):
    """A place in a file, never what is there: ``line`` and ``column`` count from 1, ``offset`` and
    ``length`` are in bytes."""

    path: str
    line: int
    column: int
    rule: str
    location: str
    offset: int
    length: int
    verdict: str
    fingerprint: str


class Scan(Struct, frozen=True, kw_only=True):
    """Output of bb scan --format json."""

    findings: tuple[ScanFinding, ...]
