"""Meter one WebSocket of the Responses API (Codex's default transport) or of Realtime.

One socket carries many responses, several at a time when the client multiplexes them by
``stream_id``. Every client frame that can start or extend a response asks for admission of its
own, not just the handshake; on one lane (``stream_id``) requests are answered in order. Server
frames are the events of the HTTP stream; each response is accounted by its own id. A prewarm
(``generate: false``) answers with a zero usage that settles only its own admission. A steered
response ends as incomplete and its successor follows unasked: it takes the admission of the
steering frame, never that of a request that waits.
"""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from botbottle.meter import documents
from botbottle.meter.call import Call, Dialect
from botbottle.meter.dialects.openai_responses import TERMINAL, ResponsesReader
from botbottle.meter.estimate import FRAME_TOKENS, Conversations
from botbottle.meter.meter import Reason
from botbottle.meter.opaque import OpaqueBytes
from botbottle.meter.request import Request, from_document
from botbottle.meter.rows import Clock, Rows
from botbottle.meter.tally import Tally, as_dict, as_str
from botbottle.model.usage import Completeness, Exchange, Tokens

# Client frames that start nothing. Anything else is gated, also what is not known: an unknown
# frame that started a response would otherwise be free. Sound that a Realtime client streams in
# is not gated piece by piece; what it sets off is metered, and cut like any response.
FREE_FRAMES = {
    Dialect.OPENAI_RESPONSES: frozenset({"response.processed", "response.cancel"}),
    Dialect.OPENAI_REALTIME: frozenset(
        {"response.cancel", "session.update", "input_audio_buffer.append"}
        | {"input_audio_buffer.clear", "output_audio_buffer.clear", "conversation.item.delete"}
        | {"conversation.item.truncate", "conversation.item.retrieve"}
    ),
}
CREATE = "response.create"
MAX_OPEN = 256  # responses or admissions open on one socket


@dataclass(frozen=True, slots=True)
class Admission:
    """A client frame that must be admitted before it is sent on.

    ``request`` has the estimate to reserve and the id under which it will be settled.
    ``creates`` is False for a frame that only adds to a response in flight.
    """

    request: Request
    stream_id: str = ""
    creates: bool = True


@dataclass(frozen=True, slots=True)
class Settlement:
    """One admission or response is over. ``exchanges`` is empty when nothing was spent.

    ``request_id`` is the admission's, or "" for a response nobody asked for on this socket
    (a steered one's successor): its rows are stored without giving a reservation back.
    """

    request_id: str
    exchanges: tuple[Exchange, ...] = ()


@dataclass(slots=True)
class _Open:
    """A response in flight. ``fault``: the code of an error that may have ended it."""

    request: Request
    stream_id: str
    fault: str = ""
    reader: ResponsesReader = field(default_factory=ResponsesReader)


@dataclass(slots=True)
class _Lane:
    """Admitted frames of one stream id that nothing has answered yet, and what is in flight."""

    waiting: deque[Request] = field(default_factory=deque)
    steering: deque[Request] = field(default_factory=deque)
    current: str = ""  # id of the response that deltas without an id belong to
    free: int = 0  # frames of the client's, since there is something here, that an error may mean

    @property
    def idle(self) -> bool:
        return not (self.waiting or self.steering or self.current)


