"""The documents of one response, from its bytes as they were received."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botbottle.meter import documents
from botbottle.meter.call import Call
from botbottle.meter.decode import ContentDecoder, Undecodable
from botbottle.meter.framing import Sniffed, framer_for
from botbottle.meter.lines import DONE, Frame

BYTES_PER_TOKEN = 4  # of a body nobody could read
OVERSIZE = "document over the limit"
UNREADABLE = "unreadable document"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one meter, in bytes. A larger document is skipped and the row is estimated."""

    document: int = 32 * 1024 * 1024


class Body:
    """One response's body while it streams past. ``headers`` are the response's, in lower case.

    ``fault`` says what made it unreadable, if anything did; ``broken``: for good.
    """

    def __init__(self, call: Call, headers: Mapping[str, str], limits: Limits) -> None:
        self.fault = ""
        self.cut_short = False  # the last document was not whole
        self._size = 0
        self._read = self._unread = 0  # documents
        self._expected = _content_length(headers)
        self._framer = framer_for(call, headers.get("content-type", ""), limits.document)
        self._decoder: ContentDecoder | None = None
        try:
            self._decoder = ContentDecoder(headers.get("content-encoding", ""))
        except Undecodable as error:
            self.fault = str(error)

    @property
    def broken(self) -> bool:
        """Whether nothing more can be read of it."""
        return self._decoder is None

    @property
    def passed(self) -> bool:
        """Whether as much of it has passed as was announced."""
        return self._size == self._expected

    @property
    def dropped(self) -> int:
        """Documents that were too large to read."""
        return self._framer.dropped

    @property
    def whole(self) -> bool:
        """Whether it is one JSON document."""
        return isinstance(self._framer, Sniffed) and self._framer.whole

    @property
    def events(self) -> bool:
        """Whether what has passed of it is a stream of events."""
        return self._size > 0 and not self.whole

    @property
    def announced(self) -> bool:
        """Whether it was told how large it is."""
        return self._expected >= 0

    @property
    def held_back(self) -> bool:
        """Whether nothing has passed of what was announced: all of it was there to be sent."""
        return self._size == 0 < self._expected

    @property
    def strange(self) -> bool:
        """Whether there was no document in it so far that anybody could read, but something else:
        a text."""
        if self._read:
            return False
        return self._unread > self.cut_short or (
            isinstance(self._framer, Sniffed) and self._framer.strange
        )

    @property
    def flaw(self) -> str:
        """Why not all of it was read; '' when all was."""
        return self.fault or (OVERSIZE if self.dropped else "")

    @property
    def guess(self) -> int:
        """Tokens that so many bytes may be, where nothing else is known: as much as has passed,
        or was announced."""
        return max(self._size, self._expected) // BYTES_PER_TOKEN

    def feed(self, chunk: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
        """Documents that these bytes complete, with their events. Raises Undecodable, BadFrame."""
        self._size += len(chunk)
        for piece in self._decoder.feed(chunk) if self._decoder else ():
            yield from self._documents(self._framer.feed(piece))

    def rest(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """What is left at its end."""
        return self._documents(self._framer.close())

    def spoil(self, fault: str) -> None:
        """Read nothing more of it."""
        self.fault, self._decoder = fault, None

    def interrupted(self) -> None:
        """It has not come to its end: the last document may not be whole."""
        if self.fault == UNREADABLE:
            self.fault, self.cut_short = "", True

    def _documents(self, frames: Iterable[Frame]) -> Iterator[tuple[str, dict[str, Any]]]:
        for event, data in frames:
            if data == b"[DONE]":
                yield DONE, {}
            elif (doc := self._parse(data)) is not None:
                yield event, doc

    def _parse(self, data: bytes) -> dict[str, Any] | None:
        try:
            doc = documents.told(data)
        except (ValueError, RecursionError):
            self.fault = self.fault or UNREADABLE
            self._unread += 1
            return None
        if not isinstance(doc, dict):
            self._unread += 1
            return None
        self._read += 1
        return doc


def _content_length(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "")
    return int(text) if text.isdecimal() and len(text) < 16 else -1
