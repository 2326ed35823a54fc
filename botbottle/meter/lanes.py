"""Which admitted frame of a WebSocket a response answers.

On one lane (``stream_id``) requests are answered in order. A steered response ends as incomplete
and its successor follows unasked: it takes the admission of the steering frame, never that of a
request that waits. Frames that ask for no response are none's answer: what is sent beside a
request is input of the next response, whose begin spends their admissions.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from botbottle.meter.request import Request

MAX_OPEN = 256  # responses or admissions open on one socket


@dataclass(slots=True)
class Lane:
    """Admitted frames of one stream id that nothing has answered yet, and what is in flight."""

    waiting: deque[Request] = field(default_factory=deque)
    steering: deque[Request] = field(default_factory=deque)
    beside: deque[Request] = field(default_factory=deque)  # sent while nothing runs
    current: str = ""  # id of the response that deltas without an id belong to
    free: int = 0  # frames of the client's, since there is something here, that an error may mean

    @property
    def idle(self) -> bool:
        return not (self.waiting or self.steering or self.beside or self.current)


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
        """Whether a request waits for its response, or what may turn out to be one."""
        return any(x.waiting or any(r.allowance for r in x.beside) for x in self._lanes.values())

    def sent(self, stream_id: str, request: Request, *, creates: bool) -> Request | None:
        """An admitted frame was sent upstream. One that is too many to wait for is given back."""
        lane = self.made(stream_id)
        queue = lane.waiting if creates else lane.steering if lane.current else lane.beside
        queue.append(request)
        return queue.popleft() if len(queue) > MAX_OPEN else None

    def begun(self, stream_id: str, response_id: str) -> tuple[Request, list[Request]]:
        """A response began: the request that it answers, with the input that was sent beside it,
        and the frames that this came in. Without an id: nobody has asked for it."""
        lane = self.made(stream_id)
        lane.current = response_id
        beside, lane.beside = list(lane.beside), deque()
        if lane.waiting:
            request = lane.waiting.popleft()
        else:
            request = next((r for r in beside if r.allowance), Request(""))
        spent = [r for r in beside if r is not request]
        more = sum(r.input_estimate for r in spent)
        return replace(request, input_estimate=request.input_estimate + more), spent

    def refused(self, stream_id: str) -> tuple[Request, bool] | None:
        """The request that an error seems to refuse, and whether the error may as well be about
        another frame of the client's. Input that is only perhaps refused stays."""
        lane = self._lanes.get(stream_id)
        queue = (lane.waiting or lane.beside) if lane else None
        if lane is None or not queue:
            return None
        unsure = bool(lane.free) or len(lane.beside) > (queue is lane.beside)
        lane.free = max(0, lane.free - 1)
        if unsure and not queue[0].allowance:
            return None
        request = queue.popleft()
        self.tidy(stream_id)
        return request, unsure

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
        """The socket is gone: requests that nothing answered, and frames that asked for none."""
        lanes = list(self._lanes.values())
        self._lanes.clear()
        asked = [r for x in lanes for r in (*x.waiting, *(b for b in x.beside if b.allowance))]
        rest = [r for x in lanes for r in (*x.steering, *(b for b in x.beside if not b.allowance))]
        return asked, rest
