"""Looking after the store: check, backup, export, vacuum, retention."""

# ruff: noqa: S608  # only constants of this package are put into SQL
from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from botbottle import errors
from botbottle.budget import windows
from botbottle.ledger import comparing, migrations
from botbottle.ledger.enforcement import Enforcement
from botbottle.ledger.records import Health
from botbottle.ledger.schema import BLOCK, CLASSES
from botbottle.ledger.sums import fold
from botbottle.ledger.written import LAST

PAGE = 2000
_NUMBERS = ("id", "seq")  # first columns that are unique
_EMPTY_BLOCKS = (
    f"DELETE FROM exchange_block WHERE block < (SELECT coalesce(min(id), {2**62}) FROM usage) / ?"
)
# Oldest first. The rows of one response go together, when the newest is old enough: what is left
# of it would be taken for all that was booked.
_OLD_RESPONSES = (
    "FROM usage WHERE (provider, response_id) IN (SELECT u.provider, u.response_id"
    " FROM usage u WHERE u.recorded_at < ? AND NOT EXISTS (SELECT 1 FROM usage n"
    " WHERE n.provider = u.provider AND n.response_id = u.response_id AND n.recorded_at >= ?)"
    " ORDER BY u.id LIMIT ?)"
)
_SUMMED = (*CLASSES, "counted")
_NOTE_FORGOTTEN = (
    f"INSERT INTO forgotten (account, provider, {', '.join(_SUMMED)}) SELECT account, provider, "
    + ", ".join(f"CAST(sum({name}) AS BIGINT)" for name in _SUMMED)
    + f" {_OLD_RESPONSES} GROUP BY account, provider ON CONFLICT (account, provider) DO UPDATE SET "
    + ", ".join(f"{name} = forgotten.{name} + excluded.{name}" for name in _SUMMED)
)
_KEEP_LAST = (
    f"INSERT INTO counter SELECT '{LAST}', max(id) FROM usage HAVING max(id) IS NOT NULL"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > counter.value"
)


class Upkeep(Enforcement):
    """See ``api.Upkeep``."""

    def check(self) -> Health:
        """Thorough: storage, sums and the audit chain. Reads everything."""
        problems = list(self.db.problems())
        with self.db.read():
            rows = {t: int(self.db.value(f"SELECT count(*) FROM {t}")) for t in self.db.tables()}
            problems += comparing.wrong_sums(self.db)
            schema, size = migrations.current(self.db), self.db.size()
        audit = self.verify_audit()
        problems += [f"audit: {audit.problem}"] if audit.problem else []
        return Health(self.db.backend, schema, rows, size, tuple(problems))

    def backup(self, path: str) -> None:
        with _new_file(path) as temporary:
            if not self.db.backup(str(temporary)):
                self._export(temporary)

    def export(self, path: str) -> int:
        with _new_file(path) as temporary:
            return self._export(temporary)

    def _export(self, path: Path) -> int:
        with self.db.read(), path.open("w", encoding="utf-8") as out:
            return sum(self._export_table(table, out) for table in self.db.tables())

    def _export_table(self, table: str, out: TextIO) -> int:
        names, lines = self.db.columns(table), 0
        for row in self._rows(table, names):
            data = dict(zip(names, row, strict=True))
            out.write(json.dumps({"table": table, **data}, ensure_ascii=False) + "\n")
            lines += 1
        return lines

    def _rows(self, table: str, names: Sequence[str]) -> Iterator[Sequence[Any]]:
        """All rows in a stable order, a page at a time. A table that grows with the traffic has a
        number to go on from; in the others, which are short, rows are counted off."""
        select = f"SELECT {', '.join(names)} FROM {table}"
        numbered, last, offset = names[0] in _NUMBERS, None, 0
        while True:
            if not numbered:
                order = f" ORDER BY {', '.join(names)} LIMIT ? OFFSET ?"
                page = self.db.query(select + order, PAGE, offset)
            elif last is None:
                page = self.db.query(f"{select} ORDER BY {names[0]} LIMIT ?", PAGE)
            else:
                where = f" WHERE {names[0]} > ? ORDER BY {names[0]} LIMIT ?"
                page = self.db.query(select + where, last, PAGE)
            yield from page
            if len(page) < PAGE:
                return
            last, offset = page[-1][0], offset + PAGE

    def vacuum(self) -> None:
        self.db.vacuum()

    def retain(self, *, before: float) -> int:
        """Sums outlive rows: reports, budgets and the audit do not change. The hours that rows
        are in stay as long as they: what was estimated may yet be taken back out of them."""
        deleted = self._retain(partial(self._forget_responses, before))
        deleted += self._retain(partial(self._forget_rows, "event", "at", before))
        deleted += self._retain(partial(self._forget_rows, "journal", "started_at", before))
        oldest = self.db.value("SELECT min(recorded_at) FROM usage WHERE recorded_at < ?", before)
        with self.db.write():  # hours that ended are in their days
            fold(self.db)
            hour = windows.bucket("hour", before if oldest is None else oldest)
            self.db.run("DELETE FROM spend WHERE win = 'hour' AND bucket < ?", hour)
            self.db.run(_EMPTY_BLOCKS, BLOCK)
            self.books.forget()
        return deleted

    def _forget_responses(self, before: float) -> int:
        self.db.run(_KEEP_LAST)
        self.db.run(_NOTE_FORGOTTEN, before, before, PAGE)
        return self.db.run(f"DELETE {_OLD_RESPONSES}", before, before, PAGE)

    def _forget_rows(self, table: str, column: str, before: float) -> int:
        return self.db.run(
            f"DELETE FROM {table} WHERE id IN"
            f" (SELECT id FROM {table} WHERE {column} < ? ORDER BY id LIMIT ?)",
            before,
            PAGE,
        )

    def _retain(self, delete: Callable[[], int]) -> int:
        """Delete in small transactions, so that the gate is never kept waiting."""
        total = 0
        while True:
            with self.db.write():
                done = delete()
            total += done
            if done < PAGE:
                return total

    def version(self) -> int:
        return self.db.version()

    def revision(self) -> int:
        return int(self.db.value("SELECT value FROM counter WHERE name = 'revision'"))

    def found(self) -> int:
        return self._revision if self._checked == self.db.transactions else -1

    def batch(self) -> AbstractContextManager[object]:
        return self.db.write()

    def close(self) -> None:
        self.db.close()


@contextmanager
def _new_file(path: str) -> Iterator[Path]:
    """Write beside, 0600, then rename: a reader sees the whole file or none."""
    target = Path(path)
    temporary = target.with_name(target.name + ".part")
    try:
        temporary.unlink(missing_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield temporary
        temporary.rename(target)
    except OSError as error:
        raise errors.LedgerUnavailable(
            f"cannot write: {error.strerror}",
            where=path,
            hint="is there room, and is the directory writable?",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
