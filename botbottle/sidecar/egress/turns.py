"""Shares the event loop out: so much work in one turn of it, of all connections together.

What one read brought can be a hundred thousand frames. Handled in one go they would keep the loop
from everybody else, the operator's ``cut`` among them. So work is counted in steps, and layers give
a ``Breath`` now and then: whoever has more to do when the turn is over, or when somebody waits
already, goes to the end of a line. What is read meanwhile waits in the same line as it came, and
its connection is not read on. The order within a connection stays as it is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import _events as hevents

STEPS = 256  # events and commands of one turn: some ten milliseconds
FEW = 32  # commands between two breaths
SMALL = 1024  # bytes; what is in fewer of them is a turn's work at most
READ = 256 * 1024  # bytes of one read
LITTLE = 16 * 1024  # bytes of one read when others wait: it can only be kept

type Commands = Generator[commands.Command, Any, Any]
type Work = Callable[[], None]


class Breath(commands.Command):
    """A layer has more to do. ``Breathed`` follows when it may go on."""

    blocking = True


@dataclass(repr=False)
class Breathed(events.CommandCompleted):  # type: ignore[no-untyped-call]
    """A layer goes on."""

    command: Breath
    reply: None = None


class Turns:
    """Those of one event loop. ``soon``: calls something in the loop's next turn."""

    def __init__(self, soon: Callable[[Work], object] | None = None) -> None:
        self._soon = soon
        self._left = STEPS
        self._called = False
        self._line: deque[Work] = deque()
        self._buffer = memoryview(bytearray(READ))

    @property
    def over(self) -> bool:
        """Whether what is to be done now has to wait."""
        return self._left <= 0 or bool(self._line)

    @property
    def buffer(self) -> memoryview:
        """Where the next read goes."""
        return self._buffer[:LITTLE] if self.over else self._buffer

    def came(self, size: int) -> bytes:
        """What was read into the buffer."""
        return bytes(self._buffer[:size])

    def spend(self, steps: int) -> None:
        """So much was done. The next turn is asked for in time: where others have one meanwhile
        nobody has to wait, which costs more."""
        self._left -= steps
        if self._left <= STEPS // 2:
            self._call()

    def later(self, work: Work) -> None:
        """Do ``work`` after everything that waits already."""
        self._line.append(work)
        self._call()

    def _call(self) -> None:
        if not self._called:
            self._called = True
            (self._soon or asyncio.get_running_loop().call_soon)(self._next)

    def _next(self) -> None:
        """Another turn. An error in one's work is the loop's to report; the others go on."""
        self._called, self._left = False, STEPS
        try:
            while self._line and self._left > 0:
                self._line.popleft()()
        finally:
            if self._line:
                self._call()


def paced(made: Commands) -> Commands:
    """The same commands, with a breath after every few."""
    count, reply = 0, None
    while True:
        try:
            command = made.send(reply)
        except StopIteration:
            return
        if count == FEW:
            count = 0
            yield Breath()
        count += 1
        reply = yield command


def many(event: events.Event) -> bool:
    """Whether an event may be more than a turn's work."""
    return isinstance(event, events.DataReceived) and len(event.data) > SMALL


def waits(paced_layer: layer.Layer, event: events.Event) -> bool:
    """Put what is said to a layer behind what waits for it already, if anything does. When one goes
    on after a breath the rest of its read comes first, and what others answer to that would
    overtake what they said before."""
    late = (
        paced_layer._paused is None
        and bool(paced_layer._paused_event_queue)
        and isinstance(event, hevents.HttpEvent)
    )
    if late:
        paced_layer._paused_event_queue.append(event)
    return late
