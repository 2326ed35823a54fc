"""What wakes the loop: engine events and manifest files. Both only add keys."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from botbottle.engine.api import EngineRead
from botbottle.watch.failure import record_of

PROJECT = "@project"  # the key of everything that is not one bottle's
CONNECTED = "@engine"  # the event stream was opened: what happened before it was not told
RETRY = 1.0  # seconds between attempts to reach the engine's event stream
QUIET = 10.0  # seconds without an event until the engine is asked whether it is there
REOPEN = (
    300.0  # seconds without an event until the stream is taken for dead whatever the engine says
)

type Log = Callable[[dict[str, Any]], None]


class EngineEvents:
    """Reads the engine's event stream in a thread and adds keys; a broken stream is opened
    again and followed by a full resync, because what happened in between is not told.

    A stream can die without a word. After QUIET seconds of silence the engine is asked for a
    sign of life, and after REOPEN seconds the stream is opened anew. ``wait`` pauses for seconds
    and says whether to stop.
    """

    def __init__(
        self,
        engine: EngineRead,
        add: Callable[[str], None],
        project: str,
        log: Log = lambda _record: None,
        *,
        home: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._add = add
        self._projects = ("", project, "_shared")
        self._homes = ("", home)  # another home on this engine may have a project of this name
        self._log = log
        self._clock = clock
        self._stop = threading.Event()
        self.connected = False
        self._thread = threading.Thread(target=self._run, name="bb-watch-events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.read_one_stream()
            self._stop.wait(RETRY)

    def read_one_stream(self) -> None:
        """Open the stream and read it until it ends, breaks or seems dead. Never raises: the
        loop's own timer repairs what a stream does not tell."""
        try:
            self._read()
        except Exception as error:  # noqa: BLE001  # a dead thread would leave the timer alone for good
            if self.connected:
                self._log({**record_of(error), "event": "engine-lost", "level": "warning"})
        self.connected = False

    def _read(self) -> None:
        opened = heard = asked = self._clock()
        with contextlib.closing(_generator(self._engine.events())) as stream:
            for event in stream:
                if self._stop.is_set():
                    return
                now = self._clock()
                if not self.connected:
                    self._subscribed()
                if event is not None:
                    heard = asked = now
                    if event.home in self._homes and event.project in self._projects:
                        self._add(event.bottle or PROJECT)
                elif now - max(heard, opened) >= REOPEN:
                    return
                elif now - asked >= QUIET:
                    self._engine.ping()  # raises when nobody is there
                    asked = now

    def _subscribed(self) -> None:
        """Subscribed first, listed second: what happens before the list is in the list, what
        happens after it comes as an event."""
        self.connected = True
        self._log({"event": "engine-connected"})
        self._add(CONNECTED)


def _generator[T](items: Iterator[T]) -> Generator[T]:
    """A generator, so that there is something to close even where the engine gives an iterator."""
    yield from items


type Seen = tuple[str, int, int]  # path, size, time of change in ns


class Manifests:
    """Notices edits of manifest files by size and time; cheap enough to ask twice a second."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [str(folder) for folder in folders]
        self._seen = self._signature()

    def changed(self) -> bool:
        """Whether any file changed, came or went since the last call."""
        now = self._signature()
        if now == self._seen:
            return False
        self._seen = now
        return True

    def _signature(self) -> list[Seen]:
        return sorted(found for root in self._folders for found in _files(root))


def _files(root: str) -> Iterator[Seen]:
    with contextlib.suppress(OSError):
        found = os.stat(f"{root}/settings.yml")  # noqa: PTH116  # asked twice a second: no Path objects
        yield root, found.st_size, found.st_mtime_ns
    for folder in ("bottles", "agents"):
        yield from _manifests(f"{root}/{folder}")


def _manifests(folder: str) -> Iterator[Seen]:
    """A folder that is not there is empty. What goes while it is looked at cuts the look short,
    and the next one differs."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".md"):
                found = entry.stat()
                yield entry.path, found.st_size, found.st_mtime_ns
