"""Open a ledger: make the file safely, check it, migrate it."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botbottle import errors
from botbottle.ledger import migrations
from botbottle.ledger.db import Db
from botbottle.ledger.schema import STEPS
from botbottle.ledger.sqlite import SqliteDb
from botbottle.ledger.store import SqlLedger

QUICK_CHECK_BYTES = 16 * 2**20  # up to here a check at open costs a few milliseconds


def open_ledger(
    where: str,
    *,
    create: bool = True,
    read_only: bool = False,
    busy_seconds: float = 5.0,
    password: str = "",
) -> SqlLedger:
    """See ``botbottle.ledger.open_ledger``. ``busy_seconds`` bounds waiting for other writers."""
    if is_server(where):
        return _ready(_server(where, password), "PostgreSQL", read_only)
    if where == ":memory:":
        return _ready(SqliteDb(where), where, False)
    path = Path(where)
    if create and not read_only:
        _create(path)
    if not path.exists():
        raise errors.LedgerUnavailable(
            "there is no ledger yet", where=str(path), hint="run `bb apply`"
        )
    for suffix in ("", "-wal", "-shm"):
        require_plain_file(path.with_name(path.name + suffix))
        if not read_only:
            give_to_owner_of_directory(path.with_name(path.name + suffix))
    return _open_file(path, read_only, busy_seconds)


def is_server(where: str) -> bool:
    """Whether this is the address of a PostgreSQL database."""
    return where.startswith(("postgresql://", "postgres://"))


def _server(where: str, password: str = "") -> Db:
    from botbottle.ledger.postgres import PostgresDb

    return PostgresDb(where, password)


def ledger_exists(where: str) -> bool:
    """Whether there is a ledger at ``where``; makes nothing. Raises LedgerUnavailable when a
    server cannot be asked."""
    if not is_server(where):
        return Path(where).exists()
    db = _server(where)
    try:
        return migrations.current(db) > 0
    finally:
        db.close()


def _open_file(path: Path, read_only: bool, busy_seconds: float) -> SqlLedger:
    db = SqliteDb(str(path), read_only=read_only, busy_seconds=busy_seconds)
    try:
        if path.stat().st_size <= QUICK_CHECK_BYTES:
            db.quick_check()
        return _ready(db, str(path), read_only)
    except BaseException:
        db.close()
        raise


def _ready(db: Db, where: str, read_only: bool) -> SqlLedger:
    if read_only:
        known = migrations.require_known(db, where)
        if known < len(STEPS):
            why = "the ledger was written by an older bb" if known else "there is no ledger yet"
            raise errors.LedgerOutdated(why, where=where, hint="run `bb apply` once")
    else:
        migrations.migrate(db, where)
    return SqlLedger(db, where)


def _create(path: Path) -> None:
    """Make the file as a whole or not at all: built beside its place, under a lock, 0600."""
    if path.exists():
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path.parent / ".create.lock"):
            if not path.exists():
                _build(path)
    except OSError as error:
        raise errors.LedgerUnavailable(
            f"the ledger cannot be created: {error.strerror}",
            where=str(path),
            hint="the directory must be writable by you",
        ) from error


def _build(path: Path) -> None:
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    db = SqliteDb(str(new))
    try:
        migrations.migrate(db, str(new))
    finally:
        db.close()
    give_to_owner_of_directory(new)
    new.rename(path)


def require_plain_file(path: Path) -> None:
    """The service may write in this directory and bb may be root: a link planted there must not
    make bb write somewhere else. Raises Refused."""
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise errors.Refused(
            "a link or special file is in the ledger's place",
            code="BB7304",
            where=str(path),
            hint="nothing of bb makes one: find out who did before you remove it",
        )


def give_to_owner_of_directory(path: Path) -> None:
    """When bb runs as root for a service that does not: the directory's owner owns the file.
    (SQLite gives a new -wal or -shm the database's owner by itself.)"""
    owner = path.parent.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    try:
        if path.stat(follow_symlinks=False).st_uid != owner.st_uid:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    except FileNotFoundError:
        return


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = os.open(path, flags, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
