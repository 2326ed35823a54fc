"""What one request and its response keep here, and whether there is room for more of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Any, cast

from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as mhttp
from mitmproxy.proxy.layers.http import _events as hevents

from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.frames import Messages
from botbottle.sidecar.egress.options import LayerOptions
from botbottle.sidecar.egress.passage import passage_of
from botbottle.sidecar.egress.passing import Passing, UploadRefused
from botbottle.sidecar.egress.refusals import response_of

type Commands = Generator[commands.Command, Any, Any]

STREAM = 16 * 1024  # bytes that a request takes here beside what was sent of it
FIELD = 200  # bytes that a header field takes beside its text
EVENT = 400  # bytes that a piece of a body takes beside its data


class Waiting(deque[events.Event]):
    """What comes while a stream waits. ``size``: of the bodies' pieces, in bytes."""

    size = 0

    def append(self, event: events.Event) -> None:
        """Keep an event."""
        self.size += _size(event)
        super().append(event)

    def popleft(self) -> events.Event:
        """Take the oldest."""
        event = super().popleft()
        self.size -= _size(event)
        return event

    def clear(self) -> None:
        """Forget all."""
        self.size = 0
        super().clear()


class Keeping(mhttp.HttpStream):
    """A stream that knows its bytes."""

    _counted = 0  # bytes of head and body when room was last looked for
    _head = 0  # bytes of the head

    def __init__(self, context: Context, stream_id: int) -> None:
        super().__init__(context, stream_id)
        self._paused_event_queue: Waiting = Waiting()

    @property
    def kept(self) -> int:
        """Bytes that are here: of heads, of bodies that are kept whole or wait with their stream,
        and of unfinished messages."""
        flow, below = getattr(self, "flow", None), self.child_layer
        kept = STREAM + self._head + self._paused_event_queue.size
        kept += len(self.request_body_buf) + len(self.response_body_buf)
        kept += below.kept if isinstance(below, Messages) else 0
        if flow is None:
            return kept
        passing = flow.request.stream
        kept += passing.kept if isinstance(passing, Passing) else 0
        judged = flow.response.raw_content if flow.response is not None else None
        passage, content = passage_of(flow), flow.request.raw_content
        asked = passage.asked.content if passage and passage.asked else None
        kept += len(asked) if asked and asked is not content else 0
        return kept + len(content or b"") + len(judged or b"")

    def state_wait_for_request_headers(self, event: hevents.RequestHeaders) -> Commands:
        """As the original. Over HTTP/2 what is refused by its head is answered at once: its body
        may never end, and a few bytes can stand for a large head (RFC 7541, 6.1)."""
        self._head = _head(event.request)
        yield from super().state_wait_for_request_headers(event)
        if self.client_state != self.state_consume_request_body:
            return
        if self.flow.response is None and self.crowded():
            refusals = cast(LayerOptions, self.context.options).refusals
            denial, http2 = refusals.too_large(self.flow), self.flow.request.is_http2
            self.flow.response = response_of(denial, refusals.request_id(self.flow), http2=http2)
        if self.flow.response is not None and self.flow.request.is_http2 and not event.end_stream:
            yield from self.client_state(hevents.RequestEndOfMessage(self.stream_id))
            self.client_state = self.state_errored

    def put_off(self, event: events.Event) -> bool:
        """Keep what comes while the stream waits; False where there is no room."""
        self._paused_event_queue.append(event)
        return not isinstance(event, hevents.RequestData) or not self.overflows(_size(event))

    def crowded(self) -> bool:
        """Whether there is no room for what came of the request."""
        size = self._head + len(self.request_body_buf)
        more, self._counted = size - self._counted, size
        return self.overflows(more)

    def overflows(self, more: int) -> bool:
        """Whether there is no room for ``more`` bytes."""
        return cast(LayerOptions, self.context.options).room.full(more)

    def find_room(self, more: int) -> None:
        """For what came of a body that passes while it arrives. Raises UploadRefused."""
        if self.overflows(more):
            raise UploadRefused(Denial("too-large", "there is no room for the request's body"))


def _size(event: events.Event) -> int:
    if not isinstance(event, hevents.RequestData | hevents.ResponseData):
        return 0
    return EVENT + len(event.data)


def _head(request: http.Request) -> int:
    fields = request.headers.fields
    return len(request.data.path) + sum(FIELD + len(name) + len(value) for name, value in fields)
