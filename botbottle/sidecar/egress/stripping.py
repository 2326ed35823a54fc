"""Credentials of the agent's own, which never pass: whatever it holds, no request of its carries it
to a host where a route's credential makes its words count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from botbottle.sidecar.egress.parameters import without

type Fields = tuple[tuple[bytes, bytes], ...]

# Headers that carry a credential in some API. Most tell by their form.
STRIPPED = frozenset(
    {
        b"cookie",
        b"cookie2",
        b"proxy-connection",
        b"x-auth-email",
        b"x-auth-user",
        b"x-honeycomb-team",
        b"x-jfrog-art-api",
    }
)
_KEYS = (
    b"api|auth|access|subscription|application|app|functions|rapidapi|fastly|secret|private|account"
    b"|insert|query|license|write|master|admin|ingest|service|signing"
)
_FORMS = re.compile(
    rb"authorization|(?:^|-)(?:(?:[a-z0-9]*(?:token|secret|password|credentials?|passwd|passphrase"
    rb"|jwt))|auth|authentication|jwt-assertion|(?:%b)-?keys?|apikeys?)$" % _KEYS
)
# Who asks, as a gateway in front tells it to those that trust it: with a route's credential the
# agent would act as anybody.
_PERSONS = re.compile(
    rb"^impersonate-|(?:^|-)(?:remote|webauth|forwarded|authenticated|auth-request)-(?:preferred-)?"
    rb"(?:user(?:name)?|email|groups?|name)(?:-|$)|(?:^|-)(?:client|ssl)-(?:client-)?cert(?:-|$)"
    rb"|^x-(?:goog-authenticated-user|ms-client-principal|amzn-oidc)-"
)
# What ends like one and is none: what sites give to forms, where a list, an upload or a look goes
# on, what makes a repeated request harmless, locks (RFC 4918 section 10.5).
_HARMLESS = re.compile(
    rb"(?:^|-)(?:csrf|xsrf|csrf-middleware|continuation|next|page|pagination|cursor|sync|delta"
    rb"|change|bookmark|resume|upload|idempotency|amzn-client|ms-session|lock|lease|fencing"
    rb"|atlassian|request|(?:request-?)?verification|(?:anti-?)?forgery)-?token$"
)
_LONGEST = 64  # bytes of a name about which it is remembered what it is
_IN_QUERY = (
    "access_key",
    "access_token",
    "api_key",
    "api_secret",
    "api_token",
    "auth_key",
    "auth_token",
    "authorization",
    "bearer_token",
    "client_secret",
    "job_token",
    "oauth_token",
    "personal_access_token",
    "private_token",
    "secret_key",
    "subscription_key",
)
# Query parameters that carry a credential wherever they are read at all.
_STRIPPED_QUERY = frozenset((*_IN_QUERY, *(f"x_{name}" for name in _IN_QUERY)))
# And of Google's APIs: a key for whose account work is done, and headers in the query.
_GOOGLE = ("googleapis.com", _STRIPPED_QUERY | {"key", "token", "$httpheaders", "$httpheader"})
_FILES = "firebasestorage.googleapis.com"  # ``token`` opens one file there, as a signature does
_PROTOCOL = b"sec-websocket-protocol"
# Of a WebSocket's protocols: a name that says so with something behind it, a JWT, and what is too
# long and mixed for a name. AWS AppSync's ``header-`` holds headers in Base64.
_KEY_IN_PROTOCOL = re.compile(
    rb"(?i:key|secret|token|bearer|authorization|auth|jwt|password|credentials?)[.:=|~_-][^,\s]{8}"
    rb"|^header-[\w+/=-]{16}|^eyJ[\w-]{8,}\.|^(?=[^,]*\d)(?=[^,]*[A-Za-z])[\w+/=]{32,}$"
)
_CONNECTION = frozenset({b"close", b"keep-alive", b"upgrade"})


@dataclass(frozen=True, slots=True)
class Signed:
    """A request ready to leave: header fields and query."""

    headers: Fields
    query: str


def strip(headers: Fields, query: str, host: str = "") -> Signed:
    """The request to ``host`` without any credential of the agent's."""
    kept = tuple(_protocol(f) for f in headers if not is_credential(f[0]))
    if query:
        query = without(query, _names(host), joined=True)
    return Signed(tuple(f for f in kept if f is not None), query)


def _names(host: str) -> frozenset[str]:
    domain, names = _GOOGLE
    if host != domain and not host.endswith(f".{domain}"):
        return _STRIPPED_QUERY
    return names - {"token"} if host == _FILES else names


def is_credential(name: bytes) -> bool:
    """Whether a header of this name carries a credential, or says who asks."""
    return _known(name) if len(name) <= _LONGEST else _carries(name)


def _carries(name: bytes) -> bool:
    name = plain(name)
    if name in STRIPPED or _PERSONS.search(name) is not None:
        return True
    return _FORMS.search(name) is not None and _HARMLESS.search(name) is None


_known = lru_cache(maxsize=1024)(_carries)


def plain(name: bytes) -> bytes:
    """A name as gateways to scripts read it (RFC 3875, 4.1.18: ``-`` becomes ``_``)."""
    return name.lower().replace(b"_", b"-")


def unnamed(headers: Fields) -> Fields:
    """Without the names of other headers in ``Connection``: whoever comes next would drop those,
    also the one that the route's credential is in (RFC 9110, 7.6.1)."""
    if not any(name.lower() == b"connection" for name, _ in headers):
        return headers
    kept = (_connection(f) if f[0].lower() == b"connection" else f for f in headers)
    return tuple(f for f in kept if f is not None)


def _connection(item: tuple[bytes, bytes]) -> tuple[bytes, bytes] | None:
    kept = [p for p in item[1].split(b",") if p.strip().lower() in _CONNECTION]
    return (item[0], b",".join(kept).strip()) if kept else None


def _protocol(item: tuple[bytes, bytes]) -> tuple[bytes, bytes] | None:
    """Browsers' way to send a key on a WebSocket: as one of the subprotocols."""
    name, value = item
    if plain(name) != _PROTOCOL:
        return item
    offered = value.split(b",")
    kept = [p for p in offered if not _KEY_IN_PROTOCOL.search(p.strip())]
    if len(kept) == len(offered):
        return item
    return (name, b",".join(kept).strip()) if kept else None
