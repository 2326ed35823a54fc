"""Meter one WebSocket of the Responses API (Codex's default transport) or of Realtime.

One socket carries many responses, several at a time when the client multiplexes them by
``stream_id``. Every client frame that can start or extend a response asks for admission of its
own, not just the handshake; on one lane (``stream_id``) requests are answered in order. Server
frames are the events of the HTTP stream; each response is accounted by its own id. A prewarm
(``generate: false``) answers with a zero usage that settles only its own admission.
"""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any

from botbottle.meter.call import Call, Dialect
from botbottle.meter.dialects.openai_responses import TERMINAL, ResponsesReader
from botbottle.meter.estimate import FRAME_TOKENS, Conversations
from botbottle.meter.meter import Reason
from botbottle.meter.request import Request, from_document
from botbottle.meter.rows import Clock, Rows
from botbottle.meter.tally import as_dict, as_str
from botbottle.model.usage import Completeness, Exchange, Tokens

# Client frames of the Responses mode that start nothing. Anything else is gated, also what is
# not known: an unknown frame that started a response would otherwise be free.
FREE_FRAMES = frozenset({"response.processed", "response.cancel"})
MAX_OPEN = 256  # responses or admissions open on one socket


@dataclass(frozen=True, slots=True)
class Admission:
    """A client frame that must be admitted before it is sent on.

    ``request`` has the estimate to reserve and the id under which it will be settled.
    """

    request: Request
    stream_id: str = ""


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
    """A response in flight."""

    request: Request
    stream_id: str
    reader: ResponsesReader = field(default_factory=ResponsesReader)


class WebSocketMeter:
    """Meters one socket. ``prefix`` makes its request ids unique (the sidecar's flow id)."""

    def __init__(
        self, call: Call, prefix: str, *, clock: Clock, conversations: Conversations | None = None
    ) -> None:
        self._call, self._prefix, self._clock = call, prefix, clock
        self._conversations = conversations if conversations is not None else Conversations()
        self._asked = 0
        self._waiting: dict[str, deque[Request]] = {}  # lane -> admitted, not yet answered
        self._open: OrderedDict[str, _Open] = OrderedDict()  # response id -> in flight
        self._current: dict[str, str] = {}  # lane -> response id its deltas belong to

    @property
    def running(self) -> Tokens:
        """Tokens of all responses in flight so far, approximately."""
        total = Tokens()
        for item in self._open.values():
            total += self._rows(item.request).so_far(item.reader.tally)
        return total

    def client_frame(self, data: bytes) -> Admission | None:
        """A frame from the client: what must be admitted for it, or None when it is free.

        Call :meth:`sent` with the admission when the frame went on, or drop the frame and answer
        with :func:`refusal_frame`.
        """
        doc = _document(data)
        kind = as_str(doc.get("type"))
        responses = self._call.dialect is Dialect.OPENAI_RESPONSES
        if responses and kind in FREE_FRAMES:
            return None
        self._asked += 1
        request_id = f"{self._prefix}:{self._asked}"
        if doc:
            request = from_document(self._call, doc, request_id, self._conversations)
        else:
            request = Request(request_id, input_estimate=FRAME_TOKENS + len(data), readable=False)
        return Admission(request, as_str(doc.get("stream_id")))

    def sent(self, admission: Admission) -> None:
        """The admitted frame was sent upstream; its lane will answer it."""
        lane = self._waiting.setdefault(admission.stream_id, deque())
        lane.append(admission.request)

    def server_frame(self, data: bytes) -> list[Settlement]:
        """A frame from the provider: what it settles. Frames that do not parse settle nothing."""
        doc = _document(data)
        kind, lane = as_str(doc.get("type")), as_str(doc.get("stream_id"))
        if kind == "error":
            return self._error(lane, doc)
        response_id = as_str(as_dict(doc.get("response")).get("id"))
        if response_id:
            settled = self._ensure_open(response_id, lane)
        else:
            response_id, settled = self._current.get(lane, ""), []
        item = self._open.get(response_id)
        if item is None:
            return settled
        item.reader.read("", doc)
        return settled + (self._finish(response_id) if kind in TERMINAL else [])

    def close(self, reason: Reason) -> list[Settlement]:
        """The socket is gone: rows of what was in flight or admitted but never answered."""
        settled = [self._interrupt(response_id, reason.value) for response_id in list(self._open)]
        for lane in self._waiting.values():
            settled.extend(self._unanswered(request, reason) for request in lane)
        self._waiting.clear()
        return settled

    def _rows(self, request: Request) -> Rows:
        return Rows(self._call, request, self._clock)

    def _ensure_open(self, response_id: str, lane: str) -> list[Settlement]:
        if response_id in self._open:
            return []
        waiting = self._waiting.get(lane)
        request = waiting.popleft() if waiting else Request("")
        if waiting is not None and not waiting:
            del self._waiting[lane]
        self._open[response_id] = _Open(request, lane)
        self._current[lane] = response_id
        if len(self._open) <= MAX_OPEN:
            return []
        return [self._interrupt(next(iter(self._open)), "too many open responses")]

    def _take(self, response_id: str) -> _Open:
        item = self._open.pop(response_id)
        if self._current.get(item.stream_id) == response_id:
            del self._current[item.stream_id]
        return item

    def _finish(self, response_id: str) -> list[Settlement]:
        item = self._take(response_id)
        tally, rows = item.reader.tally, self._rows(item.request)
        if tally.complete:
            self._conversations.remember(response_id, tally.tokens.total)
            if item.request.prewarm and not tally.tokens.total:
                return [Settlement(item.request.request_id)]
            exchanges = rows.all_of(tally, Completeness.FINAL, tally.failed)
        elif tally.unbilled:
            exchanges = []
        else:
            final = Completeness.PARTIAL if tally.failed else Completeness.ESTIMATED
            exchanges = rows.interrupted(tally, final, tally.failed or "ended without usage")
        return [Settlement(item.request.request_id, tuple(exchanges))]

    def _interrupt(self, response_id: str, note: str) -> Settlement:
        item = self._take(response_id)
        rows = self._rows(item.request)
        exchanges = rows.interrupted(item.reader.tally, Completeness.PARTIAL, note)
        return Settlement(item.request.request_id, tuple(exchanges))

    def _unanswered(self, request: Request, reason: Reason) -> Settlement:
        if request.prewarm:
            return Settlement(request.request_id)
        reader, rows = ResponsesReader(), self._rows(request)
        exchanges = rows.interrupted(reader.tally, Completeness.PARTIAL, reason.value)
        return Settlement(request.request_id, tuple(exchanges))

    def _error(self, lane: str, doc: dict[str, Any]) -> list[Settlement]:
        """An error ends the lane's response in flight, else refuses its next request."""
        error = as_dict(doc.get("error"))
        code = as_str(error.get("code")) or as_str(error.get("type")) or "error"
        if lane in self._current:
            return [self._interrupt(self._current[lane], code)]
        waiting = self._waiting.get(lane)
        if not waiting:
            return []
        request = waiting.popleft()
        if not waiting:
            del self._waiting[lane]
        return [Settlement(request.request_id)]


def _document(data: bytes) -> dict[str, Any]:
    try:
        return as_dict(json.loads(data))
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
