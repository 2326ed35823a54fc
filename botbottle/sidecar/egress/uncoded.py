"""Where a credential goes along, a response comes without compression.

An echo in a compressed one cannot be overwritten. And it tells itself by its length where the
agent has a say in what is compressed with it ("BREACH", 2013): the length is in the head, and in
the bytes that pass before the end. So compression is not asked for; what is compressed all the same
is undone here and goes on as what it is, which a proxy may do (RFC 9110, 7.7), without the length.
"""

from __future__ import annotations

from collections.abc import Iterator

from mitmproxy import http

from botbottle.meter.decode import ContentDecoder
from botbottle.model.route import Auth
from botbottle.sidecar.egress.auth import Fields, plain

# Who asks for compressed messages of gRPC gets an echo that nobody here looks into.
_ASKS = frozenset({b"accept-encoding", b"te", b"grpc-accept-encoding"})
_TRAILERS = b"trailers"  # the one thing that ``TE`` asks for besides; gRPC's servers insist on it
# Of the encoded text: its form, its length, and digests of it.
_OF_THE_CODE = (
    "content-encoding", "content-length", "transfer-encoding", "content-md5", "content-digest",
    "digest", "accept-ranges",
)  # fmt: skip
_SLACK = 1024 * 1024  # bytes that a body may give besides
_RATIO = 32  # bytes that one byte of a piece may give: more is a bomb, or one for the memory


class TooMuch(Exception):
    """A piece of a response unpacks to far more than is kept here."""


def travels(credential: Auth | None) -> bool:
    """Whether a credential goes along with a request; of ``sigv4`` only what was signed does."""
    return credential is not None and credential.scheme != "sigv4"


def asked(headers: Fields) -> Fields:
    """Headers of a request that ask for no compression."""
    kept = tuple(f for f in headers if plain(f[0]) not in _ASKS or _is_for_trailers(f))
    return (*kept, (b"accept-encoding", b"identity"))


def _is_for_trailers(item: tuple[bytes, bytes]) -> bool:
    return item[0].lower() == b"te" and item[1].strip().lower() == _TRAILERS


def is_coded(coding: str) -> bool:
    """Whether something is to be undone."""
    return bool(coding) and coding.strip().lower() != "identity"


def announce(response: http.Response, *, chunks: bool) -> None:
    """Say nothing of the code of a body that is undone. ``chunks``: the agent is sent those."""
    for name in _OF_THE_CODE:
        response.headers.pop(name, None)
    if chunks:
        response.headers["transfer-encoding"] = "chunked"


class Undoing:
    """One body that is decoded while it passes."""

    def __init__(self, coding: str) -> None:
        self._decoder, self._room = ContentDecoder(coding), _SLACK

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What it gives for a chunk. Raises Undecodable and TooMuch."""
        self._room = min(self._room, _SLACK) + _RATIO * len(chunk)
        for piece in self._decoder.feed(chunk):
            self._room -= len(piece)
            if self._room < 0:
                raise TooMuch
            yield piece
