"""The lines of HTTP/1 heads and trailers, looked at before anything parses them.

A field that goes on in the next line (RFC 9112, 5.2) is refused in both directions: two parsers
read it differently, and putting a quarter of a million such lines together takes seconds. So is a
head of more fields than anybody sends.
"""

from __future__ import annotations

import re

import h11
from h11._receivebuffer import ReceiveBuffer

MAX_FIELDS = 1000  # of one head; programs and servers send some ten, cookies included
MAX_EMPTY = 4  # lines before a head
_SPACES = (b" ", b"\t")
_EMPTY = re.compile(rb"\r?\n")


class BadLines(h11.RemoteProtocolError):
    """Lines that are not parsed. ``folded``: a field goes on in the next one."""

    def __init__(self, said: str, *, folded: bool) -> None:
        super().__init__(said)
        self.folded = folded


class Lines(ReceiveBuffer):
    """What came of a connection and is not read yet. ``limit``: bytes of one head; 0 for none
    here."""

    def __init__(self, limit: int = 0) -> None:
        super().__init__()
        self._limit = limit
        self._empty = 0  # lines since the last head

    def begins(self) -> bool:
        """Forget empty lines before a head (RFC 9112, 2.2). False: there are too many."""
        while self._empty <= MAX_EMPTY and (end := _EMPTY.match(self._data)) is not None:
            self._extract(end.end())
            self._empty += 1
        return self._empty <= MAX_EMPTY

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """As the original: all lines until an empty one, None while there is none. Raises
        BadLines."""
        lines = super().maybe_extract_lines()
        if lines is None:
            return None
        self._empty = 0
        if self._limit and sum(map(len, lines)) > self._limit:
            raise BadLines(f"a head has more than {self._limit} bytes", folded=False)
        if len(lines) > MAX_FIELDS + 1:
            raise BadLines(f"a head has more than {MAX_FIELDS} fields", folded=False)
        for line in lines:
            if line.startswith(_SPACES):
                raise BadLines("a header field goes on in the next line", folded=True)
        return lines
