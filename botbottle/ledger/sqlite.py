"""The SQLite backend: WAL, ``synchronous=FULL``, immediate write transactions.

Read transactions stay deferred: a deferred transaction that turns into a writing one fails at
once and ignores the busy timeout, so writers always begin as writers.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from botbottle import errors
from botbottle.ledger.db import Db, Row, Violation

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")
RETRY_SECONDS = 0.0005
# Pages of log (40 MiB) before a commit also copies them into the file. That commit is slow, and
# everybody waits for it. ``relieve``, called now and then, leaves it next to nothing to copy.
CHECKPOINT = 10_000


class SqliteDb(Db):
    """A connection to one SQLite file (or ``:memory:``)."""

    backend = "sqlite"
    primary_key = "INTEGER PRIMARY KEY AUTOINCREMENT"
    without_rowid = " WITHOUT ROWID"

    def __init__(self, path: str, *, read_only: bool = False, busy_seconds: float = 5.0) -> None:
        super().__init__()
        self.path = path
        self._aside: sqlite3.Connection | None = None
        self._busy_seconds = busy_seconds
        memory = path == ":memory:"
        uri = path if memory else f"{_uri(path)}?mode={'ro' if read_only else 'rw'}"
        with self._mapped():
            self._c = sqlite3.connect(
                uri,
                uri=not memory,
                timeout=0.0,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
        self._place = None if memory else _place(path)
        self._patiently(lambda: self._setup(read_only))

    def _setup(self, read_only: bool) -> None:
        if not read_only:
            self._c.execute("PRAGMA journal_mode=WAL")
            self._c.execute("PRAGMA synchronous=FULL")
            self._c.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT}")
        self._c.execute("PRAGMA cache_size=-16384")
        self._c.execute("PRAGMA trusted_schema=OFF")
        self._c.execute("SELECT count(*) FROM sqlite_master").fetchone()

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise mapped(error, self.path) from error

    def query(self, sql: str, *params: Any) -> list[Row]:
        with self._lock:
            try:
                return self._c.execute(sql, params).fetchall()
            except sqlite3.Error as error:
                self._must_wait(error)
            return self._patiently(lambda: self._c.execute(sql, params).fetchall())

    def run(self, sql: str, *params: Any) -> int:
        with self._lock:
            try:
                return self._c.execute(sql, params).rowcount
            except sqlite3.Error as error:
                self._must_wait(error)
            return self._patiently(lambda: self._c.execute(sql, params).rowcount)

    def _patiently[T](self, statement: Callable[[], T]) -> T:
        """Retry while another connection has the lock. SQLite's own waiting sleeps ever longer,
        up to 100 ms, so one busy writer can starve another for seconds; this asks evenly."""
        deadline = 0.0
        while True:
            try:
                return statement()
            except sqlite3.Error as error:
                self._must_wait(error)
                deadline = deadline or time.monotonic() + self._busy_seconds
                if time.monotonic() >= deadline:
                    raise mapped(error, self.path) from error
            time.sleep(RETRY_SECONDS)

    def _must_wait(self, error: sqlite3.Error) -> None:
        """Raise the error as one of ours, unless another connection has the lock and a
        transaction is yet to begin."""
        if not _is_busy(error) or self._c.in_transaction:
            raise mapped(error, self.path) from error

    def begin_write(self) -> None:
        """What went into a file that has lost its place would be lost: refused instead."""
        self.run("BEGIN IMMEDIATE")
        if self.replaced():
            self.rollback()
            raise errors.LedgerUnavailable(
                "another file has taken the ledger's place",
                where=self.path,
                hint="restart what has the old one open: `bb watch`, the ledger service",
            )

    def replaced(self) -> bool:
        return self._place is not None and self._place != _place(self.path)

    def begin_read(self) -> None:
        self.run("BEGIN")

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        if self._c.in_transaction:
            with suppress(sqlite3.Error):
                self._c.execute("ROLLBACK")

    def others(self) -> int | None:
        return int(self.value("PRAGMA data_version"))

    def version(self) -> int:
        """``data_version`` changes with others' commits, ``total_changes`` with our own."""
        return int(self.value("PRAGMA data_version")) * 2**32 + self._c.total_changes

    def tables(self) -> tuple[str, ...]:
        rows = self.query(
            "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'"
            " ORDER BY name"
        )
        return tuple(str(r[0]) for r in rows)

    def columns(self, table: str) -> tuple[str, ...]:
        rows = self.query("SELECT name FROM pragma_table_info(?) ORDER BY cid", table)
        return tuple(str(r[0]) for r in rows)

    def set_aside(self, table: str, upto: int) -> None:
        self.run("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", upto, table)

    def size(self) -> int:
        return int(self.value("PRAGMA page_count")) * int(self.value("PRAGMA page_size"))

    def problems(self) -> tuple[str, ...]:
        found = [str(r[0]) for r in self.query("PRAGMA integrity_check(20)")]
        return () if found == ["ok"] else tuple(found)

    def quick_check(self) -> None:
        """Raise LedgerCorrupt unless the b-trees are sound; a few ms for each 10 MB."""
        found = [str(r[0]) for r in self.query("PRAGMA quick_check(1)")]
        if found != ["ok"]:
            raise corrupt(self.path, found[0])

    def vacuum(self) -> None:
        self.run("VACUUM")
        self.query("PRAGMA wal_checkpoint(TRUNCATE)")

    def backup(self, path: str) -> bool:
        """Pages are copied as they are, so the copy is looked at: a damaged one would take the
        place of a sound one."""
        with self._mapped(), closing(sqlite3.connect(path)) as target:
            try:
                with self._lock:
                    self._c.backup(target)
                target.execute("PRAGMA journal_mode=DELETE")
            except sqlite3.OperationalError as error:  # the source is only read
                if _code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY):
                    raise OSError(errno.ENOSPC, str(error)) from error
                raise
            found = str(target.execute("PRAGMA quick_check(1)").fetchone()[0])
        if found != "ok":
            raise corrupt(self.path, found)
        return True

    def relieve(self) -> None:
        """Not under the lock: a checkpoint that waits for nobody, on a connection of its own,
        goes on beside reads and commits."""
        if self.path == ":memory:":
            return
        with self._mapped():
            if self._aside is None:
                self._aside = sqlite3.connect(
                    f"{Path(self.path).resolve().as_uri()}?mode=rw",
                    uri=True,
                    timeout=0.0,
                    isolation_level=None,
                    check_same_thread=False,
                )
            self._aside.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # busy is no error

    def rekey(self, password: str) -> None:
        """A file has no password."""

    def close(self) -> None:
        for connection in (self._aside, self._c):
            with suppress(sqlite3.Error):
                if connection is not None:
                    connection.close()


