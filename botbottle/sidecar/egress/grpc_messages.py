"""Where the messages of a gRPC body end ("gRPC over HTTP/2", Length-Prefixed-Message)."""

from __future__ import annotations

_PREFIX = 5  # bytes: whether it is compressed, and its length (big-endian)


class Messages:
    """Those of one body, as it arrives."""

    def __init__(self) -> None:
        self._prefix, self._left = b"", 0

    def feed(self, chunk: bytes) -> bool:
        """Whether the body, with ``chunk``, ends with a whole message."""
        at = 0
        while at < len(chunk):
            if self._left:
                step = min(self._left, len(chunk) - at)
                self._left -= step
            else:
                step = min(_PREFIX - len(self._prefix), len(chunk) - at)
                self._prefix += chunk[at : at + step]
                if len(self._prefix) == _PREFIX:
                    self._prefix, self._left = b"", int.from_bytes(self._prefix[1:])
            at += step
        return not self._left and not self._prefix
