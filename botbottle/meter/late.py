"""What a response tells of its cost after the event that seemed to be its last.

Some models end every chunk with a reason to stop, and some servers send usage twice: the last
numbers count. The row is written when the first of them pass, because clients hang up there; what
comes later and is more is written again under the same id, and the ledger adds the difference.
"""

from __future__ import annotations

from msgspec.structs import replace

from botbottle.meter.call import Dialect
from botbottle.model.usage import Tokens

DIALECTS = frozenset({Dialect.GEMINI, Dialect.OPENAI_CHAT})
SHARE = 8  # written again when it grew by this part of it, so a long response has few rows
STEP = 64  # tokens, at the least


def grown(booked: Tokens, told: Tokens, *, last: bool) -> Tokens | None:
    """What to write again: never less of any class than was booked, so that the ledger's
    difference is the growth of the whole. None: too little to write, unless it is the ``last``."""
    growth = told.total - booked.total
    if growth <= (0 if last else max(STEP, booked.total // SHARE)):
        return None
    given = max(0, told.total_input - booked.total_input)
    output = booked.output + growth - given
    return replace(
        booked,
        input_uncached=booked.input_uncached + given,
        output=max(booked.output, output),
        reasoning=max(booked.reasoning, min(told.reasoning, output)),
    )