def _uri(path: str) -> str:
    """The path as an address. What has to be quoted is rare, and quoting takes an import."""
    real = os.path.realpath(path)
    return f"file://{real}" if _PLAIN.issuperset(real) else Path(real).as_uri()


def _place(path: str) -> tuple[int, int] | None:
    """Which file is at this path, if any."""
    try:
        found = os.stat(path)  # noqa: PTH116 - in every transaction, so without a Path
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_busy(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: sqlite3.Error) -> int:
    """The primary result code; 0 when the driver made the error."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def corrupt(path: str, detail: str) -> errors.LedgerCorrupt:
    """The error for a damaged file, with the way back."""
    return errors.LedgerCorrupt(
        f"the ledger is damaged ({detail})",
        where=path,
        hint="stop `bb watch` and the ledger service, then `bb ledger restore BACKUP` "
        "with the newest file of `bb ledger backup`; the damaged one is kept aside",
    )


def mapped(error: sqlite3.Error, path: str) -> errors.LedgerError | Violation:
    """A driver error as one of ours."""
    text = str(error)
    if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError):
        return Violation(text)
    code = _code(error)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return corrupt(path, text)
    if _is_busy(error):
        hint = "another process writes for too long; try again, or look for a running backup"
    elif code == sqlite3.SQLITE_READONLY or code == sqlite3.SQLITE_PERM:
        hint = "the file and its directory must be writable by you (mode 0600 and 0700)"
    elif code == sqlite3.SQLITE_FULL:
        hint = "the disk is full; free some space, then run `bb ledger vacuum`"
    elif code == sqlite3.SQLITE_CANTOPEN:
        hint = "does the file exist, and may you read its directory?"
    else:
        hint = "run `bb ledger check`"
    return errors.LedgerUnavailable(f"the ledger cannot be used: {text}", where=path, hint=hint)
