"""Credentials: what the agent sent is stripped, what the route says is injected.

Works on raw header fields, so that nothing is decoded that does not have to be. A value is
never part of an exception, a log line or a ``repr``.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from botbottle.model.route import Auth
from botbottle.providers import login
from botbottle.sidecar.egress.target import decoded

type Fields = tuple[tuple[bytes, bytes], ...]

# Headers that carry a credential in some API; the agent's own never pass. Most tell by their form.
STRIPPED = frozenset(
    {
        b"cookie",
        b"cookie2",
        b"proxy-connection",
        b"x-auth-email",
        b"x-auth-user",
        b"x-client-cert",
        b"x-honeycomb-team",
        b"x-jfrog-art-api",
    }
)
_KEYS = (
    b"api|auth|access|subscription|application|app|functions|rapidapi|fastly|secret|private|account"
)
_FORMS = re.compile(
    rb"authorization|(?:^|-)(?:(?:[a-z0-9]*(?:token|secret|password|credentials?|passwd))|auth"
    rb"|(?:%b)-?key|apikey)$" % _KEYS
)
# What ends like one and is none: what sites give to forms, where a list, an upload or a look goes
# on, what makes a repeated request harmless, locks (RFC 4918 section 10.5).
_HARMLESS = re.compile(
    rb"(?:^|-)(?:csrf|xsrf|csrf-middleware|continuation|next|page|pagination|cursor|sync|delta"
    rb"|change|bookmark|resume|upload|idempotency|amzn-client|ms-session|lock|lease|fencing"
    rb"|atlassian|request|(?:request-?)?verification|(?:anti-?)?forgery)-?token$"
)
_LONGEST = 64  # bytes of a name about which it is remembered what it is
# Query parameters that carry a credential wherever they are read at all.
_STRIPPED_QUERY = frozenset(
    {
        "access_token",
        "api_key",
        "apikey",
        "api_token",
        "auth_token",
        "authorization",
        "client_secret",
        "job_token",
        "oauth_token",
        "private_token",
    }
)
# And of Google's APIs: a key for whose account work is done, and headers in the query.
_GOOGLE = ("googleapis.com", _STRIPPED_QUERY | {"key", "token", "$httpheaders", "$httpheader"})
_FILES = "firebasestorage.googleapis.com"  # ``token`` opens one file there, as a signature does
_PAIRS = re.compile(r"(^|[&;])([^&;]*)")  # what is before a parameter, and the parameter
_ODD = "-.+ \t\r\n\0"
_FOLDS = str.maketrans(_ODD, "_" * len(_ODD))
LOGINS = frozenset({"oauth", "login"})  # schemes whose value is a program's login
_PROTOCOL = b"sec-websocket-protocol"
_CONNECTION = frozenset({b"close", b"keep-alive", b"upgrade"})
_KEY_IN_PROTOCOL = b"openai-insecure-api-key."


@dataclass(frozen=True, slots=True)
class Signed:
    """A request ready to leave: header fields and query."""

    headers: Fields
    query: str


def strip(headers: Fields, query: str, host: str = "") -> Signed:
    """The request to ``host`` without any credential of the agent's."""
    kept = tuple(_protocol(f) for f in headers if not is_credential(f[0]))
    if query:
        domain, names = _GOOGLE
        google = host == domain or host.endswith(f".{domain}")
        names = names - {"token"} if host == _FILES else names
        query = _without(query, names if google else _STRIPPED_QUERY)
    return Signed(tuple(f for f in kept if f is not None), query)


def is_credential(name: bytes) -> bool:
    """Whether a header of this name carries a credential."""
    return _known(name) if len(name) <= _LONGEST else _carries(name)


def _carries(name: bytes) -> bool:
    name = plain(name)
    if name in STRIPPED:
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
    if name.lower() != _PROTOCOL or _KEY_IN_PROTOCOL not in value:
        return item
    kept = [p for p in value.split(b",") if not p.strip().startswith(_KEY_IN_PROTOCOL)]
    return (name, b",".join(kept).strip()) if kept else None


