"""Progress of a run as plain lines, a live view or JSON lines; a pure observer of events."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, TextIO

from botbottle import __version__
from botbottle.errors import UsageError
from botbottle.ui import events as e
from botbottle.ui.visible import visible

type Mode = Literal["tty", "plain", "json", "quiet"]
VERSION_LINE = {"type": "version", "ui": "1.0", "bb": __version__}


def renderer(mode: Mode, stream: TextIO, width: int = 100) -> Callable[[e.Event], None]:
    """A function that shows each event on ``stream`` in the given mode; ``width`` is the
    terminal's, in columns."""
    if mode == "quiet":
        return lambda event: _failure(event, stream)
    if mode == "json":
        return json_lines(stream)
    return _Live(stream, width).show if mode == "tty" else lambda event: _plain(event, stream)


def json_lines(stream: TextIO) -> Callable[[e.Event], None]:
    """JSON lines; the first one is the version line."""
    stream.write(json.dumps(VERSION_LINE) + "\n")
    stream.flush()

    def show(event: e.Event) -> None:
        stream.write(json.dumps(e.to_wire(event), sort_keys=True) + "\n")
        stream.flush()

    return show


def both(
    first: Callable[[e.Event], None], second: Callable[[e.Event], None]
) -> Callable[[e.Event], None]:
    """Show each event twice (people and a file)."""

    def show(event: e.Event) -> None:
        first(event)
        second(event)

    return show


class Lasting:
    """Shows events as ``show`` does until that fails for its stream (a full disk, a reader that
    has left); then it shows no more. What is carried out does not end half-way for that."""

    def __init__(self, show: Callable[[e.Event], None]) -> None:
        self._show = show
        self.failure: OSError | None = None

    def __call__(self, event: e.Event) -> None:
        if self.failure is not None:
            return
        try:
            self._show(event)
        except OSError as error:
            self.failure = error


@contextlib.contextmanager
def events_to(
    mode: Mode, stream: TextIO, file: str, *, width: int = 100
) -> Iterator[Callable[[e.Event], None]]:
    """A sink of events: people on ``stream``, and JSON lines appended to ``file`` besides
    (empty: none; ``-``: on ``stream`` in place of the text). Opened before anything happens; what
    fails later loses lines, which is said at the end for a file. Raises UsageError when the file
    cannot be written."""
    if file == "-":
        yield Lasting(json_lines(stream))
        return
    shown = Lasting(renderer(mode, stream, width))
    if not file:
        yield shown
        return
    with kept_in(file, stream) as kept:
        yield both(shown, kept)


@contextlib.contextmanager
def kept_in(file: str, stream: TextIO) -> Iterator[Callable[[e.Event], None]]:
    """A sink that appends JSON lines to ``file``; lines that were lost are told of on ``stream`` at
    the end. Raises UsageError when the file cannot be written."""
    with contextlib.ExitStack() as stack:
        try:
            lines = stack.enter_context(_appended(file))
            kept = Lasting(json_lines(lines))
        except OSError as error:
            raise UsageError(f"--events {file}: {error.strerror}") from error
        yield kept
        if kept.failure is not None:
            stream.write(f"warning: --events {file}: {kept.failure.strerror}; it is not whole\n")


@contextlib.contextmanager
def _appended(file: str) -> Iterator[TextIO]:
    """The file for appending. Each line is sent on as it is written; one that could not be fails
    again when the file is closed, which is no news."""
    opened = Path(file).open("a", encoding="utf-8")  # noqa: SIM115 - closed below, in its own way
    try:
        yield opened
    finally:
        with contextlib.suppress(OSError):
            opened.close()


def _plain(event: e.Event, stream: TextIO) -> None:
    if text := _text(event):
        stream.write(text)
        stream.flush()


def _text(event: e.Event) -> str:
    """The event's line, indented below the verb's own lines, and the way out of a failure."""
    line = e.line_of(event)
    if not line:
        return ""
    hint = f"    next: {event.hint}\n" if isinstance(event, e.OpFailed) and event.hint else ""
    text = f"{line}\n" if isinstance(event, e.RunDone) else f"  {line}\n{hint}"
    return visible(text, keep="\n\t")


def _failure(event: e.Event, stream: TextIO) -> None:
    if isinstance(event, (e.OpFailed, e.OpBlocked)):
        _plain(event, stream)


class _Live:
    """One changing last line with what is under way; everything else scrolls above it."""

    def __init__(self, stream: TextIO, width: int) -> None:
        self._stream = stream
        self._width = max(width - 1, 10)  # the last column would wrap on some terminals
        self._running: dict[str, str] = {}
        self._total = 0
        self._done = 0

    def show(self, event: e.Event) -> None:
        if isinstance(event, e.RunStarted):
            self._total = event.ops
        elif isinstance(event, e.OpStarted):
            self._running[event.op_id] = event.op_id
        elif isinstance(event, (e.OpDone, e.OpFailed, e.OpBlocked)):
            self._running.pop(event.op_id, None)
            self._done += 1
        self._stream.write("\r\x1b[2K")
        self._stream.write(_text(event))
        if self._running:
            now = ", ".join(list(self._running)[:3])
            self._stream.write(f"  [{self._done}/{self._total}] {now}"[: self._width])
        self._stream.flush()
