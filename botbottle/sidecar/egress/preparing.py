"""What is done to a request on its way out, apart from judging it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

from mitmproxy import http
from mitmproxy.net.http.http1 import expected_http_body_size

from botbottle.dlp.cutting import lengths_fixed
from botbottle.sidecar.egress import forms, piecewise, sigv4, stripping
from botbottle.sidecar.egress.active import Active
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.passage import Passage
from botbottle.sidecar.egress.scan import OFF_LOOP
from botbottle.sidecar.egress.signing import authority, signed
from botbottle.sidecar.egress.uncoded import codings

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


def signing_with(policy: Active, fresh: Active) -> Active:
    """A policy under which a request is signed with the credentials of ``fresh``; their echo is
    looked for in its response, and they in what it sends."""
    return replace(
        policy,
        scanner=fresh.scanner,
        scrubber=fresh.scrubber,
        secrets=fresh.secrets,
        logins=fresh.logins,
    )


def sign(flow: http.HTTPFlow, passage: Passage) -> None:
    """Put the route's credential in; the agent's own were stripped before the scan."""
    request = flow.request
    path, _, query = request.path.partition("?")
    method = request.data.method.decode("latin-1")
    fields = stripping.unnamed(request.headers.fields)
    body = request.raw_content or b""
    ready = signed(
        passage, sigv4.Unsigned(method, authority(passage.where), path, query, fields, body)
    )
    request.headers.fields = ready.headers
    if ready.query != query:
        request.path = f"{path}?{ready.query}"


async def put_together(request: http.Request) -> None:
    """Make one piece of a body that comes in many. Raises Malformed."""
    if not piecewise.is_piecewise(request.headers.fields):
        return
    work = partial(piecewise.whole, request.headers.fields, request.raw_content or b"")
    request.headers.fields, request.raw_content = await asyncio.to_thread(work)


async def other_method(flow: http.HTTPFlow, passage: Passage, body: bytes) -> Denial | None:
    """Why a form may not leave by its route."""
    kind = flow.request.headers.get("content-type", "")
    if not body or not forms.may_differ(passage, kind):
        return None
    encoded = coding(flow.request)
    work = partial(forms.other_method, passage, passage.policy, kind, body, encoded)
    small = len(body) < OFF_LOOP and not encoded
    return work() if small else await asyncio.to_thread(work)


def fitting(fields: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[bytes, bytes], ...]:
    """Those of a head that stay where its body was redacted; what follows them are trailers."""
    return lengths_fixed(fields, b"")


def length(request: http.Request) -> int | None:
    """Bytes of the body that the head announces; None when it does not say."""
    if request.is_http2 and "content-length" not in request.headers:
        return 0 if request.method in _BODILESS else None
    return expected_http_body_size(request)


def coding(request: http.Request) -> str:
    return codings(request.headers.get("content-encoding", ""))
