"""Logins of agent programs, as their own files hold them.

A login is the JSON text of the program's file: Claude Code's ``.credentials.json`` or Codex's
``auth.json``. With the scheme ``oauth`` its access token is used while it lasts; with ``login``
the sidecar owns the login and renews it (``sidecar.egress.logins``). Pure: read by both sides.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

CLAUDE, CODEX = "claude", "codex"
ACCOUNT_HEADER = "chatgpt-account-id"
LEEWAY = 30.0  # seconds before the end at which a token counts as expired


class Login(Struct, frozen=True):
    """An access token. ``expires`` is in seconds since the epoch, 0 when it is not known;
    ``headers`` go with it (Codex's account). ``others``: what else in the text is secret."""

    program: str
    token: str
    refresh: str = ""
    expires: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Neither a token nor what else is secret; the same for what prints structures."""
        return f"Login({self.program!r}, expires={self.expires!r}, headers={self.headers!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("program", self.program)]

    def expired(self, now: float) -> bool:
        """Whether the token is of no use any more."""
        return bool(self.expires) and now > self.expires - LEEWAY


def read(value: str) -> Login | None:
    """The login in a secret's text, or None when there is none in it."""
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    return _claude(document) or _codex(document)


def _claude(document: Mapping[str, Any]) -> Login | None:
    found = document.get("claudeAiOauth")
    if not isinstance(found, dict) or not isinstance(found.get("accessToken"), str):
        return None
    return Login(
        program=CLAUDE,
        token=found["accessToken"],
        refresh=_text(found, "refreshToken"),
        expires=_seconds(found.get("expiresAt"), 1000),
    )


def _codex(document: Mapping[str, Any]) -> Login | None:
    found = document.get("tokens")
    if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
        return None
    belongs, identity = _text(found, "account_id"), _text(found, "id_token")
    return Login(
        program=CODEX,
        token=found["access_token"],
        refresh=_text(found, "refresh_token"),
        expires=_jwt_end(found["access_token"]),
        headers=((ACCOUNT_HEADER, belongs),) if belongs else (),
        others=(identity,) if identity else (),
    )


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def _jwt_end(token: str) -> float:
    """``exp`` of a JWT (RFC 7519), unverified: only a hint when to stop using it."""
    parts = token.split(".")
    if len(parts) != 3:
        return 0.0
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return _seconds(claims["exp"], 1)
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0.0


def _seconds(value: object, parts: int) -> float:
    """A point in time given in parts of a second; 0 for anything that is none."""
    try:
        found = float(value) / parts if isinstance(value, int | float) else 0.0
    except OverflowError:
        return 0.0
    return found if math.isfinite(found) else 0.0


def renewal(program: str) -> str:
    """What the agent is told to ask for when a login that only its owner renews has ended."""
    return f"the operator runs `{program}` once on the host, then bb apply"


def texts(values: Mapping[str, str]) -> dict[str, str]:
    """Credentials as texts to search for: each token of a login, anything else as it is. The
    first of a name keeps it, the others are ``NAME.1`` and so on."""
    return {
        f"{name}.{number}" if number else name: text
        for name, value in values.items()
        for number, text in enumerate(secrets_in(value))
    }


def secrets_in(value: str) -> tuple[str, ...]:
    """Every text of a login that must neither leave nor come back: its tokens. The rest of the
    document is no secret, and parts of it (the account) do leave."""
    found = read(value)
    if found is None:
        return (value,)
    return tuple(part for part in (found.token, found.refresh, *found.others) if part)


def account(value: str) -> str:
    """The account that a login belongs to, which its program must know; '' when there is none."""
    found = read(value)
    return dict(found.headers).get(ACCOUNT_HEADER, "") if found else ""
