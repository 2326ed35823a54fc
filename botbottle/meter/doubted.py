"""Requests of a WebSocket that an error seemed to refuse.

The error may have been about another frame, and a response may come. Where it never does, the
request is booked: with the socket's end, or when another one of its lane takes its place.
"""

from __future__ import annotations

from collections import OrderedDict

from botbottle.meter.lanes import MAX_OPEN
from botbottle.meter.request import Request


class Doubted:
    """Those of one socket: one a lane."""

    def __init__(self) -> None:
        self._by_lane: OrderedDict[str, Request] = OrderedDict()
        self._changed: list[tuple[Request, bool]] = []

    def __bool__(self) -> bool:
        return bool(self._by_lane)

    def add(self, stream_id: str, request: Request) -> Request | None:
        """Doubt a request of this lane. Returns one that is to be booked now."""
        given_up = self._by_lane.pop(stream_id, None)
        self._by_lane[stream_id] = request
        self._changed.append((request, True))
        if len(self._by_lane) > MAX_OPEN:
            _, given_up = self._by_lane.popitem(last=False)
        return given_up

    def take(self, stream_id: str) -> Request | None:
        """A response of this lane began: the request that it may answer."""
        request = self._by_lane.pop(stream_id, None)
        if request is not None:
            self._changed.append((request, False))
        return request

    def drain(self) -> list[Request]:
        """The socket is gone: all of them."""
        requests = list(self._by_lane.values())
        self._by_lane.clear()
        return requests

    def changes(self) -> list[tuple[Request, bool]]:
        """Requests that came to be doubted (True) or have their response (False) since this was
        last asked."""
        changed, self._changed = self._changed, []
        return changed
