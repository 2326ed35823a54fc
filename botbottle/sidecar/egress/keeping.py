"""What one request and its response keep here, and whether there is room for more of it."""

from __future__ import annotations

from typing import cast

from mitmproxy.proxy.layers import http as mhttp

from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.frames import Messages
from botbottle.sidecar.egress.options import LayerOptions
from botbottle.sidecar.egress.upload import Passing, UploadRefused


class Keeping(mhttp.HttpStream):
    """A stream that knows its bytes."""

    _counted = 0  # bytes of the body when room was last looked for

    @property
    def kept(self) -> int:
        """Bytes that are here: of bodies that are kept whole, and of unfinished messages."""
        flow, below = getattr(self, "flow", None), self.child_layer
        kept = len(self.request_body_buf) + len(self.response_body_buf)
        kept += below.kept if isinstance(below, Messages) else 0
        if flow is None:
            return kept
        passing = flow.request.stream
        kept += passing.kept if isinstance(passing, Passing) else 0
        judged = flow.response.raw_content if flow.response is not None else None
        return kept + len(flow.request.raw_content or b"") + len(judged or b"")

    def crowded(self) -> bool:
        """Whether there is no room for what came of the request's body."""
        size = len(self.request_body_buf)
        more, self._counted = size - self._counted, size
        return self.overflows(more)

    def overflows(self, more: int) -> bool:
        """Whether there is no room for ``more`` bytes."""
        return cast(LayerOptions, self.context.options).room.full(more)

    def find_room(self, more: int) -> None:
        """For what came of a body that passes while it arrives. Raises UploadRefused."""
        if self.overflows(more):
            raise UploadRefused(Denial("too-large", "there is no room for the request's body"))
