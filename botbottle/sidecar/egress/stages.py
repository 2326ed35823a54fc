"""The stages that decide on a request's head. Each is pure: a passage in, a denial or nothing out.

Order matters and is the order of ``HEAD``: nothing is looked up for a request whose target is
not certain, and nothing is asked of the ledger for one that has no route.
"""

# ruff: noqa: ARG001 - all stages have one signature
from __future__ import annotations

import re
import time
from collections.abc import Callable

from botbottle.meter import Kind, identify, refusal
from botbottle.providers import login
from botbottle.sidecar.egress import git, handshake, overrides
from botbottle.sidecar.egress.active import Active
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.match import Query
from botbottle.sidecar.egress.passage import Head, Passage
from botbottle.sidecar.egress.routing import route_of
from botbottle.sidecar.egress.target import resolve

_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}")
_REFUSED_METHODS = frozenset({"CONNECT", "TRACE", "TRACK", "PRI"})
EXPIRED = "login-expired"


type Stage = Callable[[Passage, Head, Active], Denial | None]


def _clean_headers(passage: Passage, head: Head, active: Active) -> Denial | None:
    """CR, LF or NUL in a header would be another header for somebody."""
    for name, value in head.raw:
        if b"\n" in value or b"\r" in value or b"\0" in value or b"\0" in name:
            return Denial("header-injection", "a header has a line break or NUL", close=True)
    if head.headers.get("transfer-encoding", "chunked").strip().lower() != "chunked":
        return Denial("bad-request", "the only transfer coding that passes is chunked", close=True)
    return None


def _target(passage: Passage, head: Head, active: Active) -> Denial | None:
    found = resolve(head.claim)
    if isinstance(found, Denial):
        return found
    passage.target = found
    return overrides.other_target(head.headers, found.host)


def _hold(passage: Passage, head: Head, active: Active) -> Denial | None:
    hold = active.config.hold
    if not hold.policy:
        return None
    text = hold.message or f"this bottle is under {hold.policy} ({hold.reason or 'operator'})"
    return refuse_call(passage, head, active, "held", text) or Denial("held", text)


def refuse_call(
    passage: Passage, head: Head, active: Active, code: str, text: str
) -> Denial | None:
    """The denial of a model request in its client's dialect; None for other requests."""
    target = passage.where
    call = identify(target.host, target.method, head.claim.path, head.headers, active.metered)
    if call is None or not (call.gated or call.metered):
        return None
    said = refusal(call, message=text)
    return Denial(code, text, response=(said.status, said.headers, said.body))


def _method(passage: Passage, head: Head, active: Active) -> Denial | None:
    method = head.claim.method
    if _METHOD.fullmatch(method) and method not in _REFUSED_METHODS:
        return None
    return Denial("method", "this method is not forwarded", close=True)


def _route(passage: Passage, head: Head, active: Active) -> Denial | None:
    target = passage.where
    methods = (target.method, *overrides.methods(head.headers, target.query))
    query = Query(target.host, target.port, methods, target.path, head.headers)
    passage.query, passage.route = query, route_of(query, active)
    if passage.route is not None:
        return None
    if active.index.knows(target.host, target.port):
        return Denial("no-match", f"no rule for {target.host} allows this method and path")
    return Denial("no-route", f"no route allows {target.host} on port {target.port}")


def _transport(passage: Passage, head: Head, active: Active) -> Denial | None:
    if not passage.where.tls and (passage.where.port == 443 or passage.way.auth):
        return Denial("plain-http", "this route is served over TLS only")
    upgrade = head.headers.get("upgrade", "").lower()
    if not upgrade:
        return None
    passage.upgrade = upgrade == "websocket" and head.claim.method == "GET"
    if not passage.upgrade:
        return Denial("protocol", "only an upgrade to a WebSocket is forwarded", close=True)
    if not handshake.is_key(head.headers.get(handshake.KEY, "")):
        return Denial("bad-request", "the WebSocket's key is not 16 bytes in base64", close=True)
    return None


def _git(passage: Passage, head: Head, active: Active) -> Denial | None:
    asked = passage.query.methods if passage.query else ()
    use = git.use(asked, passage.where.path, passage.where.query)
    if use == "push":
        return Denial("git-push", "pushing over https is never allowed")
    if use == "fetch" and not passage.way.git_fetch:
        return Denial("git-fetch", f"the route for {passage.where.host} does not allow git fetch")
    return None


def _secret(passage: Passage, head: Head, active: Active) -> Denial | None:
    route = passage.way
    if active.secret_of(route) is None:
        name = route.auth.secret if route.auth else ""
        return Denial("missing-secret", f"the credential {name} has not been delivered")
    if route.auth is not None and route.auth.scheme == "oauth":
        return _lasting(passage, head, active, login.read(active.secret_of(route) or ""))
    return None


def _lasting(
    passage: Passage, head: Head, active: Active, found: login.Login | None
) -> Denial | None:
    """A login that nobody here renews: once it has ended, a model client is told in its own
    dialect, so that it stops and shows why instead of asking again."""
    if found is None:
        return Denial("missing-secret", "the forwarded login is none")
    if not found.expired(time.time()):
        return None
    text = f"the forwarded {found.program} login has expired; {login.renewal(found.program)}"
    return refuse_call(passage, head, active, EXPIRED, text) or Denial(EXPIRED, text)


def _call(passage: Passage, head: Head, active: Active) -> Denial | None:
    """Recognise a request to a model provider."""
    target = passage.where
    call = identify(target.host, target.method, head.claim.path, head.headers, active.metered)
    passage.call = call
    if call is not None and call.kind is Kind.WEBSOCKET and not passage.upgrade:
        return Denial("protocol", "only a WebSocket may be opened here")
    return None


HEAD: tuple[tuple[str, Stage], ...] = (
    ("headers", _clean_headers),
    ("target", _target),
    ("hold", _hold),
    ("method", _method),
    ("route", _route),
    ("transport", _transport),
    ("git", _git),
    ("secret", _secret),
    ("call", _call),
)


def judge(passage: Passage, head: Head, active: Active) -> Denial | None:
    """Run the head stages in order; the first denial ends it. A stage that raises denies."""
    for name, stage in HEAD:
        try:
            denial = stage(passage, head, active)
        except Exception as error:  # noqa: BLE001 - fail closed: a stage that failed allows nothing
            passage.failure = f"{name}: {type(error).__name__}"
            return Denial("internal", f"the {name} stage failed", close=True)
        if denial is not None:
            return denial
    return None
