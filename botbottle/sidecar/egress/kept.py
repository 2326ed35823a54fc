"""What an HTTP/2 connection keeps for windows that are closed, counted while it changes.

mitmproxy keeps it as queues of pieces by stream. How much that is must be known at every event, so
nothing is ever added up: the queues and their table count.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from mitmproxy.proxy.layers.http._http_h2 import SendH2Data


class Pieces(deque[SendH2Data]):
    """What waits of one stream. ``size``: in bytes; ``left``: bytes that were sent of it."""

    def __init__(self, table: Buffers) -> None:
        super().__init__()
        self.size = self.left = 0
        self._table = table

    def _count(self, size: int) -> None:
        self.size += size
        self._table.size += size

    def append(self, piece: SendH2Data) -> None:
        """Keep a piece."""
        self._count(len(piece.data))
        super().append(piece)

    def appendleft(self, piece: SendH2Data) -> None:
        """Put the rest of a piece back."""
        self._count(len(piece.data))
        self.left -= len(piece.data)
        super().appendleft(piece)

    def popleft(self) -> SendH2Data:
        """Take a piece to send it."""
        piece = super().popleft()
        self._count(-len(piece.data))
        self.left += len(piece.data)
        return piece


class Buffers(dict[int, Pieces]):
    """All streams that have something waiting. ``size``: in bytes."""

    size = 0

    def __missing__(self, stream_id: int) -> Pieces:
        self[stream_id] = made = Pieces(self)
        return made

    def __setitem__(self, stream_id: int, pieces: Pieces) -> None:
        self.size += pieces.size
        super().__setitem__(stream_id, pieces)

    def __delitem__(self, stream_id: int) -> None:
        self.size -= self[stream_id].size
        super().__delitem__(stream_id)

    def pop(self, stream_id: int, *default: Any) -> Any:
        """Forget a stream, or take it out to put it elsewhere."""
        found = super().pop(stream_id, *default)
        if isinstance(found, Pieces):
            self.size -= found.size
        return found

    def clear(self) -> None:
        """Forget all."""
        self.size = 0
        super().clear()
