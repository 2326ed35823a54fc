"""Credentials of a route: injected where its scheme says, into a request that has none.

Works on raw header fields, so that nothing is decoded that does not have to be. A value is
never part of an exception, a log line or a ``repr``.
"""

from __future__ import annotations

import base64
from urllib.parse import quote

from botbottle.model.route import Auth
from botbottle.providers import login
from botbottle.sidecar.egress.parameters import without
from botbottle.sidecar.egress.stripping import Signed, plain

LOGINS = frozenset({"oauth", "login"})  # schemes whose value is a program's login


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
            rest = without(request.query, frozenset({auth.name}))
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
