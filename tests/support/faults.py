"""Requests to an engine, and what a proxy before it may do with one."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

_READS = ("GET", "HEAD")
_VERSION = re.compile(r"^/v\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Request:
    """One request; ``path`` without the API version and without its query."""

    method: str
    path: str
    query: str = ""

    @property
    def writes(self) -> bool:
        return self.method not in _READS

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do with a matching request. ``delay`` seconds first; then ``status`` answers
    instead of the engine, or ``cut`` closes the connection: ``before`` it is forwarded or
    ``after`` the engine has answered. ``act`` is called at the same moment as the cut would
    be. ``gate``: wait until it is set (two minutes at most). ``times``: how often (-1: always)."""

    matches: Callable[[Request, int], bool]  # request, its number among writing requests
    delay: float = 0.0
    status: int = 0
    cut: bool = False
    when: str = "before"
    act: Callable[[], None] | None = None
    gate: threading.Event | None = None
    times: int = -1


def parse(head: bytes) -> tuple[Request, int]:
    """Request and body size (-1: chunked)."""
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    path, _, query = target.partition("?")
    headers = {k.strip().lower(): v.strip() for k, _, v in (x.partition(":") for x in lines[1:])}
    chunked = "chunked" in headers.get("transfer-encoding", "")
    size = -1 if chunked else int(headers.get("content-length") or 0)
    return Request(method, _VERSION.sub("", path), query), size


def matching(pattern: str) -> Callable[[Request, int], bool]:
    compiled = re.compile(pattern)
    return lambda request, _number: bool(compiled.search(str(request)))