class WebSocketMeter:
    """Meters one socket. ``prefix`` makes its request ids unique (the sidecar's flow id)."""

    def __init__(
        self, call: Call, prefix: str, *, clock: Clock, conversations: Conversations | None = None
    ) -> None:
        self._call, self._prefix, self._clock = call, prefix, clock
        self._conversations = conversations if conversations is not None else Conversations()
        self._asked = 0
        self._lanes: dict[str, _Lane] = {}  # only those that are not idle
        self._open: OrderedDict[str, _Open] = OrderedDict()  # response id -> in flight
        self._doubted: OrderedDict[str, Request] = OrderedDict()  # stream id -> seemingly refused
        self._last = ""  # id of the response that the last server frame belongs to
        self._unasked: deque[str] = deque(maxlen=MAX_OPEN)  # responses begun without an admission
        self._due: list[Settlement] = []  # settled already, told with the next server frame
        unknown = call.dialect is Dialect.UNKNOWN
        self._opaque = OpaqueBytes(Rows(call, Request(prefix), clock)) if unknown else None

    @property
    def running(self) -> Tokens:
        """Tokens of all responses in flight so far, approximately."""
        total = self._opaque.running if self._opaque else Tokens()
        for item in self._open.values():
            total += self._rows(item.request).so_far(item.reader.tally)
        return total

    @property
    def busy(self) -> bool:
        """Whether a response is on its way, or due, whose cost is not known yet."""
        waits = any(lane.waiting for lane in self._lanes.values())
        return self._opaque is not None or bool(self._open or self._doubted) or waits

    def asked(self, request: Request) -> list[Exchange]:
        """The row that an admitted request leaves if this process ends before its response."""
        if request.prewarm:
            return []
        return self._rows(request).interrupted(Tally(), Completeness.PARTIAL, Reason.KILLED.value)

    def passing(self) -> tuple[str, list[Exchange]] | None:
        """Request id and rows, as if this process ended now, of the response that the last frame
        of the provider's belongs to; None when that is over."""
        item = self._open.get(self._last)
        if item is None:
            return None
        rows = self._rows(item.request)
        owed = rows.interrupted(item.reader.tally, Completeness.PARTIAL, Reason.KILLED.value)
        return item.request.request_id, owed

    def unasked(self) -> list[Request]:
        """Those in flight that nobody has admitted, each told once, to be admitted by its id from
        now on: sound sets them off, a steered response is followed by one, or an error was taken
        for their refusal."""
        found = [self._open[x] for x in self._unasked if x in self._open]
        self._unasked.clear()
        for item in found:
            item.request = replace(item.request, request_id=self._next_id())
        return [item.request for item in found]

    def client_frame(self, data: bytes) -> Admission | None:
        """A frame from the client: what must be admitted for it, or None when it is free.

        Call :meth:`sent` with the admission when the frame went on, or drop the frame and answer
        with :func:`refusal_frame`.
        """
        doc = _document(data, documents.read_bounded)
        kind = as_str(doc.get("type"))
        if kind in FREE_FRAMES.get(self._call.dialect, ()):
            if lane := self._lanes.get(as_str(doc.get("stream_id"))):
                lane.free += 1
            return None
        request_id = self._next_id()
        if doc:
            request = from_document(self._call, doc, request_id, self._conversations)
        else:
            request = Request(request_id, input_estimate=FRAME_TOKENS + len(data), readable=False)
        return Admission(request, as_str(doc.get("stream_id")), kind == CREATE)

    def sent(self, admission: Admission) -> None:
        """The admitted frame was sent upstream; its lane will answer it."""
        if self._opaque:
            row = self._opaque.asked(admission.request)
            self._due.append(Settlement(admission.request.request_id, (row,)))
            return
        lane = self._lanes.setdefault(admission.stream_id, _Lane())
        queue = lane.steering if lane.current and not admission.creates else lane.waiting
        queue.append(admission.request)
        if len(queue) > MAX_OPEN:
            self._due.append(Settlement(queue.popleft().request_id))

    def server_frame(self, data: bytes) -> list[Settlement]:
        """A frame from the provider: what it settles. Frames that do not parse settle nothing."""
        settled, self._due = self._due, []
        if self._opaque:
            return settled + [Settlement("", (row,)) for row in self._opaque.answered(len(data))]
        doc = _document(data)
        kind, stream_id = as_str(doc.get("type")), as_str(doc.get("stream_id"))
        if kind == "error":
            return settled + self._error(stream_id, as_dict(doc.get("error")))
        response = as_dict(doc.get("response"))
        response_id = as_str(response.get("id"))
        if response_id:
            settled += self._ensure_open(response_id, stream_id)
        else:
            response_id = self._delta_of(as_str(doc.get("response_id")), stream_id)
        self._last = response_id
        item = self._open.get(response_id)
        if item is None:
            return settled
        item.reader.read("", doc)
        if kind not in TERMINAL:
            return settled
        steered = as_dict(response.get("incomplete_details")).get("reason") == "steered"
        return [*settled, self._finish(response_id), *self._after(item.stream_id, steered)]

    def close(self, reason: Reason) -> list[Settlement]:
        """The socket is gone: rows of what was in flight or admitted but never answered. Where it
        was not read, the provider may have written all that was asked for."""
        settled, self._due = self._due, []
        if self._opaque:
            settled += [Settlement("", (row,)) for row in self._opaque.rest()]
        unread = reason is Reason.UNREAD
        for response_id, item in list(self._open.items()):
            settled.append(self._interrupt(response_id, item.fault or reason.value, unread=unread))
        for lane in self._lanes.values():
            settled += [self._unanswered(request, reason) for request in lane.waiting]
            settled += [Settlement(request.request_id) for request in lane.steering]
        settled += [self._unanswered(request, reason) for request in self._doubted.values()]
        self._lanes.clear()
        self._doubted.clear()
        return settled

    def _rows(self, request: Request) -> Rows:
        return Rows(self._call, request, self._clock)

    def _next_id(self) -> str:
        self._asked += 1
        return f"{self._prefix}:{self._asked}"

    def _delta_of(self, named: str, stream_id: str) -> str:
        """The response that a frame without a response object belongs to: the one it names
        (Realtime), else the lane's."""
        if named in self._open:
            return named
        return self._lanes[stream_id].current if stream_id in self._lanes else ""

    def _ensure_open(self, response_id: str, stream_id: str) -> list[Settlement]:
        if response_id in self._open:
            return []
        settled = self._ended_by_error(stream_id)
        lane = self._lanes.setdefault(stream_id, _Lane())
        request = lane.waiting.popleft() if lane.waiting else Request("")
        if not request.request_id:
            request = replace(self._doubted.pop(stream_id, request), request_id="")
            self._unasked.append(response_id)
        self._open[response_id] = _Open(request, stream_id)
        lane.current = response_id
        if len(self._open) > MAX_OPEN:
            settled.append(self._interrupt(next(iter(self._open)), "too many open responses"))
        return settled

    def _ended_by_error(self, stream_id: str) -> list[Settlement]:
        """A lane of the Responses API has one response at a time: where another begins, the error
        before it did end the former. Realtime has several, and ends each by an event of its own."""
        lane = self._lanes.get(stream_id)
        item = self._open.get(lane.current) if lane else None
        if lane is None or item is None or not item.fault:
            return []
        if self._call.dialect is not Dialect.OPENAI_RESPONSES:
            return []
        return [self._interrupt(lane.current, item.fault), *self._after(stream_id, False)]

    def _take(self, response_id: str) -> _Open:
        item = self._open.pop(response_id)
        lane = self._lanes.get(item.stream_id)  # another of its responses may have ended it
        if lane is not None and lane.current == response_id:
            lane.current = ""
        self._forget_idle(item.stream_id)
        return item

    def _forget_idle(self, stream_id: str) -> None:
        if stream_id in self._lanes and self._lanes[stream_id].idle:
            del self._lanes[stream_id]

    def _after(self, stream_id: str, steered: bool) -> list[Settlement]:
        """A response has ended: its steering frames are spent, one of them on a successor."""
        if not steered and stream_id not in self._lanes:
            return []
        lane = self._lanes.setdefault(stream_id, _Lane())
        if steered:
            lane.waiting.appendleft(lane.steering.popleft() if lane.steering else Request(""))
        settled = [Settlement(request.request_id) for request in lane.steering]
        lane.steering.clear()
        self._forget_idle(stream_id)
        return settled

    def _finish(self, response_id: str) -> Settlement:
        item = self._take(response_id)
        tally, rows = item.reader.tally, self._rows(item.request)
        if tally.complete:
            # A prewarm reports zero, but the next turn's input holds all that it brought.
            size = tally.tokens.total or item.request.input_estimate
            self._conversations.remember(response_id, size)
            if item.request.prewarm and not tally.tokens.total:
                return Settlement(item.request.request_id)
            exchanges = rows.all_of(tally, Completeness.FINAL, tally.failed)
        elif tally.unbilled:
            exchanges = []
        else:
            final = Completeness.PARTIAL if tally.failed else Completeness.ESTIMATED
            exchanges = rows.interrupted(tally, final, tally.failed or "ended without usage")
        return Settlement(item.request.request_id, tuple(exchanges))

    def _interrupt(self, response_id: str, note: str, *, unread: bool = False) -> Settlement:
        item = self._take(response_id)
        rows = self._rows(item.request)
        if unread:
            item.reader.tally.at_least(item.request.bound or item.request.allowance)
        exchanges = rows.interrupted(item.reader.tally, Completeness.PARTIAL, note)
        return Settlement(item.request.request_id, tuple(exchanges))

    def _unanswered(self, request: Request, reason: Reason) -> Settlement:
        if request.prewarm or not request.request_id:
            return Settlement(request.request_id)
        rows, tally = self._rows(request), Tally()
        if reason is Reason.UNREAD:
            tally.at_least(request.bound or request.allowance)
        exchanges = rows.interrupted(tally, Completeness.PARTIAL, reason.value)
        return Settlement(request.request_id, tuple(exchanges))

    def _error(self, stream_id: str, error: dict[str, Any]) -> list[Settlement]:
        """An error may be about any frame of the client's, also a free one, and "most errors are
        recoverable" (OpenAI's Realtime reference, server events). So it ends no accounting: what
        is in flight stays open until something proves its end, and a request that seems refused
        gives its reservation back but is remembered."""
        lane = self._lanes.get(stream_id)
        item = self._open.get(lane.current) if lane else None
        if item is not None and not item.fault:
            item.fault = as_str(error.get("code")) or as_str(error.get("type")) or "error"
            return []
        if lane is None or not lane.waiting:
            return []
        request = lane.waiting.popleft()
        if lane.free:
            lane.free -= 1
            self._doubt(stream_id, request)
        self._forget_idle(stream_id)
        return [Settlement(request.request_id)]

    def _doubt(self, stream_id: str, request: Request) -> None:
        """The client has sent something else: the error may be about that, and a response come.
        Where it never does, the request is booked with the socket's end."""
        before = self._doubted.pop(stream_id, None)
        if before is not None:
            self._due.append(self._unanswered(before, Reason.UPSTREAM_FAILED))
        self._doubted[stream_id] = request
        if len(self._doubted) > MAX_OPEN:
            _, oldest = self._doubted.popitem(last=False)
            self._due.append(self._unanswered(oldest, Reason.UPSTREAM_FAILED))


def _document(data: bytes, read: Callable[[bytes], Any] = documents.read) -> dict[str, Any]:
    try:
        return as_dict(read(data))
    except (ValueError, RecursionError):
        return {}


def refusal_frame(*, message: str, retry_after: float | None = None, stream_id: str = "") -> bytes:
    """The frame to inject instead of a refused ``response.create``.

    Codex stops after one request on this shape; on other statuses it reconnects and then falls
    back to HTTPS. ``retry_after`` is in seconds.
    """
    error: dict[str, Any] = {"type": "usage_limit_reached", "code": "usage_limit_reached"}
    error["message"] = message
    if retry_after is not None:
        error["resets_in_seconds"] = max(1, round(retry_after))
    frame: dict[str, Any] = {"type": "error", "status": 429, "error": error}
    if stream_id:
        frame["stream_id"] = stream_id
    return json.dumps(frame, ensure_ascii=False).encode()
