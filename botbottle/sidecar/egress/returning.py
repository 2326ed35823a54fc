"""The way back: a response through meter, scanners and scrubber while it streams past."""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import http

from botbottle.meter.decode import ContentDecoder
from botbottle.sidecar.egress import uncoded
from botbottle.sidecar.egress.beginning import Unsure
from botbottle.sidecar.egress.grpc import is_grpc
from botbottle.sidecar.egress.grpc_messages import Messages
from botbottle.sidecar.egress.inbound import HELD, InboundScan
from botbottle.sidecar.egress.scrub import Scrubber
from botbottle.sidecar.egress.spend import Spend

NOBODY = Scrubber(())

type Tee = Callable[[bytes], bytes | list[bytes]]


def is_short(response: http.Response) -> bool:
    """Whether a response is held back whole for the inbound scan."""
    length = response.headers.get("content-length", "")
    return length.isdecimal() and int(length) <= HELD


def coding_of(response: http.Response) -> str:
    """What a body is encoded with, in the order in which that was done: as content (RFC 9110, 8.4),
    then for its transfer (RFC 9112, 6.1), of which the chunks are undone already. "": nothing."""
    content: str = response.headers.get("content-encoding", "")
    transfer = response.headers.get("transfer-encoding", "").lower()
    return uncoded.codings(f"{content},{transfer.removesuffix('chunked')}")


def messages_of(response: http.Response) -> Messages | None:
    """Of a body whose peer may wait for each message before it says more."""
    return Messages() if is_grpc(response.headers.get("content-type", "")) else None


def tee_of(
    spend: Spend | None,
    scrubber: Scrubber,
    coding: str,
    scan: InboundScan | None,
    messages: Messages | None = None,
    *,
    undo: bool = False,
    short: bool = False,
) -> bool | Tee:
    """What a response body passes through; True when nothing looks at it. Of ``messages`` each
    passes whole: what may become a secret with more is none where its message ends. ``undo``: it
    passes without its encoding, and when it is ``short`` whole. Raises Undecodable for an encoding
    that nobody knows."""
    if undo:
        return Unsure(_undone(tee_of(spend, NOBODY, coding, scan), coding, scrubber), short=short)
    if spend is None and not scrubber and scan is None:
        return True
    cleaner = scrubber.stream() if scrubber and not coding else None
    checker = _Checker(scrubber, coding) if scrubber and coding else None
    over = False

    def tee(chunk: bytes) -> bytes | list[bytes]:
        nonlocal over
        if over:
            raise AfterTheEnd
        over = not chunk
        if spend is not None and chunk:
            spend.feed(chunk)
        if scan is not None and chunk:
            scan.feed(chunk)
        if checker is not None:
            checker.feed(chunk) if chunk else checker.finish()
        if cleaner is None:
            return chunk
        out = cleaner.feed(chunk) if chunk else cleaner.finish()
        if chunk and messages is not None and messages.feed(chunk):
            out += cleaner.finish()
        # An empty bytes object would end a chunked body; an empty list sends nothing.
        return out or []

    return tee


def _undone(tee: bool | Tee, coding: str, scrubber: Scrubber) -> Callable[[bytes], list[bytes]]:
    """Passes on what is encoded as it is without; ``tee`` sees it as it came."""
    undoing, cleaner = uncoded.Undoing(coding), scrubber.stream()

    def pieces(chunk: bytes) -> list[bytes]:
        if not isinstance(tee, bool):
            tee(chunk)
        made = undoing.feed(chunk) if chunk else ()
        out = [clean for piece in made if (clean := cleaner.feed(piece))]
        if not chunk:
            undoing.finish()
            if rest := cleaner.finish():
                out.append(rest)
        return out

    return pieces


class AfterTheEnd(Exception):
    """A response went on after its end: what was held back for the scrubber is gone already."""


class EchoInEncodedBody(Exception):
    """A compressed response carries a real credential: it cannot be overwritten, only stopped."""


class _Checker:
    """Looks into a compressed body for secrets; raising ends the connection."""

    def __init__(self, scrubber: Scrubber, coding: str) -> None:
        self._stream = scrubber.stream()
        self._decoder = ContentDecoder(coding)

    def feed(self, chunk: bytes) -> None:
        for piece in self._decoder.feed(chunk):
            self._stream.feed(piece)
            if self._stream.found:
                raise EchoInEncodedBody

    def finish(self) -> None:
        """The body is over, and so is what may have become a secret."""
        self._stream.finish()
        if self._stream.found:
            raise EchoInEncodedBody


def scrub_head(response: http.Response, scrubber: Scrubber) -> None:
    """Overwrite real credentials in headers and in the status line's text."""
    _scrub_fields(response.headers, scrubber)
    reason = response.data.reason
    if scrubber.hits(reason):
        response.data.reason = scrubber.clean(reason)


def scrub_trailers(response: http.Response, scrubber: Scrubber) -> None:
    """Overwrite real credentials in trailers, which follow the body."""
    if response.trailers is not None:
        _scrub_fields(response.trailers, scrubber)


def _scrub_fields(headers: http.Headers, scrubber: Scrubber) -> None:
    fields = headers.fields
    if scrubber.hits(b"\n".join(each for field in fields for each in field)):
        headers.fields = tuple((scrubber.clean(n), scrubber.clean(v)) for n, v in fields)
