"""The surfaces of a request's head: URL, host labels, path, query values, headers, cookies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import unquote_to_bytes


def surfaces_of(url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, str]]:
    """(bytes, location) pairs, raw first, then decoded once where that differs."""
    yield url, "url"
    host, path = _split(url)
    if b"." in host:
        yield host.replace(b".", b""), "host"  # a value cut into DNS labels
    decoded = unquote_to_bytes(path.replace(b"+", b" "))
    if decoded != path:
        yield decoded, "path"
    for name, value in headers:
        location = "header:" + name.decode("latin-1", "replace").lower()
        yield name + b": " + value, location
    joined = b"".join(value for _, value in headers)
    if joined:
        yield joined, "headers"


def _split(url: bytes) -> tuple[bytes, bytes]:
    rest = url.partition(b"://")[2] or url
    host, slash, path = rest.partition(b"/")
    return host.partition(b"?")[0], slash + path
