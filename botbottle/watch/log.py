"""The watch's log: one flat JSON record a line, to the terminal or journal and to a file that
``bb watch --follow`` reads.

Losing a log line must never cost enforcement: a sink that fails (the terminal is gone, the disk is
full) is left out.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, TextIO

from botbottle.ui import events as e
from botbottle.ui.visible import visible

LIMIT = 4 * 1024 * 1024  # bytes of the file; one older file of the same size is kept

type Record = dict[str, Any]
type Sink = Callable[[Record], None]


def log_path(home: Path, project: str) -> Path:
    """Where the enforcing watch of a project writes its log."""
    return home / "run/log" / f"watch-{project}.jsonl"


class Log:
    """Stamps each record with the time (UTC, ISO 8601) and gives it to every sink."""

    def __init__(self, sinks: Sequence[Sink], clock: Callable[[], float] = time.time) -> None:
        self._sinks = list(sinks)
        self._clock = clock
        self._lock = threading.RLock()  # sources log from their own threads, sinks about themselves

    def __call__(self, record: Record) -> None:
        now = self._clock()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        stamped = {"ts": f"{stamp}.{int(now * 1000) % 1000:03d}Z", "level": "info", **record}
        with self._lock:
            for sink in self._sinks:
                with contextlib.suppress(OSError, ValueError):
                    sink(stamped)


def lines(stream: TextIO, *, text: bool = False) -> Sink:
    """A sink that writes JSON lines, or lines for people."""

    def write(record: Record) -> None:
        stream.write((line_of(record) if text else json.dumps(record)) + "\n")
        stream.flush()

    return write


class LogFile:
    """JSON lines in a private file; when it is full, it becomes ``NAME.1``. Where it cannot be
    made, on a full disk, each write tries again and raises OSError, which ``Log`` leaves out."""

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self._path, self._limit = path, limit
        self._file: FileIO | None = None
        self._closed = False
        with contextlib.suppress(OSError):
            self._open()

    def __call__(self, record: Record) -> None:
        """Raises OSError, and ValueError after ``close``."""
        file = self._file or self._open()
        if file.tell() >= self._limit:
            file.close()
            self._file = None
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            file = self._open()
        file.write((json.dumps(record) + "\n").encode())

    def close(self) -> None:
        self._closed = True
        if self._file is not None:
            self._file.close()

    def _open(self) -> FileIO:
        if self._closed:
            raise ValueError("the log is closed")
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = FileIO(self._path, "ab", opener=private)
        return self._file


def private(path: str, flags: int) -> int:
    """An ``opener`` for files that are the owner's alone."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def line_of(record: Record) -> str:
    """One record for people: time, event, then what is known of it."""
    level = record.get("level", "info")
    loud = "" if level == "info" else f"{level}: "
    rest = " ".join(
        f"{k}={_short(v)}" for k, v in record.items() if k not in ("ts", "level", "event")
    )
    when = str(record.get("ts", ""))[11:19]
    return visible(f"{when}  {loud}{record.get('event', '')}  {rest}".rstrip())


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text else text


def op_record(event: e.Event) -> Record | None:
    """What the log says of a run: how operations ended, and what is to be known besides."""
    match event:
        case e.OpDone():
            return {"event": "op", "op": event.op_id, "bottle": event.bottle, "outcome": "done",
                    "seconds": event.seconds}  # fmt: skip
        case e.OpFailed():
            return {"event": "op", "level": "warning" if event.best_effort else "error",
                    "op": event.op_id, "bottle": event.bottle, "outcome": "failed",
                    "code": event.code, "message": event.message}  # fmt: skip
        case e.OpBlocked():
            return {"event": "op", "level": "warning", "op": event.op_id, "bottle": event.bottle,
                    "outcome": "not started", "why": event.why}  # fmt: skip
        case e.Note():
            return {"event": "note", "level": event.level, "message": event.message}
        case _:
            return None
