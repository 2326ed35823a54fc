"""Meter one HTTP response while it streams past.

Fed with the raw encoded bytes, so it can sit beside a stream that is passed on untouched. A row
is made the moment the terminal event passes, not at the end of the response: clients hang up as
soon as they have seen that event, and then no end is ever reported. ``close`` makes the row of a
response that never got there. The meter never raises and never holds more than one document.
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botbottle.meter import documents, late
from botbottle.meter.batches import KEPT
from botbottle.meter.call import Call, Dialect, Kind
from botbottle.meter.decode import ContentDecoder, Undecodable
from botbottle.meter.dialects import reader_for
from botbottle.meter.estimate import Conversations
from botbottle.meter.eventstream import BadFrame
from botbottle.meter.framing import Sniffed, framer_for
from botbottle.meter.hosts import BEDROCK
from botbottle.meter.lines import DONE, Frame
from botbottle.meter.paths import retrieved
from botbottle.meter.request import Request
from botbottle.meter.rows import Clock, Rows
from botbottle.meter.tally import Tally
from botbottle.meter.weights import table_of
from botbottle.model.usage import Completeness, Exchange, Tokens

# Converse gives no id in its documents. Other providers' request-id headers are not used: some
# servers echo the client's own, and an agent could make many rows look like replays of one.
_BEDROCK_ID = "x-amzn-requestid"
BYTES_PER_TOKEN = 4  # of a body nobody could read
OVERSIZE = "document over the limit"
UNREADABLE = "unreadable document"
NOT_ASKED = "ended without usage: the client did not ask for it (stream_options.include_usage)"


class Reason(enum.StrEnum):
    """Why a response is over."""

    COMPLETE = "complete"  # the body ended as its framing says
    CLIENT_GONE = "client gone"
    UPSTREAM_FAILED = "upstream failed"
    CUT = "cut by budget"
    SHUTDOWN = "sidecar stopped"
    KILLED = "sidecar killed"
    UNREAD = "not read by the client"  # held back: the provider may have written all it may


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one meter, in bytes. A larger document is skipped and the row is estimated."""

    document: int = 32 * 1024 * 1024


