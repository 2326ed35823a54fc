"""Frames of JSON bodies: one whole document, or the elements of a top-level array as they pass.

Gemini's ``streamGenerateContent`` without ``alt=sse`` sends one JSON array over minutes; its
elements are cut out by tracking nesting and strings (RFC 8259), so usage is known before the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from botbottle.meter.lines import WHOLE, Frame

_STRUCTURE = re.compile(rb'[{}\[\]"]')
_IN_STRING = re.compile(rb'["\\]')


class WholeBody:
    """One document of at most ``limit`` bytes, given out at the end of the body."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._size = 0

    @property
    def dropped(self) -> int:
        """1 when the body was over the limit."""
        return int(self._size > self._limit)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Nothing yet: a document is known to be whole only at its end."""
        self._size += len(data)
        if self._size > self._limit:
            self._kept.clear()
        else:
            self._kept += data
        return iter(())

    def close(self) -> Iterator[Frame]:
        """The document, if it fitted."""
        body, self._kept = bytes(self._kept), bytearray()
        if body.strip() and not self.dropped:
            yield WHOLE, body


class ArrayElements:
    """The objects of a top-level JSON array, each when its last brace passes.

    ``depth`` 1 is inside the array. A body that is a single object (an error, or a
    non-streaming answer) comes out as one frame too.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._size = 0
        self._braces = 0  # nesting inside the current element
        self._in_string = False
        self._escaped = False
        self.dropped = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Elements that these bytes complete."""
        start = 0  # where the current element's bytes begin in ``data``
        at = 0
        while (found := self._next(data, at)) is not None:
            at = found + 1
            mark = data[found : found + 1]
            if mark in b"{[" and self._braces == 0:
                if mark == b"[":
                    continue  # the array around the elements
                start = found
            self._braces += (mark in b"{[") - (mark in b"}]")
            if self._braces <= 0 and mark in b"}]":
                frame = self._finish(data[start:at]) if self._braces == 0 else None
                self._braces = max(0, self._braces)
                start = at
                if frame is not None:
                    yield frame
        if self._braces:
            self._keep(data[start:])

    def close(self) -> Iterator[Frame]:
        """Nothing: an element without its last brace tells nothing."""
        return iter(())

    def _next(self, data: bytes, at: int) -> int | None:
        """Place of the next structural byte outside strings, walking over strings."""
        if self._escaped and at < len(data):
            self._escaped, at = False, at + 1
        while True:
            found = (_IN_STRING if self._in_string else _STRUCTURE).search(data, at)
            if found is None:
                return None
            if found.group() == b"\\":
                at = found.start() + 2
                if at > len(data):
                    self._escaped = True
                    return None
            elif found.group() == b'"':
                self._in_string = not self._in_string
                at = found.end()
            else:
                return found.start()

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            self._kept.clear()
        else:
            self._kept += part

    def _finish(self, end: bytes) -> Frame | None:
        self._keep(end)
        element, size = bytes(self._kept), self._size
        self._kept, self._size = bytearray(), 0
        if size > self._limit:
            self.dropped += 1
            return None
        return "", element
