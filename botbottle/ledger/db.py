"""One connection to one database: transactions, queries and the mapping of driver errors.

SQL is written once, in the dialect both databases share, with ``?`` placeholders. A connection
is used by one thread at a time (calls are serialised); write transactions are serial across all
connections (``BEGIN IMMEDIATE``, or an advisory lock), so check-then-write needs no row locks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from itertools import chain
from threading import RLock, get_ident
from typing import Any, Protocol

ROWS = 64  # of one statement; the databases take thousands of values

type Row = tuple[Any, ...]


class Violation(Exception):
    """The database refuses these rows: they contradict others, or its limits. Unlike an error of
    the ledger, which everybody meets, it is a fault of what was to be written."""


class Deferred(Protocol):
    """Rows that a transaction has not written yet."""

    def flush(self) -> None: ...
    def discard(self) -> None: ...


@lru_cache(maxsize=1024)
def insertion(into: str, columns: int, rows: int, conflict: str) -> str:
    """The statement."""
    row = "(" + ", ".join("?" * columns) + ")"
    values = ", ".join([row] * rows)
    return f"INSERT INTO {into} VALUES {values} {conflict}"  # noqa: S608 - constants and marks


class Db(ABC):
    """A connection. Subclasses raise LedgerUnavailable, LedgerCorrupt or Violation, never
    driver errors."""

    backend: str
    primary_key: str  # column definition of a generated 64-bit key
    without_rowid: str  # suffix of tables that are looked up by their primary key only
    password = ""  # what the connection was made with, for a service that has to make its own

    def __init__(self) -> None:
        self._lock = RLock()
        self._owner = 0  # the thread whose transaction is open
        self.deferred: Deferred | None = None  # flushed before a commit and before reading
        self.transactions = 0  # write transactions begun; a cheap "is this a new one?" check

    def write(self) -> AbstractContextManager[object]:
        """A durable write transaction; inside another one it simply joins: its thread has the
        lock already."""
        return self._lock if self._owner == get_ident() else self._writing()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            self.begin_write()
            self._owner, self.transactions = get_ident(), self.transactions + 1
            try:
                yield
                self.flush()
                self.commit()
            except BaseException:
                self.rollback()
                if self.deferred is not None:
                    self.deferred.discard()
                raise
            finally:
                self._owner = 0

    @contextmanager
    def read(self) -> Iterator[None]:
        """Several queries on one snapshot."""
        with self._lock:
            if self._owner:
                self.flush()
                yield
                return
            self.begin_read()
            self._owner = get_ident()
            try:
                yield
            finally:
                self._owner = 0
                self.rollback()

    def flush(self) -> None:
        """Write what the transaction has put off."""
        if self.deferred is not None:
            self.deferred.flush()

    @property
    def in_transaction(self) -> bool:
        return self._owner != 0

    def one(self, sql: str, *params: Any) -> Row | None:
        """The first row."""
        rows = self.query(sql, *params)
        return rows[0] if rows else None

    def value(self, sql: str, *params: Any) -> Any:
        """The first column of the first row; None when there is none."""
        row = self.one(sql, *params)
        return row[0] if row else None

    @abstractmethod
    def query(self, sql: str, *params: Any) -> list[Row]: ...

    @abstractmethod
    def run(self, sql: str, *params: Any) -> int:
        """Execute; the number of rows touched."""

    def insert(self, into: str, rows: Sequence[Sequence[Any]], conflict: str = "") -> None:
        """Insert rows of one length ``INTO table (columns)`` with as few statements as possible:
        one statement of many rows costs half of many of one."""
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            sql = insertion(into, len(some[0]), len(some), conflict)
            self.run(sql, *chain.from_iterable(some))

    @abstractmethod
    def begin_write(self) -> None: ...

    @abstractmethod
    def begin_read(self) -> None: ...

    @abstractmethod
    def commit(self) -> None: ...

    @abstractmethod
    def rollback(self) -> None:
        """Undo; never raises."""

    @abstractmethod
    def others(self) -> int | None:
        """Inside a transaction: differs when another connection has committed since; None when
        the database cannot tell."""

    @abstractmethod
    def version(self) -> int:
        """Grows whenever anybody commits a change (comparable on this connection only)."""

    @abstractmethod
    def tables(self) -> tuple[str, ...]: ...

    @abstractmethod
    def columns(self, table: str) -> tuple[str, ...]: ...

    @abstractmethod
    def set_aside(self, table: str, upto: int) -> None:
        """Whoever inserts into ``table`` names the ids: a counter of the database's own need not
        follow them up to ``upto``."""

    @abstractmethod
    def size(self) -> int:
        """Bytes on disk."""

    @abstractmethod
    def problems(self) -> tuple[str, ...]:
        """A thorough check of the storage itself."""

    @abstractmethod
    def vacuum(self) -> None: ...

    @abstractmethod
    def backup(self, path: str) -> bool:
        """A copy in the backend's own form, if it has one. Raises LedgerCorrupt when it would be
        a damaged one, OSError when there is no room for it."""

    @abstractmethod
    def replaced(self) -> bool:
        """Whether another database has taken the place of the one that is open."""

    @abstractmethod
    def relieve(self) -> None:
        """Do now, beside everything else, what a later commit would have to wait for. For one
        thread at a time, which need not be the one that writes."""

    @abstractmethod
    def rekey(self, password: str) -> None:
        """Connect anew with another password and keep to it; an empty one: look again where it
        came from. Raises LedgerUnavailable when it is refused; the connection there was is kept
        then. Nothing to do for a file."""

    @abstractmethod
    def close(self) -> None: ...
