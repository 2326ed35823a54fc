"""Collects a request body while it arrives: hash and size of everything, content up to a bound."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from tests.world import codings
from tests.world.wire import Headers, Request

KEEP = 32 * 1024 * 1024  # bytes of a body kept in memory, encoded or decoded


class Body:
    """A body in arrival."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._kept = bytearray()
        self.size = 0

    def feed(self, data: bytes) -> None:
        """Take a piece."""
        self._hash.update(data)
        self.size += len(data)
        if len(self._kept) <= KEEP:
            self._kept += data

    def fill(self, request: Request) -> None:
        """Put what arrived into the request."""
        request.body_bytes = self.size
        request.body_sha256 = self._hash.hexdigest()
        if self.size > KEEP:
            request.body_decoded = False
            return
        try:
            coding = request.header("content-encoding")
            request.body = codings.decode(bytes(self._kept), coding, KEEP)
        except ValueError:
            request.body, request.body_decoded = b"", False


def build(
    method: str,
    target: str,
    headers: Headers,
    *,
    protocol: str,
    tls: bool,
    connection: int,
    authority: str = "",
) -> Request:
    """A request from its head; an absolute-form target names the host before ``Host`` does."""
    absolute = "://" in target.split("?")[0]
    parts = urlsplit(target if absolute else f"//host{target}" if target[:1] == "/" else "//host/")
    named = next((value for name, value in headers if name == "host"), "")
    netloc = (parts.netloc if absolute else "") or authority or named
    return Request(
        method=method,
        target=target,
        host=host_of(netloc),
        authority=netloc,
        path=parts.path or "/",
        query=parts.query,
        headers=headers,
        protocol=protocol,
        tls=tls,
        connection=connection,
    )


def host_of(netloc: str) -> str:
    """The host of an authority, lower case, without user info and port."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return netloc.lower()
