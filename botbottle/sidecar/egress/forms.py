"""Forms that ask for another method than their head: Rack and Laravel take a POST with ``_method``
for what that says, Laravel and Express also in JSON. Looked for only where a route limits methods,
and not in uploads that pass while they arrive."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote_to_bytes

from botbottle.meter.decode import Undecodable, decode_all
from botbottle.sidecar.egress import members
from botbottle.sidecar.egress.active import Active
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.overrides import UNKNOWN, named
from botbottle.sidecar.egress.passage import Passage
from botbottle.sidecar.egress.routing import route_of
from botbottle.sidecar.egress.upload import MAX_BODY

BLOCK, _EDGE = 16 * 1024, 400  # bytes looked at in one go, which nothing interrupts; what follows
_PAIR = re.compile(
    rb"[&;][\s+]*(?:_method|x.http.method.override)[\s+]*(?:=|&|;|\[|$)"
)  # of a decoded form
_PART = re.compile(
    rb"content-disposition\s*:[^\r\n]{0,240}?[;\s]name\*?\s*=\s*"
    rb"(?:[\"']|utf-8'[a-z-]{0,20}')?(?:_method|x.http.method.override)(?:[\"';\s]|$)"
)  # RFC 7578, 4.2


def may_differ(passage: Passage, kind: str) -> bool:
    """Whether a form may ask for a method that the route does not allow. ``kind``: its
    content-type; a body without one is a form for Rack."""
    form = not kind or any(word in kind.lower() for word in ("urlencoded", "multipart/", "json"))
    return form and any(match.methods for match in passage.way.matches)


def other_method(
    passage: Passage, active: Active, kind: str, body: bytes, coding: str = ""
) -> Denial | None:
    """Why a whole form may not leave by the route that its head was allowed by, if so."""
    asked = _asked(kind, body, coding)
    if not asked or passage.query is None:
        return None
    query = replace(passage.query, methods=(*passage.query.methods, *asked))
    if route_of(query, active) == passage.route:
        return None
    return Denial("no-match", "the form asks for a method that the route does not allow")


def _asked(kind: str, body: bytes, coding: str) -> tuple[str, ...]:
    try:
        return methods(kind, decode_all(body, coding, MAX_BODY))
    except Undecodable:
        return (UNKNOWN,)


def methods(kind: str, body: bytes) -> tuple[str, ...]:
    """The methods that a form names. In parts, and in large forms, they are not read: such a one is
    none that a rule allows."""
    if "json" in kind.lower():
        return members.methods(body)
    parts = "multipart/" in kind.lower()
    if not any(_names(parts, body, at) for at in range(0, len(body), BLOCK)):
        return ()
    return (UNKNOWN,) if parts or len(body) > BLOCK else tuple(named(body.decode("latin-1")))


def _names(parts: bool, body: bytes, at: int) -> bool:
    block = body[at : at + BLOCK + _EDGE].lower()
    if parts:
        return _PART.search(block) is not None
    if b"%" in block:
        block = unquote_to_bytes(block).lower()
    return _PAIR.search(block if at else b"&" + block) is not None
