"""Account a WebSocket whose protocol nobody here reads (Gemini Live, whatever comes next).

It is never free: every client frame asks for admission and is written down with its estimated
input as soon as it was sent, and what comes back is written down by its size, a row every
``STEP`` bytes and one for the rest at the end. All rows are estimated and raise the alarm.
"""

from __future__ import annotations

from botbottle.meter.request import Request
from botbottle.meter.rows import Rows
from botbottle.meter.tally import Tally
from botbottle.model.usage import Completeness, Exchange, Tokens

STEP = 64 * 1024  # bytes of server frames a row
BYTES_PER_TOKEN = 4
NOTE = "unknown socket protocol"


class OpaqueBytes:
    """Counts what a socket's server sends. ``rows`` names the socket the rows belong to."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._size = 0
        self._written = 0

    @property
    def running(self) -> Tokens:
        """Tokens not written down yet, approximately."""
        return Tokens(output=self._size // BYTES_PER_TOKEN)

    def asked(self, request: Request) -> Exchange:
        """The row of a client frame that was sent."""
        told = Tally(response_id=request.request_id)
        tokens = Tokens(input_uncached=request.input_estimate)
        return self._rows.exchange(told, tokens, Completeness.ESTIMATED, NOTE)

    def answered(self, size: int) -> list[Exchange]:
        """The row of ``size`` more bytes from the server, once they make a step."""
        self._size += size
        return self.rest() if self._size >= STEP else []

    def owed(self) -> list[Exchange]:
        """The row of what is not written down yet, as if nothing more came."""
        if not self._size:
            return []
        told = Tally(response_id=f"{self._rows.request.request_id}:out{self._written + 1}")
        return [self._rows.exchange(told, self.running, Completeness.ESTIMATED, NOTE)]

    def rest(self) -> list[Exchange]:
        """The same row, written down with this."""
        rows = self.owed()
        self._written += len(rows)
        self._size = 0
        return rows
