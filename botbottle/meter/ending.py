"""Rows of a response that did not come to final numbers: by what is known of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from botbottle.meter.batches import KEPT
from botbottle.meter.body import Body
from botbottle.meter.call import Call, Dialect, Kind
from botbottle.meter.hosts import BEDROCK
from botbottle.meter.reason import Reason
from botbottle.meter.request import Request
from botbottle.meter.rows import Clock, Rows
from botbottle.meter.tally import Tally
from botbottle.model.usage import Completeness, Exchange, Tokens

NOT_ASKED = "ended without usage: the client did not ask for it (stream_options.include_usage)"
NO_USAGE = "ended without usage"
UNKNOWN = "unknown dialect"
BACKGROUND = "background; final when retrieved"
CUT_SHORT = "last event cut short"
# The provider was not what ended it.
_LEFT = frozenset({Reason.CLIENT_GONE, Reason.CUT, Reason.SHUTDOWN, Reason.KILLED})
_WRITES_NOTHING = ("/embeddings", ":embedcontent", ":batchembedcontents", "/embed")


@dataclass(frozen=True, slots=True)
class Ending:
    """Of one response to ``request``, whose bytes are ``body``."""

    call: Call
    request: Request
    rows: Rows
    body: Body
    media: bool = False  # sound and pictures: their size says nothing

    def unfinished(self, tally: Tally, reason: Reason) -> list[Exchange]:
        """Its rows if nothing more comes; none of what is known to have cost nothing."""
        polled = self.call.kind is Kind.RETRIEVE
        if (polled and not tally.deltas) or (tally.unbilled and not self.body.fault):
            return []
        note, completeness = self._verdict(tally, reason)
        if self._goes_on(tally):
            _allow(tally, self.request)
        elif self.unread(tally):
            tally.thought(self.body.guess)
        if self.in_full(reason) and not polled:
            tally.at_least(self.request.bound or self.request.allowance)
        return self.rows.interrupted(tally, completeness, note)

    def in_full(self, reason: Reason) -> bool:
        """Whether all that was allowed is booked if it ends so."""
        streams = self.request.streams or self.body.events or self.body.announced
        return _in_full(self.call, reason, streams)

    def _goes_on(self, tally: Tally) -> bool:
        """Whether more is generated in the background. What one tells while it runs is not the
        whole; of a job that no reader knows, numbers are all that will be told here."""
        told = self.call.dialect is Dialect.UNKNOWN and tally.tokens.total > 0
        return self.request.background and not (tally.failed or self.body.fault or told)

    def unread(self, tally: Tally) -> bool:
        """Whether the output can only be guessed, from the size of the body."""
        if self.call.path.lower().endswith(_WRITES_NOTHING):
            return False
        if self.body.broken or self.text:
            return True
        unsent = self.body.held_back and not self.media
        whole, unknown = self.body.whole or unsent, self.call.dialect is Dialect.UNKNOWN
        if tally.tokens.output if whole and not unknown else tally.tokens.total:
            return False
        return whole or unknown or (bool(self.body.dropped) and not tally.deltas)

    @property
    def text(self) -> bool:
        """Whether the answer is a text (a transcription, a broken server's), all of it output."""
        return self.body.strange and not self.media

    def so_far(self, tally: Tally) -> Tokens:
        """Tokens up to now, approximately."""
        if self.text:
            tally = copy.copy(tally)
            tally.thought(self.body.guess)
        return self.rows.so_far(tally)

    def results(self) -> list[Exchange]:
        """Of a file of many rows: one for what could not be read of it."""
        if not self.body.flaw:
            return []
        guess = Tally(tokens=Tokens(output=self.body.guess))
        row = self.rows.exchange(guess, guess.tokens, Completeness.ESTIMATED, self.body.flaw)
        return [row]

    def _verdict(self, tally: Tally, reason: Reason) -> tuple[str, Completeness]:
        if self.body.flaw:
            return self.body.flaw, Completeness.ESTIMATED
        if self.call.dialect is Dialect.UNKNOWN:
            return UNKNOWN, Completeness.ESTIMATED
        if tally.failed:
            return tally.failed, Completeness.PARTIAL
        if self.request.background:
            return BACKGROUND, Completeness.PARTIAL
        if reason is Reason.COMPLETE:
            asked = self.request.tells_usage
            return NO_USAGE if asked else NOT_ASKED, Completeness.ESTIMATED
        note = f"{reason.value}; {CUT_SHORT}" if self.body.cut_short else reason.value
        return note, Completeness.PARTIAL


def _in_full(call: Call, reason: Reason, streams: bool) -> bool:
    """Whether all that the request allowed may have been generated, however little was seen of it.

    AWS bills a response in full whoever is left to read it (litellm 34147). Of an answer that is
    no stream nothing passes before all of it is there; its size says more, where that is told.
    """
    if reason not in _LEFT:
        return reason is Reason.UNREAD
    if call.kind is not Kind.GENERATE or call.path.lower().endswith(_WRITES_NOTHING):
        return False
    return call.provider == BEDROCK or not (streams or call.dialect is Dialect.UNKNOWN)


def _allow(tally: Tally, request: Request) -> None:
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
        _allow(tally, request)
    elif _in_full(call, reason, request.streams):
        tally.at_least(request.bound or request.allowance)
    return rows.interrupted(tally, Completeness.PARTIAL, reason.value)
