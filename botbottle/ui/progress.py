"""Progress of a run as plain lines, a live view or JSON lines; a pure observer of events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal, TextIO, assert_never

from botbottle import __version__
from botbottle.ui import events as e

type Mode = Literal["tty", "plain", "json", "quiet"]
VERSION_LINE = {"type": "version", "ui": "1.0", "bb": __version__}


def renderer(mode: Mode, stream: TextIO) -> Callable[[e.Event], None]:
    """A function that shows each event on ``stream`` in the given mode."""
    if mode == "quiet":
        return lambda event: _failure(event, stream)
    if mode == "json":
        return json_lines(stream)
    return _Live(stream).show if mode == "tty" else lambda event: _plain(event, stream)


def json_lines(stream: TextIO) -> Callable[[e.Event], None]:
    """JSON lines; the first one is the version line."""
    stream.write(json.dumps(VERSION_LINE) + "\n")

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


def line_of(event: e.Event) -> str:
    """One line for people, or empty where there is nothing to say."""
    match event:
        case e.OpDone():
            return f"  {event.op_id}  {event.seconds:.1f} s"
        case e.OpFailed():
            tail = f"\n    next: {event.hint}" if event.hint else ""
            return f"  {event.op_id}  FAILED {event.code}: {event.message}{tail}"
        case e.OpBlocked():
            by = f" by {event.by}" if event.by else ""
            return f"  {event.op_id}  not started ({event.why}{by})"
        case e.OpRetried():
            return f"  {event.op_id}  trying again in {event.delay:.1f} s: {event.message}"
        case e.Waiting():
            return f"  still waiting ({event.seconds:.0f} s) for {event.resource}: {event.state}"
        case e.Progress():
            return f"  {event.resource}: {event.text}"
        case e.Note():
            return f"  {event.level}: {event.message}"
        case e.RunDone():
            return f"done {event.done}, failed {event.failed}, not started {event.not_started}"
        case e.RunStarted() | e.OpStarted():
            return ""
        case _:
            assert_never(event)


def _plain(event: e.Event, stream: TextIO) -> None:
    if line := line_of(event):
        stream.write(line + "\n")
        stream.flush()


def _failure(event: e.Event, stream: TextIO) -> None:
    if isinstance(event, (e.OpFailed, e.OpBlocked)):
        _plain(event, stream)


class _Live:
    """One changing last line with what is under way; everything else scrolls above it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
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
        if line := line_of(event):
            self._stream.write(line + "\n")
        if self._running:
            now = ", ".join(list(self._running)[:3])
            self._stream.write(f"  [{self._done}/{self._total}] {now}"[:100])
        self._stream.flush()
