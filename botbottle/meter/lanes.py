"""Which admitted frame of a WebSocket a response answers.

On one lane (``stream_id``) requests are answered in order. A steered response ends as incomplete
and its successor follows unasked: it takes the admission of the steering frame, never that of a
request that waits.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from botbottle.meter.request import Request

MAX_OPEN = 256  # responses or admissions open on one socket


@dataclass(slots=True)
class Lane:
    """Admitted frames of one stream id that nothing has answered yet, and what is in flight."""

    waiting: deque[Request] = field(default_factory=deque)
    steering: deque[Request] = field(default_factory=deque)
    current: str = ""  # id of the response that deltas without an id belong to
    free: int = 0  # frames of the client's, since there is something here, that an error may mean

    @property
    def idle(self) -> bool:
        return not (self.waiting or self.steering or self.current)


class Lanes:
    """Those of one socket that are not idle, by stream id."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}

    def get(self, stream_id: str) -> Lane | None:
        return self._lanes.get(stream_id)

    def made(self, stream_id: str) -> Lane:
        """The lane, a new one where it was idle."""
        return self._lanes.setdefault(stream_id, Lane())

    def current(self, stream_id: str) -> str:
        """Id of the response that runs on a lane; '': none."""
        lane = self._lanes.get(stream_id)
        return lane.current if lane else ""

    @property
    def waits(self) -> bool:
        """Whether a request waits for its response."""
        return any(lane.waiting for lane in self._lanes.values())

    def sent(self, stream_id: str, request: Request, *, creates: bool) -> Request | None:
        """An admitted frame was sent upstream. One that is too many to wait for is given back."""
        lane = self.made(stream_id)
        queue = lane.steering if lane.current and not creates else lane.waiting
        queue.append(request)
        return queue.popleft() if len(queue) > MAX_OPEN else None

    def begun(self, stream_id: str, response_id: str) -> Request | None:
        """A response began: the request that it answers, if there is one."""
        lane = self.made(stream_id)
        lane.current = response_id
        return lane.waiting.popleft() if lane.waiting else None

    def ended(self, stream_id: str, response_id: str) -> None:
        """A response is over; another one of its lane may have begun before."""
        lane = self._lanes.get(stream_id)
        if lane is not None and lane.current == response_id:
            lane.current = ""
        self.tidy(stream_id)

    def spent(self, stream_id: str, *, steered: bool) -> list[Request]:
        """After a response has ended: its steering frames are spent, one of them on a successor
        where there is one (``steered``)."""
        if not steered and stream_id not in self._lanes:
            return []
        lane = self.made(stream_id)
        if steered:
            lane.waiting.appendleft(lane.steering.popleft() if lane.steering else Request(""))
        spent = list(lane.steering)
        lane.steering.clear()
        self.tidy(stream_id)
        return spent

    def tidy(self, stream_id: str) -> None:
        """Forget the lane if it is idle."""
        if stream_id in self._lanes and self._lanes[stream_id].idle:
            del self._lanes[stream_id]

    def drain(self) -> tuple[list[Request], list[Request]]:
        """The socket is gone: requests that nothing answered, and frames that only steered."""
        lanes = list(self._lanes.values())
        self._lanes.clear()
        return [r for x in lanes for r in x.waiting], [r for x in lanes for r in x.steering]
