"""Settle what one WebSocket has asked for: rows of its responses, and of requests without one."""

from __future__ import annotations

from dataclasses import dataclass, field

from botbottle.meter.call import Call
from botbottle.meter.dialects.openai_responses import ResponsesReader
from botbottle.meter.estimate import Conversations
from botbottle.meter.reason import Reason
from botbottle.meter.request import Request
from botbottle.meter.rows import Clock, Rows
from botbottle.meter.tally import Tally
from botbottle.model.usage import Completeness, Exchange, Tokens


@dataclass(frozen=True, slots=True)
class Settlement:
    """One admission or response is over. ``exchanges`` is empty when nothing was spent.

    ``request_id`` is the admission's, or "" for a response nobody asked for on this socket
    (a steered one's successor): its rows are stored without giving a reservation back.
    """

    request_id: str
    exchanges: tuple[Exchange, ...] = ()


@dataclass(slots=True)
class Open:
    """A response in flight. ``fault``: the code of an error that may have ended it."""

    request: Request
    stream_id: str
    fault: str = ""
    reader: ResponsesReader = field(default_factory=ResponsesReader)


class Settler:
    """Makes the settlements of one socket; remembers in ``conversations`` what has ended."""

    def __init__(self, call: Call, clock: Clock, conversations: Conversations) -> None:
        self._call, self._clock, self._conversations = call, clock, conversations

    def so_far(self, item: Open) -> Tokens:
        """Tokens of a response up to now, approximately."""
        return self._rows(item.request).so_far(item.reader.tally)

    def owed(self, item: Open) -> list[Exchange]:
        """The rows of a response as if this process ended now."""
        rows, killed = self._rows(item.request), Reason.KILLED.value
        return rows.interrupted(item.reader.tally, Completeness.PARTIAL, killed)

    def finished(self, response_id: str, item: Open) -> Settlement:
        """Of a response whose terminal event has passed."""
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

    def interrupted(self, item: Open, note: str, *, unread: bool = False) -> Settlement:
        """Of a response that did not get there."""
        rows = self._rows(item.request)
        if unread:
            item.reader.tally.at_least(item.request.bound or item.request.allowance)
        exchanges = rows.interrupted(item.reader.tally, Completeness.PARTIAL, note)
        return Settlement(item.request.request_id, tuple(exchanges))

    def unanswered(self, request: Request, reason: Reason) -> Settlement:
        """Of a request that no response has begun for."""
        if request.prewarm or not request.request_id:
            return Settlement(request.request_id)
        rows, tally = self._rows(request), Tally()
        if reason is Reason.UNREAD:
            tally.at_least(request.bound or request.allowance)
        exchanges = rows.interrupted(tally, Completeness.PARTIAL, reason.value)
        return Settlement(request.request_id, tuple(exchanges))

    def _rows(self, request: Request) -> Rows:
        return Rows(self._call, request, self._clock)
