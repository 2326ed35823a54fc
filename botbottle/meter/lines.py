"""Cut a byte stream into lines and server-sent events, within bounds.

Line ends are LF, CRLF or CR (WHATWG HTML, "parsing an event stream"); a CRLF may be split over
two chunks, and so may any character, which is why all of this works on bytes. A line or event
over the limit is dropped and counted, and reading goes on with the next one. The unfinished line
is a bytearray, so that a long one costs linear time and memory however small the chunks are.
"""

from __future__ import annotations

from collections.abc import Iterator

Frame = tuple[str, bytes]  # (event name or "", payload)
WHOLE = "[WHOLE]"  # event name of a body that is one document
DONE = "[DONE]"  # event name and payload of the end mark of OpenAI's streams
BOM = b"\xef\xbb\xbf"


class Lines:
    """Complete lines without their ends. ``dropped`` counts lines over ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._line = bytearray()
        self._size = 0  # of the line so far, also when it is over the limit and not kept
        self._after_cr = False
        self.dropped = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Lines that these bytes complete."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        self._after_cr = data.endswith(b"\r")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *ends, rest = data.split(b"\n")
        lines = [self._complete(end) for end in ends]
        self._keep(rest)
        return [line for line in lines if line is not None]

    @property
    def begun(self) -> bytes:
        """How the line that has no end yet begins."""
        return bytes(self._line[:8])

    def rest(self) -> bytes:
        """The line that has no end yet; the splitter is empty afterwards."""
        return self._complete(b"") or b""

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            self._line.clear()
        else:
            self._line += part

    def _complete(self, end: bytes) -> bytes | None:
        if not self._size:
            return self._bounded(end)
        self._keep(end)
        line, size = bytes(self._line), self._size
        self._line, self._size = bytearray(), 0
        return line if size <= self._limit else self._bounded(None)

    def _bounded(self, line: bytes | None) -> bytes | None:
        if line is None or len(line) > self._limit:
            self.dropped += 1
            return None
        return line


class JsonLines:
    """Frames of newline-delimited JSON: each line that is not empty."""

    def __init__(self, limit: int) -> None:
        self._lines = Lines(limit)

    @property
    def dropped(self) -> int:
        """Lines over the limit so far."""
        return self._lines.dropped

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Complete lines."""
        return (("", line) for line in self._lines.feed(data) if line.strip())

    def close(self) -> Iterator[Frame]:
        """The last line, when the body did not end in a line end."""
        rest = self._lines.rest()
        if rest.strip():
            yield "", rest


_FIELDS = (b"data", b"event", b"id", b"retry", b"")  # the last one: of a comment


class ServerSentEvents:
    """Frames of ``text/event-stream``: (event name, data lines joined by LF)."""

    def __init__(self, limit: int) -> None:
        self._lines = Lines(limit)
        self._limit = limit
        self._event = ""
        self._data: bytes | bytearray | None = None
        self._size = 0
        self._dropped = 0
        self._first = True
        self._strange = False

    @property
    def dropped(self) -> int:
        """Events over the limit so far."""
        return self._dropped + self._lines.dropped

    @property
    def strange(self) -> bool:
        """Whether there are lines that no event stream has: it may be a text of any kind."""
        begun = self._lines.begun
        return self._strange or (len(begun) == 8 and _is_strange(begun.partition(b":")[0]))

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Events that these bytes complete."""
        for line in self._lines.feed(data):
            if line:
                self._field(line)
            elif (frame := self._dispatch()) is not None:
                yield frame

    def close(self) -> Iterator[Frame]:
        """The last event, when its empty line never came (it may be cut short)."""
        if rest := self._lines.rest():
            self._field(rest)
        if (frame := self._dispatch()) is not None:
            yield frame

    def _field(self, line: bytes) -> None:
        if self._first:
            self._first, line = False, line.removeprefix(BOM)
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._add(value)
        elif name == b"event":
            told = value.decode("utf-8", "replace")
            self._event = "" if told in (WHOLE, DONE) else told
        elif _is_strange(name):
            self._strange = True

    def _add(self, value: bytes) -> None:
        """One more line of data; many short ones take no more memory than a long one."""
        first = self._data is None
        self._size += len(value) + (not first)
        if self._size > self._limit:
            self._data = b""
        elif first:
            self._data = value
        else:
            if not isinstance(self._data, bytearray):
                self._data = bytearray(self._data or b"")
            self._data += b"\n"
            self._data += value

    def _dispatch(self) -> Frame | None:
        event, data, size = self._event, self._data, self._size
        self._event, self._data, self._size = "", None, 0
        if size > self._limit:
            self._dropped += 1
            return None
        return None if data is None else (event, bytes(data))


def _is_strange(name: bytes) -> bool:
    """Whether no field of an event stream has this name, which may be cut short."""
    return not any(field.startswith(name.removeprefix(BOM)) for field in _FIELDS)
