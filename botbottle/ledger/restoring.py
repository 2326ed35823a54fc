"""Put a backup in a ledger's place. The caller makes sure that nobody uses the ledger.

The copy is made and checked beside its place before anything is moved, and what was there is
kept under a new name, so no order of crashes loses the damaged file or leaves half a ledger.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from botbottle import errors
from botbottle.ledger.opening import give_to_owner_of_directory, open_ledger, require_plain_file
from botbottle.ledger.sqlite import SqliteDb

SIDE_FILES = ("-wal", "-shm")  # the write-ahead log of one database must never meet another


class Restored(Struct, frozen=True):
    """What a restore did. ``kept`` is where the old file is now, empty when there was none;
    ``newest`` the time (seconds since the epoch) of the last exchange, 0 when there is none."""

    kept: str
    exchanges: int
    newest: float


def restore(place: str, backup: str, *, now: float | None = None) -> Restored:
    """Check ``backup`` (an SQLite file of ``bb ledger backup``) and put it at ``place``.

    Raises LedgerUnavailable (no such file, not writable), LedgerCorrupt (the backup is damaged),
    LedgerTooNew; in every case ``place`` is as it was.
    """
    target, source = Path(place), Path(backup)
    if not source.is_file():
        raise errors.LedgerUnavailable("there is no such backup", where=backup)
    if target.exists() and source.samefile(target):
        raise errors.UsageError("the backup and the ledger are the same file")
    new = target.with_name(target.name + ".restore")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy(source, new)
        exchanges, newest = _checked(new, backup)
        give_to_owner_of_directory(new)
        kept = _exchange(target, new, time.time() if now is None else now)
        return Restored(kept, exchanges, newest)
    except OSError as error:
        raise errors.LedgerUnavailable(
            f"the ledger cannot be restored: {error.strerror}", where=place
        ) from error
    finally:
        for suffix in ("", *SIDE_FILES):
            with suppress(OSError):
                new.with_name(new.name + suffix).unlink(missing_ok=True)


def _copy(source: Path, new: Path) -> None:
    """A consistent copy, 0600, also of a file whose last writes are still in its own log."""
    for suffix in ("", *SIDE_FILES):
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    with _said(str(source)):
        db = SqliteDb(str(source), read_only=True)
        try:
            db.backup(str(new))
        finally:
            db.close()


def _checked(new: Path, backup: str) -> tuple[int, float]:
    """Bring the copy up to date and read all of it; (exchanges, time of the newest)."""
    with _said(backup):
        ledger = open_ledger(str(new), create=False)
        try:
            health = ledger.check()
            if health.problems:
                raise errors.LedgerCorrupt(health.problems[0])
            last = ledger.exchanges(limit=1)
            ledger.vacuum()  # also empties the log
            return health.rows["usage"], last[0].recorded_at if last else 0.0
        finally:
            ledger.close()


@contextmanager
def _said(backup: str) -> Iterator[None]:
    """Errors about the copy name the backup, and never advise to touch the ledger."""
    try:
        yield
    except errors.LedgerCorrupt as error:
        raise errors.LedgerCorrupt(
            f"the backup is damaged, nothing was changed ({error})",
            where=backup,
            hint="try an older backup",
        ) from error


def _exchange(target: Path, new: Path, now: float) -> str:
    """Old file and log aside, new file in place. The log goes first: a database without its log
    is older, one with another's is broken. The old file keeps its place until the new has it."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    kept = _free(target.with_name(f"{target.name}.replaced-{stamp}"))
    try:
        found = _set_aside(target, kept)
        require_plain_file(new)
        new.rename(target)
    except OSError:  # a full disk, a file system without links: as it was
        _put_back(target, kept)
        raise
    _sync(target)
    return found


def _set_aside(target: Path, kept: Path) -> str:
    """Where the old file is now, too; empty: there was none."""
    for suffix in SIDE_FILES:
        with suppress(FileNotFoundError):
            target.with_name(target.name + suffix).rename(f"{kept}{suffix}")
    try:
        os.link(target, kept, follow_symlinks=False)
    except FileNotFoundError:
        return ""
    return str(kept)


def _put_back(target: Path, kept: Path) -> None:
    for suffix in SIDE_FILES:
        with suppress(FileNotFoundError):
            kept.with_name(kept.name + suffix).rename(f"{target}{suffix}")
    kept.unlink(missing_ok=True)


def _free(path: Path) -> Path:
    """``path``, or with a number behind when that is taken."""
    for number in range(1, 1000):
        tried = path if number == 1 else path.with_name(f"{path.name}.{number}")
        if not tried.exists():
            return tried
    raise errors.LedgerUnavailable("too many replaced ledgers", where=str(path))


def _sync(target: Path) -> None:
    """File and name are on disk when this returns."""
    for path in (target, target.parent):
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
