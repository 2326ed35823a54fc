"""CR/LF injection: line breaks where HTTP has none. Always a block, whatever the route says.

A raw CR, LF or NUL in the request target or a header is never legitimate (RFC 9112 section 2.2,
RFC 9110 section 5.5). Percent-encoded ones in the target become raw when an upstream decodes
them: they are refused in authority and path; in the query a bare ``%0A`` may be data, but CR, or
LF followed by something that reads like a header line, is an attempt to split.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_RAW = re.compile(rb"[\r\n\0]")
_ENCODED_PATH = re.compile(
    rb"%(?:25)*(?:0[aAdD]|00)|%(?:25)*E5%(?:25)*98%(?:25)*8[AaDd]", re.IGNORECASE
)
_ENCODED_QUERY = re.compile(
    rb"%(?:25)*0d|%(?:25)*E5%(?:25)*98%(?:25)*8d|%(?:25)*0a(?:%(?:25)*0a|[\w%-]{2,40}(?::|%(?:25)*3a))",
    re.IGNORECASE,
)


def url_breaks(url: bytes) -> Iterator[tuple[int, int]]:
    """Spans (offset, length) of line breaks in a URL. Bounded: the first of each kind."""
    path, mark, query = url.partition(b"?")
    for found in (_RAW.search(url), _ENCODED_PATH.search(path)):
        if found:
            yield found.start(), len(found.group())
    found = _ENCODED_QUERY.search(query)
    if found:
        yield len(path) + len(mark) + found.start(), len(found.group())


def header_breaks(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, int]]:
    """(header name, offset) for names or values that hold CR, LF or NUL."""
    for name, value in headers:
        found = _RAW.search(name) or _RAW.search(value)
        if found:
            yield _RAW.sub(b"?", name), found.start()
