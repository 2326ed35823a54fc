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
from botbottle.sidecar.egress.stripping import Fields, plain

# Who asks for compressed messages of gRPC gets an echo that nobody here looks into.
_ASKS = frozenset({b"accept-encoding", b"te", b"grpc-accept-encoding"})
_TRAILERS = b"trailers"  # the one thing that ``TE`` asks for besides; gRPC's servers insist on it
# Of the encoded text: its form, its length, and digests of it.
_OF_THE_CODE = (
    "content-encoding", "content-length", "transfer-encoding", "content-md5", "content-digest",
    "digest", "accept-ranges",
)  # fmt: skip
_MOST = 16 * 1024 * 1024  # bytes that a piece may give at once; the decoder knows bombs
_BODILESS = (204, 304)
# What servers and programs write where nothing is encoded. S3 keeps the name of a form in which a
# file came to it, and sends the file without.
_NONE = frozenset({"", "identity", "none", "utf-8", "utf8", "binary", "8bit", "aws-chunked"})


class CutShort(Exception):
    """The body ended before what is encoded in it; decoded it must not look whole."""


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


def codings(field: str) -> str:
    """What a ``Content-Encoding`` names, without parameters and without words that are none; ""
    where nothing is to be undone."""
    names = (word.partition(";")[0].strip().lower() for word in field.split(","))
    return ",".join(name for name in names if name not in _NONE)


def announce(request: http.Request, response: http.Response) -> None:
    """Say nothing of the code of a body that is undone. Where there is none (RFC 9112, 6.3) nothing
    says that one comes: an agent that spoke of HTTP/1.1 would take the end of it for an answer."""
    for name in _OF_THE_CODE:
        response.headers.pop(name, None)
    bodiless = response.status_code in _BODILESS or request.method.upper() == "HEAD"
    if request.http_version == "HTTP/1.1" and not bodiless:
        response.headers["transfer-encoding"] = "chunked"


class Undoing:
    """One body that is decoded while it passes."""

    def __init__(self, coding: str) -> None:
        self._decoder = ContentDecoder(coding)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What it gives for a chunk. Raises Undecodable and TooMuch."""
        room = _MOST
        for piece in self._decoder.feed(chunk):
            room -= len(piece)
            if room < 0:
                raise TooMuch
            yield piece

    def finish(self) -> None:
        """The body has ended. Raises CutShort."""
        if not self._decoder.whole:
            raise CutShort
