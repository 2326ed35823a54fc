"""How long a request waits where all that is left of a budget is reserved by others in flight.

Its budget is not spent, and agents work in parallel. Over HTTP the request waits; of a WebSocket
only the lane (``stream_id``) whose frame it is: what the agent says there next stays behind it, in
order. The rest of the socket goes on, also the responses whose end it waits for.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mitmproxy.websocket import WebSocketMessage

from botbottle.ledger.records import Admitted, Refusal
from botbottle.meter import Admission

PATIENCE_SECONDS = 15.0  # for reservations of others to end
AGAIN_SECONDS = 0.25
MOST_WAITING = 32  # requests at once, and lanes; each holds its body
MOST_FRAMES = 512  # of one socket, with what stays behind
MOST_BYTES = 16 * 1024 * 1024  # of one socket, once there is anything
TRANSIENT = frozenset({"budget-reserved", "too-many-in-flight", "flood"})

type Still = Callable[[], Awaitable[bool]]


def reserved(answer: Admitted | Refusal) -> bool:
    """Whether it is worth waiting."""
    return isinstance(answer, Refusal) and answer.code == "budget-reserved"


@dataclass(slots=True, eq=False)
class Frame:
    """One of the agent's. ``still()``: may it leave? ``admission``: None for one that is free."""

    message: WebSocketMessage
    still: Still
    admission: Admission | None
    lane: str
    until: float  # when it waits no more
    waits: bool = False
    counted: bool = False  # by the provider; ``admission`` has its number
    size: int = 0  # bytes when it joined; a secret delivered meanwhile may cut it


class Places:
    """For those that wait at the head of a lane, of all sockets of a sidecar together."""

    def __init__(self) -> None:
        self.taken = 0


class WaitingFrames:
    """Those of one socket. ``again(message)`` lets it go the way of the agent's messages anew."""

    def __init__(self, places: Places, again: Callable[[WebSocketMessage], None]) -> None:
        self._places, self._again = places, again
        self._lanes: dict[str, deque[Frame]] = {}
        self._timers: dict[str, asyncio.Handle] = {}
        self._count = self.kept = 0  # ``kept``: bytes

    def __contains__(self, lane: str) -> bool:
        return lane in self._lanes

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def found(self, message: WebSocketMessage) -> Frame | None:
        """The first of its lane that this message belongs to; None: it has not been here."""
        heads = (lane[0] for lane in self._lanes.values())
        return next((frame for frame in heads if frame.message is message), None)

    def join(self, frame: Frame) -> bool:
        """Stay behind the others of its lane, which is there. False: there is no room."""
        frame.size = len(frame.message.content)
        if self._count >= MOST_FRAMES or (self.kept and self.kept + frame.size > MOST_BYTES):
            return False
        self._count, self.kept = self._count + 1, self.kept + frame.size
        self._lanes[frame.lane].append(frame)
        return True

    def wait(self, frame: Frame) -> bool:
        """Try it again later. False: it has waited long enough, or too many do."""
        if time.monotonic() >= frame.until:
            return False
        if frame.lane not in self._lanes and not self._opened(frame):
            return False
        frame.waits = True
        self._later(frame, AGAIN_SECONDS)
        return True

    def over(self, frame: Frame) -> None:
        """The first of its lane has left, or never will: the next has its turn."""
        lane = self._lanes[frame.lane]
        lane.popleft()
        self._count, self.kept = self._count - 1, self.kept - frame.size
        if lane:
            self._later(lane[0], 0)
        else:
            self._shut(frame.lane)

    def close(self) -> None:
        """The socket is gone."""
        for lane in list(self._lanes):
            self._shut(lane)
        self._count = self.kept = 0

    def _opened(self, frame: Frame) -> bool:
        if self._places.taken >= MOST_WAITING:
            return False
        self._lanes[frame.lane] = deque()
        if not self.join(frame):
            del self._lanes[frame.lane]
            return False
        self._places.taken += 1
        return True

    def _shut(self, lane: str) -> None:
        del self._lanes[lane]
        self._places.taken -= 1
        if timer := self._timers.pop(lane, None):
            timer.cancel()

    def _later(self, frame: Frame, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._timers[frame.lane] = loop.call_later(seconds, self._again, frame.message)
