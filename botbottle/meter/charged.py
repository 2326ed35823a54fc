"""Errors that cost: an answer may be no success and be billed all the same.

Azure says so of prompts that its filter refuses (status 400) and of requests that took too long
(408): "if the service performs processing, you may be charged even if the status code is not
successful" (azure-docs, openai/how-to/manage-costs.md [D]). Of anybody else what counts is a usage
object in the error, if there is one.
"""

from __future__ import annotations

from typing import Any

from botbottle.meter.call import Call, Kind
from botbottle.meter.dialects.unknown import largest
from botbottle.meter.hosts import AZURE
from botbottle.meter.request import Request
from botbottle.meter.rows import Rows
from botbottle.meter.tally import Tally, as_dict
from botbottle.model.usage import Completeness, Exchange

TIMED_OUT = 408
FILTERED = frozenset({"content_filter", "ResponsibleAIPolicyViolation"})


def may_cost(call: Call, status: int) -> bool:
    """Whether an error has to be read before one knows."""
    return call.kind is Kind.GENERATE and status >= 400


class ErrorReader:
    """What an error tells of its cost."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.filtered = False

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Fold in one document; there is no terminal one."""
        error = as_dict(doc.get("error"))
        codes = {str(error.get("code")), str(as_dict(error.get("innererror")).get("code"))}
        self.filtered = self.filtered or bool(codes & FILTERED)
        for place in (doc, error):
            largest(self.tally, place)
        return False

    def rows(self, call: Call, request: Request, made: Rows, status: int) -> list[Exchange]:
        """The row of an error that cost; none of others."""
        tally, note = self.tally, f"error {status}"
        if tally.tokens.total:
            tally.input_known = True
            return [made.exchange(tally, tally.tokens, Completeness.PARTIAL, note)]
        if call.provider != AZURE or not (status == TIMED_OUT or self.filtered):
            return []
        if status == TIMED_OUT:
            tally.at_least(request.bound or request.allowance)
        return made.interrupted(tally, Completeness.PARTIAL, note)
