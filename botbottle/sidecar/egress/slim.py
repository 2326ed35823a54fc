"""What mitmproxy does many times for each request, done with the same result for less.

Each replaces a part of mitmproxy in this process; ``tests/sidecar_egress/test_slim.py`` compares
them with the originals.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from h11 import EndOfMessage
from h11._readers import ContentLengthReader
from mitmproxy import flow, http
from mitmproxy.http import Headers, Message, Request, Response
from mitmproxy.net.http import http1
from mitmproxy.proxy.layers.http import _http1


def _unchecked(_self: object) -> None:
    """Instead of a type check of every field of each request and response that mitmproxy makes
    (a check of its own code, not of what was received: that is parsed before)."""


def _get_all(self: Headers, name: str | bytes) -> list[str]:
    """As the original, which converts and compares through five functions for each field."""
    wanted = _lower(name)
    return [v.decode("utf-8", "surrogateescape") for k, v in self.fields if k.lower() == wanted]


def _get(self: Headers, name: str | bytes, default: Any = None) -> Any:
    """As the original, without an exception for each header that is not there."""
    wanted = _lower(name)
    found = [v for k, v in self.fields if k.lower() == wanted]
    return b", ".join(found).decode("utf-8", "surrogateescape") if found else default


def _contains(self: Headers, name: object) -> bool:
    """As the original."""
    if not isinstance(name, str | bytes):
        return False
    wanted = _lower(name)
    for k, _ in self.fields:  # noqa: SIM110 - a generator costs more than the look-up
        if k.lower() == wanted:
            return True
    return False


@lru_cache(maxsize=256)
def _lower(name: str | bytes) -> bytes:
    raw = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
    return raw.lower()


def _body_size(request: Request, response: Response | None = None) -> int | None:
    """As the original, which is asked six times for each exchange: remembered with the message for
    as long as nothing of what it depends on changes."""
    message: Message = response or request
    fields, known = message.data.headers.fields, vars(message)
    asked = (request.data.method, response.data.status_code if response else 0)
    if (seen := known.get(_SIZE)) is not None and seen[0] is fields and seen[1] == asked:
        return cast("int | None", seen[2])
    size = _expected_http_body_size(request, response)
    known[_SIZE] = (fields, asked, size)
    return size


def _closes(http_version: str | bytes, headers: Headers) -> bool:
    """As the original, which is asked four times for each exchange."""
    fields, known = headers.fields, vars(headers)
    if (seen := known.get(_CLOSES)) is not None and seen[0] is fields and seen[1] == http_version:
        return cast(bool, seen[2])
    closes = _connection_close(http_version, headers)
    known[_CLOSES] = (fields, http_version, closes)
    return closes


_SIZE, _CLOSES = "size of the body", "closes the connection"  # attributes that nobody else has
_expected_http_body_size = http1.expected_http_body_size
_connection_close: Callable[[str | bytes, Headers], bool] = http1.connection_close


class _Ids:
    """Ids of flows, which only have to differ within this process."""

    def __init__(self) -> None:
        self._next = itertools.count(1).__next__

    def uuid4(self) -> int:
        """Instead of a random one, for which the system is asked."""
        return self._next()


class Sized(ContentLengthReader):
    """As the original, which makes and checks an object for each end; nobody changes it."""

    _END = EndOfMessage()

    def __call__(self, buf: Any) -> Any:
        """The next piece of a body, its end, or None while nothing is there."""
        return super().__call__(buf) if self._remaining else self._END


def _reader(size: int | None) -> Any:
    return Sized(size) if size is not None and size >= 0 else _make_body_reader(size)


_make_body_reader = _http1.make_body_reader


def slim() -> None:
    """Call once, before the first connection."""
    changed: Any = Headers
    http.MessageData.__post_init__ = _unchecked  # type: ignore[method-assign]
    changed.get_all, changed.get, changed.__contains__ = _get_all, _get, _contains
    vars(flow)["uuid"] = _Ids()
    vars(_http1)["make_body_reader"] = _reader
    vars(http1)["expected_http_body_size"] = _body_size
    vars(http1)["connection_close"] = _closes
