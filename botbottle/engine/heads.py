"""What the head of an HTTP/1.1 answer says, and the size of a chunk. Pure.

RFC 9112 (6.3: where a body ends; 7.1: chunks), read strictly: there is one way to read what an
engine sends, and anything else is ``Broken``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

_STATUS = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: .*)?")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?")
_BODILESS = (204, 304)  # RFC 9110, 6.4.1: these have no content, whatever their headers say


class Broken(ConnectionError):
    """The peer closed the connection in the middle of an answer, or does not speak HTTP."""


class Head(Struct, frozen=True):
    """An answer's status, its headers by lower-case name, and where its body ends: after
    ``length`` bytes, with the last of its chunks (``chunked``), or with the connection (neither).
    ``lasts``: the connection may carry another request after that."""

    status: int
    headers: Mapping[str, str]
    length: int | None
    chunked: bool
    lasts: bool


def parse_head(data: bytes) -> Head:
    """``data``: everything before the empty line. Raises Broken."""
    first, *lines = data.decode("latin-1").split("\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise Broken("it does not speak HTTP")
    if data.count(b"\n") != len(lines) or data.count(b"\r") != len(lines):
        raise Broken("a line of its headers ends in an odd way")
    headers: dict[str, str] = {}
    for line in lines:
        _add(headers, line)
    return _framed(int(status[2]), headers, status[1] == "1")


def _add(headers: dict[str, str], line: str) -> None:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():  # a continued line begins with a space
        raise Broken("one of its headers is malformed")
    name, value = name.lower(), value.strip()
    before = headers.get(name)
    if before is None or (before == value and name == "content-length"):
        headers[name] = value
    elif name in ("content-length", "transfer-encoding"):
        raise Broken("its headers contradict each other")
    else:
        headers[name] = f"{before}, {value}"


def _framed(status: int, headers: Mapping[str, str], persistent: bool) -> Head:
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None and coding.lower() != "chunked":
        raise Broken("its body has a transfer encoding that nobody asked for")
    if length is not None and not _LENGTH.fullmatch(length):
        raise Broken("its content-length is no length")
    chunked = coding is not None
    size = None if chunked or length is None else int(length)
    if status < 200 or status in _BODILESS:
        size, chunked = 0, False
    said = {word.strip() for word in headers.get("connection", "").lower().split(",")}
    doubtful = coding is not None and length is not None  # RFC 9112, 6.3: close after this one
    ends = chunked or size is not None
    lasts = persistent and ends and "close" not in said and not doubtful
    return Head(status, headers, size, chunked, lasts)


def chunk_size(line: bytes) -> int:
    """Bytes of a chunk, by the line before it. Raises Broken."""
    found = _CHUNK.fullmatch(line)
    if found is None:
        raise Broken("the size of a chunk is no size")
    return int(found[1], 16)
