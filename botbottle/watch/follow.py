"""Reading along with the watch that enforces: its log file, and who holds the project.

Reads only. It takes no lock, because even trying to would make a watch that starts at that moment
believe that another one runs: the kernel's own list of locks (proc(5), /proc/locks) says it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from botbottle.locking import holder

type Record = dict[str, Any]


def held(lock: Path, table: Path = Path("/proc/locks")) -> bool:
    """Whether anybody holds the flock ``lock``."""
    try:
        inode = lock.stat().st_ino
    except FileNotFoundError:
        return False
    return any(_names(line.split(), inode) for line in table.read_text().splitlines())


def _names(fields: list[str], inode: int) -> bool:
    """``1: FLOCK ADVISORY WRITE 4711 08:01:131 0 EOF``; a waiting one has ``->`` after its number.
    The device is left out: some file systems show another one in stat(2)."""
    return "->" not in fields and "FLOCK" in fields and any(
        f.count(":") == 2 and f.rpartition(":")[2] == str(inode) for f in fields
    )  # fmt: skip


class Tail(Struct):
    """New lines of a file that may not exist yet and may be replaced by a fresh one."""

    path: Path
    _handle: int | None = None
    _rest: bytes = b""

    def read(self) -> Iterator[str]:
        """Complete lines since the last call."""
        while True:
            if self._handle is None and not self._open():
                return
            yield from self._lines()
            if not self._replaced():
                return
            self.close()

    def skip(self, keep: int) -> None:
        """Go to the last ``keep`` lines (of at most 64 KiB)."""
        if self._handle is None and not self._open():
            return
        size = os.fstat(self._handle or 0).st_size
        start = max(0, size - 65536)
        data = os.pread(self._handle or 0, size - start, start)
        lines = data.splitlines(keepends=True)
        whole = lines[1:] if start else lines
        tail = sum(map(len, whole[-keep:])) if keep else 0
        os.lseek(self._handle or 0, size - tail, os.SEEK_SET)

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._handle, self._rest = None, b""

    def _open(self) -> bool:
        try:
            self._handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        return True

    def _lines(self) -> Iterator[str]:
        while data := os.read(self._handle or 0, 65536):
            *lines, self._rest = (self._rest + data).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in lines)

    def _replaced(self) -> bool:
        try:
            return os.fstat(self._handle or 0).st_ino != self.path.stat().st_ino
        except FileNotFoundError:
            return False


class Follower(Struct):
    """``step`` shows what is new: records of the log, and whenever the enforcing watch changes."""

    tail: Tail
    lock: Path
    show: Callable[[Record], None]
    is_held: Callable[[Path], bool] = held
    _enforcing: bool | None = field(default=None)

    def step(self) -> None:
        for line in self.tail.read():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                self.show(record)
        now = self.is_held(self.lock)
        if now != self._enforcing:
            self._enforcing = now
            self.show(self._who(now))

    def _who(self, enforcing: bool) -> Record:
        if enforcing:
            return {"event": "following", "level": "info", "enforcing": holder(self.lock)}
        return {
            "event": "nobody-enforces",
            "level": "warning",
            "next": "bb watch",
        }
