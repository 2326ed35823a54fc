"""Meter one WebSocket of the Responses API (Codex's default transport) or of Realtime.

One socket carries many responses, several at a time when the client multiplexes them by
``stream_id``. Every client frame that can start or extend a response asks for admission of its
own, not just the handshake (:mod:`botbottle.meter.lanes`). Server frames are the events of the
HTTP stream; each response is accounted by its own id. A prewarm (``generate: false``) answers
with a zero usage that settles only its own admission.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from botbottle.meter import documents
from botbottle.meter.call import Call, Dialect
from botbottle.meter.dialects.openai_responses import TERMINAL
from botbottle.meter.doubted import Doubted
from botbottle.meter.estimate import FRAME_TOKENS, Conversations
from botbottle.meter.lanes import MAX_OPEN, Lanes
from botbottle.meter.opaque import OpaqueBytes
from botbottle.meter.reason import Reason
from botbottle.meter.request import Request, from_document
from botbottle.meter.rows import Clock, Rows
from botbottle.meter.settling import Open, Settlement, Settler
from botbottle.meter.tally import as_dict, as_str
from botbottle.model.usage import Exchange, Tokens

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
# Client frames that bring input for the next response and start none (OpenAI's Realtime reference,
# client events). They are admitted for that input alone.
INPUT_FRAMES = {
    Dialect.OPENAI_REALTIME: frozenset({"conversation.item.create", "input_audio_buffer.commit"})
}
CREATE = "response.create"


@dataclass(frozen=True, slots=True)
class Admission:
    """A client frame that must be admitted before it is sent on.

    ``request`` has the estimate to reserve and the id under which it will be settled.
    ``creates`` is False for a frame that only adds to a response in flight.
    """

    request: Request
    stream_id: str = ""
    creates: bool = True


class WebSocketMeter:
    """Meters one socket. ``prefix`` makes its request ids unique (the sidecar's flow id)."""

    def __init__(
        self, call: Call, prefix: str, *, clock: Clock, conversations: Conversations | None = None
    ) -> None:
        self._call, self._prefix = call, prefix
        self._conversations = conversations if conversations is not None else Conversations()
        self._settle = Settler(call, clock, self._conversations)
        self._asked = 0
        self._lanes = Lanes()
        self._open: OrderedDict[str, Open] = OrderedDict()  # response id -> in flight
        self._doubted = Doubted()
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
            total += self._settle.so_far(item)
        return total

    def current(self) -> tuple[str, Tokens] | None:
        """Request id and tokens so far, approximately, of the response that the last frame of the
        provider's belongs to; None when that is over."""
        item = self._open.get(self._last)
        return None if item is None else (item.request.request_id, self._settle.so_far(item))

    @property
    def busy(self) -> bool:
        """Whether a response is on its way, or due, whose cost is not known yet."""
        return self._opaque is not None or bool(self._open or self._doubted) or self._lanes.waits

    def asked(self, request: Request) -> list[Exchange]:
        """The row that an admitted request leaves if this process ends before its response."""
        if not request.allowance:
            return []
        return list(self._settle.unanswered(request, Reason.KILLED).exchanges)

    def passing(self) -> tuple[str, list[Exchange]] | None:
        """Request id and rows, as if this process ended now, of the response that the last frame
        of the provider's belongs to; None when that is over."""
        item = self._open.get(self._last)
        return None if item is None else (item.request.request_id, self._settle.owed(item))

    def unadmitted(self) -> list[tuple[str, list[Exchange]]]:
        """What has no admission and would be owed if this process ended now, as far as it changed
        since this was last asked: rows by an id of the socket's own. No rows: nothing any more,
        as for every id that was settled."""
        if self._opaque:
            return [(self._prefix, self._opaque.owed())]
        changes = self._doubted.changes()
        return [(r.request_id, self.asked(r) if doubted else []) for r, doubted in changes]

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
        with :func:`refusal_frame` or :func:`busy_frame`.
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
        if kind in INPUT_FRAMES.get(self._call.dialect, ()):
            request = replace(request, choices=0)
        return Admission(request, as_str(doc.get("stream_id")), kind == CREATE)

    def sent(self, admission: Admission) -> list[Exchange]:
        """The admitted frame was sent upstream; its lane will answer it. Returns the rows that it
        leaves if this process ends before that: none of a frame that steers a response."""
        request = admission.request
        if self._opaque:
            row = self._opaque.asked(request)
            self._due.append(Settlement(request.request_id, (row,)))
            return [row]
        steers = self._lanes.current(admission.stream_id) and not admission.creates
        beyond = self._lanes.sent(admission.stream_id, request, creates=admission.creates)
        if beyond is not None:
            self._due.append(Settlement(beyond.request_id))
        return [] if steers else self.asked(request)

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
        done = self._settle.finished(response_id, self._take(response_id))
        return [*settled, done, *self._after(item.stream_id, steered)]

    def close(self, reason: Reason) -> list[Settlement]:
        """The socket is gone: rows of what was in flight or admitted but never answered. Where it
        was not read, the provider may have written all that was asked for."""
        settled, self._due = self._due, []
        if self._opaque:
            settled += [Settlement("", (row,)) for row in self._opaque.rest()]
        unread = reason is Reason.UNREAD
        for response_id, item in list(self._open.items()):
            settled.append(self._interrupt(response_id, item.fault or reason.value, unread=unread))
        waiting, steering = self._lanes.drain()
        settled += [self._settle.unanswered(request, reason) for request in waiting]
        settled += [Settlement(request.request_id) for request in steering]
        settled += [self._settle.unanswered(request, reason) for request in self._doubted.drain()]
        return settled

    def _next_id(self) -> str:
        self._asked += 1
        return f"{self._prefix}:{self._asked}"

    def _delta_of(self, named: str, stream_id: str) -> str:
        """The response that a frame without a response object belongs to: the one it names
        (Realtime), else the lane's."""
        return named if named in self._open else self._lanes.current(stream_id)

    def _ensure_open(self, response_id: str, stream_id: str) -> list[Settlement]:
        if response_id in self._open:
            return []
        settled = self._ended_by_error(stream_id)
        request, spent = self._lanes.begun(stream_id, response_id)
        settled += [Settlement(r.request_id) for r in spent]
        if not request.request_id:
            request = replace(self._doubted.take(stream_id) or request, request_id="")
            self._unasked.append(response_id)
        self._open[response_id] = Open(request, stream_id)
        if len(self._open) > MAX_OPEN:
            settled.append(self._interrupt(next(iter(self._open)), "too many open responses"))
        return settled

    def _ended_by_error(self, stream_id: str) -> list[Settlement]:
        """A lane of the Responses API has one response at a time: where another begins, the error
        before it did end the former. Realtime has several, and ends each by an event of its own."""
        current = self._lanes.current(stream_id)
        item = self._open.get(current)
        if item is None or not item.fault or self._call.dialect is not Dialect.OPENAI_RESPONSES:
            return []
        return [self._interrupt(current, item.fault), *self._after(stream_id, False)]

    def _take(self, response_id: str) -> Open:
        item = self._open.pop(response_id)
        self._lanes.ended(item.stream_id, response_id)
        return item

    def _after(self, stream_id: str, steered: bool) -> list[Settlement]:
        spent = self._lanes.spent(stream_id, steered=steered)
        return [Settlement(request.request_id) for request in spent]

    def _interrupt(self, response_id: str, note: str, *, unread: bool = False) -> Settlement:
        return self._settle.interrupted(self._take(response_id), note, unread=unread)

    def _error(self, stream_id: str, error: dict[str, Any]) -> list[Settlement]:
        """An error may be about any frame of the client's, also a free one, and "most errors are
        recoverable" (OpenAI's Realtime reference, server events). So it ends no accounting: what
        is in flight stays open until something proves its end, and a request that seems refused
        gives its reservation back but is remembered."""
        item = self._open.get(self._lanes.current(stream_id))
        if item is not None and not item.fault:
            item.fault = as_str(error.get("code")) or as_str(error.get("type")) or "error"
            return []
        found = self._lanes.refused(stream_id)
        if found is None:
            return []
        request, unsure = found
        given_up = self._doubted.add(stream_id, request) if unsure else None
        if given_up is not None:
            self._due.append(self._settle.unanswered(given_up, Reason.UPSTREAM_FAILED))
        return [Settlement(request.request_id)]


def lane_of(data: bytes) -> str:
    """The stream id of a client frame."""
    return as_str(_document(data, documents.read_bounded).get("stream_id"))


def _document(data: bytes, read: Callable[[bytes], Any] = documents.told) -> dict[str, Any]:
    try:
        return as_dict(read(data))
    except (ValueError, RecursionError):
        return {}
