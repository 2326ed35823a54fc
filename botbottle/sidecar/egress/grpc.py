"""gRPC requests that talk while they are answered, on routes that say ``stream_uploads``.

Of such a request each message is judged as soon as it is whole, and leaves at once: its peer may
wait for it before it says anything. It is judged together with what left before it, so a secret
that is cut in two by a message's end is found with its second part, which then does not leave.
Format: "gRPC over HTTP/2", Length-Prefixed-Message: a byte that says whether the message is
compressed, its length as four bytes (big-endian), the message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from botbottle.dlp import Finding, Scanner
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.upload import UploadRefused, refuse

MAX_MESSAGE = 4 * 1024 * 1024  # bytes; what gRPC's servers take by default
_PREFIX = 5
_BEFORE = 12 * 1024  # bytes that left and are looked at again with a message


def is_grpc(content_type: str) -> bool:
    """Whether a request's content type is gRPC's, with whatever serialisation."""
    name = content_type.partition(";")[0].strip().lower()
    return name == "application/grpc" or name.startswith("application/grpc+")


class Conversation:
    """One request body: called with each chunk, and with b"" at the end."""

    def __init__(
        self,
        scanner: Scanner,
        detectors: frozenset[str],
        marked: Callable[[Iterable[Finding]], tuple[Finding, ...]],
        noted: Callable[[Iterable[Finding]], None],
    ) -> None:
        self._scanner, self._detectors = scanner, detectors
        self._marked, self._noted = marked, noted
        self._kept = bytearray()
        self._before = b""

    def __call__(self, chunk: bytes) -> list[bytes]:
        """The messages that may leave now. Raises UploadRefused."""
        self._kept += chunk
        out = []
        while (size := self._next(ended=not chunk)) is not None:
            message = bytes(self._kept[:size])
            del self._kept[:size]
            self._judge(message)
            out.append(message)
        return out

    def _next(self, *, ended: bool) -> int | None:
        """Bytes of the first message with its prefix; None when it is not whole."""
        if len(self._kept) < _PREFIX:
            return len(self._kept) if ended and self._kept else None
        if self._kept[0]:
            raise UploadRefused(Denial("dlp", "a compressed gRPC message cannot be judged"))
        size = _PREFIX + int.from_bytes(self._kept[1:_PREFIX])
        if size > _PREFIX + MAX_MESSAGE:
            raise UploadRefused(Denial("too-large", "the gRPC message is too large"))
        return min(size, len(self._kept)) if ended or len(self._kept) >= size else None

    def _judge(self, message: bytes) -> None:
        """Look at the messages' texts as if nothing were between them. Raises UploadRefused."""
        seen = len(self._before)
        window = self._before + message[_PREFIX:]
        raw = self._scanner.scan(window, "body", detectors=self._detectors)
        found = self._marked(tuple(f for f in raw if f.layered or _ends(f, after=seen)))
        self._noted(found)
        refuse(found)
        self._before = window[-_BEFORE:]


def _ends(finding: Finding, *, after: int) -> bool:
    """Whether a finding reaches into what is new; one without a place may."""
    return not finding.length or finding.offset + finding.length > after