class Meter:
    """Meters one response.

    ``status`` and ``headers`` are the response's; ``clock`` gives seconds since the epoch. A
    response that is an error (status 300 and up) spends nothing and gives no row.
    """

    def __init__(
        self,
        call: Call,
        request: Request,
        *,
        status: int,
        headers: Mapping[str, str],
        clock: Clock,
        limits: Limits | None = None,
        conversations: Conversations | None = None,
    ) -> None:
        lowered = {k.lower(): v for k, v in headers.items()}
        self._call, self._request = call, request
        header_id = lowered.get(_BEDROCK_ID, "") if call.provider == BEDROCK else ""
        self._rows = Rows(call, request, clock, header_id)
        self._reader = reader_for(call, lowered, request.choices)
        self._reader.tally.table = table_of(request.model or call.model)
        if call.kind is Kind.RETRIEVE:
            self._reader.tally.response_id = retrieved(call.path)
        self._conversations = conversations
        self._many = call.kind is Kind.BATCH_RESULTS
        self._silent = not call.metered or not 200 <= status < 300
        self._over = self._closed = False
        self._booked: Tokens | None = None  # final numbers that later ones may exceed
        self._fault = ""
        self._cut_short = False
        self._bytes = 0
        self._expected = self._content_length(lowered)
        limit = (limits or Limits()).document
        self._framer = framer_for(call, lowered.get("content-type", ""), limit)
        self._decoder: ContentDecoder | None = None
        try:
            self._decoder = ContentDecoder(lowered.get("content-encoding", ""))
        except Undecodable as error:
            self._fault = str(error)

    @property
    def committed(self) -> bool:
        """True once the response's row is made (or it is known to need none)."""
        return self._over or self._silent

    @property
    def running(self) -> Tokens:
        """Tokens of this response so far, approximately, until the row is made; then zero."""
        return Tokens() if self.committed else self._rows.so_far(self._reader.tally)

    @property
    def named(self) -> tuple[str, str]:
        """Id and model of the response as far as it has told them."""
        tally = self._reader.tally
        return tally.response_id, tally.model

    @property
    def blind(self) -> bool:
        """Whether the output can only be guessed so far, from how much has passed."""
        return not self.committed and self._nothing_read(self._reader.tally)

    def owed(self, reason: Reason, *, unread: bool) -> list[Exchange]:
        """The rows if nothing more comes. ``unread``: at the least what the request allows."""
        if self.committed or self._many:
            return []
        tally = copy.copy(self._reader.tally)
        if self._call.kind is Kind.BATCH_CREATE:
            return self._rows.created(tally, KEPT)
        if unread:
            tally.at_least(self._request.bound or self._request.allowance)
        return self._unfinished(tally, reason)

    @property
    def exact(self) -> bool:
        """True when ``running`` is the provider's own final count, although the end is not here."""
        return not self.committed and self._rows.exact(self._reader.tally)

    def feed(self, chunk: bytes) -> list[Exchange]:
        """The next bytes as received; the rows whose terminal event was in them."""
        if self._deaf:
            return []
        self._bytes += len(chunk)
        rows = self._take(chunk)
        if self._bytes == self._expected and not self._over:
            rows += self._flush()  # the whole body has passed: do not wait for its end
        return rows

    def close(self, reason: Reason) -> list[Exchange]:
        """The response is over; the rows that are still owed. Further calls give nothing."""
        if self._deaf:
            return []
        rows = self._flush()
        if reason is not Reason.COMPLETE and self._fault == UNREADABLE:
            self._fault, self._cut_short = "", True  # the cut went through the last document
        if self._over:
            rows += self._again(last=True)
        else:
            rows += self._last(reason)
        self._over = self._closed = True
        return rows

    @property
    def _deaf(self) -> bool:
        """Whether nothing that comes could matter."""
        return self._silent or self._closed or (self._over and self._booked is None)

    @staticmethod
    def _content_length(headers: Mapping[str, str]) -> int:
        text = headers.get("content-length", "")
        return int(text) if text.isdecimal() and len(text) < 16 else -1

    def _take(self, chunk: bytes) -> list[Exchange]:
        if self._decoder is None:
            return []
        rows: list[Exchange] = []
        try:
            for piece in self._decoder.feed(chunk):
                rows += self._read(self._framer.feed(piece))
        except (Undecodable, BadFrame) as error:
            self._break(str(error))
        except Exception as error:  # noqa: BLE001 - fail closed: a fault of ours must leave a row
            self._break(f"meter fault: {type(error).__name__}")
        return rows

    def _flush(self) -> list[Exchange]:
        try:
            return self._read(self._framer.close())
        except Exception as error:  # noqa: BLE001 - fail closed: a fault of ours must leave a row
            self._break(f"meter fault: {type(error).__name__}")
            return []

    def _break(self, fault: str) -> None:
        self._fault, self._decoder = fault, None

    def _read(self, frames: Iterable[Frame]) -> list[Exchange]:
        rows: list[Exchange] = []
        for event, data in frames:
            if self._deaf:
                break
            doc = self._parse(data)
            if doc is None:
                continue
            terminal = self._reader.read(DONE if data == b"[DONE]" else event, doc)
            if self._over:
                rows += self._again(last=False)
            elif terminal:
                rows += self._terminal()
        return rows

    def _parse(self, data: bytes) -> dict[str, Any] | None:
        if data == b"[DONE]":
            return {}
        try:
            doc = documents.read(data)
        except (ValueError, RecursionError):
            self._fault = self._fault or UNREADABLE
            return None
        return doc if isinstance(doc, dict) else None

    def _terminal(self) -> list[Exchange]:
        tally = self._reader.tally
        self._over = not self._many
        if not tally.complete:
            return self._unfinished(tally, Reason.COMPLETE)
        rows = self._rows.all_of(tally, Completeness.FINAL, tally.failed)
        if self._conversations is not None and not self._many:
            self._conversations.remember(rows[0].response_id, rows[0].tokens.total)
        if self._call.dialect in late.DIALECTS:
            self._booked = rows[0].tokens
        return rows

    def _again(self, *, last: bool) -> list[Exchange]:
        """The row once more, where the response has told more since it was written."""
        tally = self._reader.tally
        more = late.grown(self._booked, tally.tokens, last=last) if self._booked else None
        if more is None:
            return []
        self._booked = more
        return [self._rows.exchange(tally, more, Completeness.FINAL)]

    def _last(self, reason: Reason) -> list[Exchange]:
        tally = self._reader.tally
        if self._many:
            return self._unread_results() if self._fault or self._framer.dropped else []
        if self._call.kind is Kind.BATCH_CREATE:
            return self._rows.created(tally)
        if tally.complete and self._call.dialect is not Dialect.UNKNOWN:
            return self._terminal()
        return self._unfinished(tally, reason)

    def _unfinished(self, tally: Tally, reason: Reason) -> list[Exchange]:
        """Rows of a response without final numbers, by what is known of it."""
        polled = self._call.kind is Kind.RETRIEVE
        if (polled and not tally.deltas) or (tally.unbilled and not self._fault):
            return []
        note, completeness = self._verdict(tally, reason)
        if self._request.background and not (tally.failed or self._fault):
            _goes_on(tally, self._request)
        elif self._nothing_read(tally):
            tally.thought(max(self._bytes, self._expected) // BYTES_PER_TOKEN)
        if reason is Reason.UNREAD and not polled:
            tally.at_least(self._request.bound or self._request.allowance)
        return self._rows.interrupted(tally, completeness, note)

    def _verdict(self, tally: Tally, reason: Reason) -> tuple[str, Completeness]:
        if self._fault or self._framer.dropped:
            return self._fault or OVERSIZE, Completeness.ESTIMATED
        if self._call.dialect is Dialect.UNKNOWN:
            return "unknown dialect", Completeness.ESTIMATED
        if tally.failed:
            return tally.failed, Completeness.PARTIAL
        if self._request.background:
            return "background; final when retrieved", Completeness.PARTIAL
        if reason is Reason.COMPLETE:
            asked = self._request.tells_usage
            return "ended without usage" if asked else NOT_ASKED, Completeness.ESTIMATED
        note = f"{reason.value}; last event cut short" if self._cut_short else reason.value
        return note, Completeness.PARTIAL

    def _nothing_read(self, tally: Tally) -> bool:
        """True when the output can only be guessed from the size of the body."""
        if self._decoder is None:
            return True
        if tally.tokens.total:
            return False
        whole = isinstance(self._framer, Sniffed) and self._framer.whole
        unknown = self._call.dialect is Dialect.UNKNOWN
        return whole or unknown or (bool(self._framer.dropped) and not tally.deltas)

    def _unread_results(self) -> list[Exchange]:
        guess = Tally(tokens=Tokens(output=self._bytes // BYTES_PER_TOKEN))
        note = self._fault or OVERSIZE
        return [self._rows.exchange(guess, guess.tokens, Completeness.ESTIMATED, note)]


def _goes_on(tally: Tally, request: Request) -> None:
    """A background response is generated whoever listens, as far as its limit allows. Its poll
    brings the real number, but what was generated can be read elsewhere too."""
    tally.at_least(request.bound)
    if not request.bound:
        tally.thought(request.allowance)


def unanswered(call: Call, request: Request, clock: Clock, reason: Reason) -> list[Exchange]:
    """Rows of a request that went upstream whole but got no response: the input is estimated, and
    what is generated whoever listens is booked at its allowance."""
    rows, tally = Rows(call, request, clock), Tally()
    if call.kind is Kind.BATCH_CREATE:
        return rows.created(tally, KEPT if reason is Reason.KILLED else None)
    if call.kind is not Kind.GENERATE:
        return []
    if request.background:
        _goes_on(tally, request)
    return rows.interrupted(tally, Completeness.PARTIAL, reason.value)
