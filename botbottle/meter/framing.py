"""Choose how a response body is cut into documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from botbottle.meter.call import Call, Dialect, Kind
from botbottle.meter.dialects.gemini_batches import DOWNLOAD
from botbottle.meter.eventstream import EventStream
from botbottle.meter.jsonbody import ArrayElements, WholeBody
from botbottle.meter.lines import BOM, Frame, JsonLines, ServerSentEvents
from botbottle.meter.paths import last_but

_LINES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
)


class Framer(Protocol):
    """Bytes in, documents out; ``dropped`` counts documents over the limit."""

    @property
    def dropped(self) -> int:
        """Documents that were too large to read."""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Documents that these decoded bytes complete."""

    def close(self) -> Iterator[Frame]:
        """What is left at the end of the body."""


_BY_FIRST_BYTE: dict[bytes, Callable[[int], Framer]] = {b"{": WholeBody, b"[": ArrayElements}


class Sniffed:
    """Decides by the first byte: ``{`` a document, ``[`` an array of them, else an event stream.

    Content types lie (compatible servers label event streams as JSON or plain text); the first
    byte does not.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inner: Framer | None = None

    @property
    def dropped(self) -> int:
        """Documents over the limit so far."""
        return self._inner.dropped if self._inner else 0

    @property
    def whole(self) -> bool:
        """True when the body is one JSON document."""
        return isinstance(self._inner, WholeBody)

    @property
    def strange(self) -> bool:
        """True when it is neither JSON nor an event stream."""
        return isinstance(self._inner, ServerSentEvents) and self._inner.strange

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Documents that these bytes complete."""
        if self._inner is None:
            data = data.removeprefix(BOM).lstrip()
            if not data:
                return iter(())
            self._inner = _BY_FIRST_BYTE.get(data[:1], ServerSentEvents)(self._limit)
        return self._inner.feed(data)

    def close(self) -> Iterator[Frame]:
        """What is left."""
        return self._inner.close() if self._inner else iter(())


def framer_for(call: Call, content_type: str, limit: int) -> Framer:
    """The framer of a response. ``limit`` is the size of one document in bytes."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/vnd.amazon.eventstream":
        return EventStream(limit)
    results = call.kind is Kind.BATCH_RESULTS and not _is_document(call)
    if results or call.dialect is Dialect.OLLAMA or kind in _LINES:
        return JsonLines(limit)
    return Sniffed(limit)


def _is_document(call: Call) -> bool:
    """Gemini tells the results of a small batch inside the batch."""
    return call.dialect is Dialect.GEMINI_BATCH and not last_but(call.path, DOWNLOAD)
