"""What may wake the loop. Sources only say *look again*; none of them carries state."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from botbottle.engine.api import EngineRead
from botbottle.errors import BBError

PROJECT = "@project"  # the key of everything that is not one bottle's
RETRY = 1.0  # seconds between attempts to reach the engine's event stream
SIGN_OF_LIFE = 15.0  # seconds of silence after which a stream counts as dead


class EngineEvents:
    """Reads the engine's event stream in a thread and adds keys; a broken stream is opened
    again and followed by a full resync, because what happened in between is not told."""

    def __init__(self, engine: EngineRead, add: Callable[[str], None], project: str) -> None:
        self._engine = engine
        self._add = add
        self._project = project
        self._stop = threading.Event()
        self.connected = False
        self._thread = threading.Thread(target=self._run, name="bb-events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(BBError):
                self._read()
            self.connected = False
            self._stop.wait(RETRY)

    def _read(self) -> None:
        for event in self._engine.events():
            if self._stop.is_set():
                return
            if not self.connected:
                # Subscribed first, listed second: nothing falls between.
                self.connected = True
                self._add(PROJECT)
            if event is not None and event.project in ("", self._project, "_shared"):
                self._add(event.bottle or PROJECT)


class Manifests:
    """Notices edits of manifest files by size and time; cheap enough to ask twice a second."""

    def __init__(self, roots: Callable[[], list[Path]]) -> None:
        self._roots = roots
        self._seen = self._signature()

    def changed(self) -> bool:
        """Whether any file changed, came or went since the last call."""
        now = self._signature()
        if now == self._seen:
            return False
        self._seen = now
        return True

    def _signature(self) -> tuple[tuple[str, int, int], ...]:
        return tuple(sorted(_stat(path) for root in self._roots() for path in _files(root)))


def _files(root: Path) -> Iterator[Path]:
    for pattern in ("settings.yml", "bottles/*.md", "agents/*.md"):
        yield from root.glob(pattern)


def _stat(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), found.st_size, found.st_mtime_ns
