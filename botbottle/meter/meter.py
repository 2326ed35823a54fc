"""Meter one HTTP response while it streams past.

Fed with the raw encoded bytes, so it can sit beside a stream that is passed on untouched. A row
is made the moment the terminal event passes, not at the end of the response: clients hang up as
soon as they have seen that event, and then no end is ever reported. ``close`` makes the row of a
response that never got there. The meter never raises and never holds more than one document.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from botbottle.meter.batches import KEPT
from botbottle.meter.body import Body, Limits
from botbottle.meter.call import Call, Dialect, Kind
from botbottle.meter.charged import ErrorReader, may_cost
from botbottle.meter.decode import Undecodable
from botbottle.meter.dialects import reader_for
from botbottle.meter.dialects.gemini_batches import results_in
from botbottle.meter.ending import Ending
from botbottle.meter.estimate import Conversations
from botbottle.meter.eventstream import BadFrame
from botbottle.meter.hosts import BEDROCK
from botbottle.meter.paths import retrieved
from botbottle.meter.reason import Reason
from botbottle.meter.request import Request
from botbottle.meter.rows import Clock, Rows
from botbottle.meter.weights import table_of
from botbottle.model.usage import Completeness, Exchange, Tokens

# Converse gives no id in its documents. Other providers' request-id headers are not used: some
# servers echo the client's own, and an agent could make many rows look like replays of one.
_BEDROCK_ID = "x-amzn-requestid"
_MEDIA = frozenset({"image", "audio", "video"})  # files that are no results of a batch


class Meter:
    """Meters one response.

    ``status`` and ``headers`` are the response's; ``clock`` gives seconds since the epoch. A
    response that is an error (status 300 and up) spends nothing and gives no row, but see
    :mod:`botbottle.meter.charged`.
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
        media = lowered.get("content-type", "").partition("/")[0].strip().lower() in _MEDIA
        self._status = status
        self._error = ErrorReader() if may_cost(call, status) else None
        failed = not 200 <= status < 300 and self._error is None
        self._silent = not call.metered or failed or (self._many and media)
        self._over = False
        self._body = Body(call, lowered, limits or Limits())
        self._ending = Ending(call, request, self._rows, self._body, media)

    @property
    def committed(self) -> bool:
        """True once the response's row is made (or it is known to need none)."""
        return self._over or self._silent

    @property
    def running(self) -> Tokens:
        """Tokens of this response so far, approximately, until the row is made; then zero."""
        if self._error is not None:
            return Tokens()
        return Tokens() if self.committed else self._ending.so_far(self._reader.tally)

    @property
    def named(self) -> tuple[str, str]:
        """Id and model of the response as far as it has told them."""
        tally = self._reader.tally
        return tally.response_id, tally.model

    @property
    def blind(self) -> bool:
        """Whether what ``running`` tells of the output so far is less than what would be booked."""
        if self.committed:
            return False
        return self._ending.in_full(Reason.KILLED) or self._ending.unread(self._reader.tally)

    @property
    def exact(self) -> bool:
        """True when ``running`` is the provider's own final count, although the end is not here."""
        return not self.committed and self._rows.exact(self._reader.tally)

    def owed(self, reason: Reason, *, unread: bool) -> list[Exchange]:
        """The rows if nothing more comes. ``unread``: at the least what the request allows."""
        if self.committed or self._many:
            return []
        if self._error is not None:
            return self._charged(copy.deepcopy(self._error))
        tally = copy.copy(self._reader.tally)
        if self._call.kind is Kind.BATCH_CREATE:
            return self._rows.created(tally, KEPT)
        if unread:
            tally.at_least(self._request.bound or self._request.allowance)
        return self._ending.unfinished(tally, reason)

    def feed(self, chunk: bytes) -> list[Exchange]:
        """The next bytes as received; the rows whose terminal event was in them."""
        if self.committed:
            return []
        rows = self._take(self._body.feed(chunk))
        if self._body.passed and not self._over:
            rows += self._take(self._body.rest())  # all has passed: do not wait for its end
        return rows

    def close(self, reason: Reason) -> list[Exchange]:
        """The response is over; the rows that are still owed. Further calls give nothing."""
        if self.committed:
            return []
        rows = self._take(self._body.rest())
        if reason is not Reason.COMPLETE:
            self._body.interrupted()
        if not self._over:
            rows += self._last(reason)
        self._over = True
        return rows

    def _take(self, passing: Iterable[tuple[str, dict[str, Any]]]) -> list[Exchange]:
        rows: list[Exchange] = []
        try:
            for event, doc in passing:
                if self._error is not None:
                    self._error.read(event, doc)
                    continue
                for part in results_in(self._call, doc):
                    if self._reader.read(event, part):
                        rows += self._terminal()
                if self._over:
                    break
        except (Undecodable, BadFrame) as error:
            self._body.spoil(str(error))
        except Exception as error:  # noqa: BLE001 - fail closed: a fault of ours must leave a row
            self._body.spoil(f"meter fault: {type(error).__name__}")
        return rows

    def _charged(self, error: ErrorReader) -> list[Exchange]:
        return error.rows(self._call, self._request, self._rows, self._status)

    def _terminal(self) -> list[Exchange]:
        tally = self._reader.tally
        self._over = not self._many
        if not tally.complete:
            return self._ending.unfinished(tally, Reason.COMPLETE)
        rows = self._rows.all_of(tally, Completeness.FINAL, tally.failed)
        if self._conversations is not None and not self._many:
            self._conversations.remember(rows[0].response_id, rows[0].tokens.total)
        return rows

    def _last(self, reason: Reason) -> list[Exchange]:
        tally = self._reader.tally
        if self._error is not None:
            return self._charged(self._error)
        if self._many:
            return self._ending.results()
        if self._call.kind is Kind.BATCH_CREATE:
            return self._rows.created(tally)
        if tally.complete and self._call.dialect is not Dialect.UNKNOWN:
            return self._terminal()
        return self._ending.unfinished(tally, reason)