def _without(query: str, names: frozenset[str]) -> str:
    """A query without these parameters, however they are spelt; the rest is as it was."""
    unwanted, anywhere = _searched(names)
    if not anywhere.search(decoded(query)):
        return query
    pairs = _PAIRS.findall(query)
    kept = [(before, pair) for before, pair in pairs if not _is_one(pair, unwanted)]
    if len(kept) == len(pairs):
        return query
    return "".join(before + pair for before, pair in kept)[len(kept[0][0]) if kept else 0 :]


@lru_cache(maxsize=256)
def _searched(names: frozenset[str]) -> tuple[frozenset[str], re.Pattern[str]]:
    """Names as they are compared, and what finds any of them in a decoded query of lower case."""
    unwanted = frozenset(_folded(name) for name in names)
    spelt = (re.escape(n).replace("_", f"[_{re.escape(_ODD)}]") for n in sorted(unwanted))
    return unwanted, re.compile("|".join(spelt))


def _is_one(pair: str, unwanted: frozenset[str]) -> bool:
    """Whether a parameter has one of these names, maybe as a list or a table."""
    name = _folded(pair.partition("=")[0])
    return name in unwanted or name.partition("[")[0] in unwanted


def _folded(name: str) -> str:
    """A name in which all spellings are one: decoded, without what is around it, in lower case, and
    with ``_`` for what PHP and gateways make that of."""
    return unquote(name).replace("+", " ").strip(" \t\r\n\0").lower().translate(_FOLDS)


def inject(request: Signed, auth: Auth, value: str) -> Signed:
    """The stripped request with the credential ``value`` in the place the scheme says.

    Raises ValueError, without the value, for one that cannot be sent in a header.
    """
    if auth.scheme not in LOGINS:
        _one_line(value)
    match auth.scheme:
        case "Bearer" | "token":
            return _header(request, b"authorization", f"{auth.scheme} {value}")
        case "basic":
            return _header(request, b"authorization", f"Basic {basic(value)}")
        case "header":
            return _header(request, auth.name.encode(), value)
        case "query":
            rest = _without(request.query, frozenset({auth.name}))
            pair = f"{quote(auth.name, safe='')}={quote(value, safe='')}"
            return Signed(request.headers, f"{rest}&{pair}" if rest else pair)
        case "oauth" | "login":
            return _login(request, value)
        case "sigv4":
            raise ValueError("sigv4 signs the whole request")


def _one_line(value: str) -> None:
    if "\r" in value or "\n" in value or "\0" in value:
        raise ValueError("a credential has a line break or NUL")


def _login(request: Signed, value: str) -> Signed:
    found = login.read(value)
    if found is None:
        raise ValueError("the credential is not a login")
    for text in (found.token, *(text for _, text in found.headers)):
        _one_line(text)
    for name, text in found.headers:
        request = _header(request, name.encode(), text)
    return _header(request, b"authorization", f"Bearer {found.token}")


def _header(request: Signed, name: bytes, value: str) -> Signed:
    named = plain(name)
    kept = tuple(f for f in request.headers if plain(f[0]) != named)
    return Signed((*kept, (name, value.encode("latin-1"))), request.query)


def basic(value: str) -> str:
    """RFC 7617 credentials. A value without ``user:`` is a token, sent with the user name that
    GitHub and GitLab accept for tokens."""
    pair = value if ":" in value else f"x-access-token:{value}"
    return base64.b64encode(pair.encode()).decode()


def material(auth: Auth, value: str) -> tuple[str, ...]:
    """Every text that leaves with this credential and must not come back to the agent."""
    match auth.scheme:
        case "basic":
            _, colon, password = value.partition(":")  # a name has none (RFC 7617, 2)
            return (value, basic(value), password if colon else value)
        case "oauth" | "login":
            return login.secrets_in(value)
        case "sigv4":
            return tuple(value.split(":", 2))[1:]
        case _:
            return (value,)
