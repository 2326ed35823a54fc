"""What a token endpoint is asked, and what its answer makes of a login. Pure.

RFC 6749, section 6. Endpoints and client names are those of the programs themselves (Claude
Code 2.1, Codex 0.169): both are public clients, so there is no client secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botbottle.meter.decode import Undecodable, decode_all
from botbottle.providers.login import CLAUDE, LEEWAY, read
from botbottle.sidecar.egress.asking import MAX_ANSWER, Answer, Question

_FIELDS = (
    (b"content-type", b"application/json"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"identity"),
)
_TOKENS = ("access_token", "refresh_token", "id_token")
_LENIENT = json.JSONDecoder(parse_int=float)
_LONGEST = 10 * 365 * 86_400.0  # seconds


class NotRenewed(Exception):
    """The endpoint gave no new login; the text says why and names no value."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the logins of a program are renewed."""

    host: str
    path: str
    client: str
    extra: Mapping[str, str] = field(default_factory=dict)


ENDPOINTS: Mapping[str, Endpoint] = {
    "claude": Endpoint(
        "platform.claude.com", "/v1/oauth/token", "9d1c250a-e61b-44d9-88ed-5944d1962f5e"
    ),
    "codex": Endpoint(
        "auth.openai.com",
        "/oauth/token",
        "app_EMoamEEZ73f0CkXaXp7hrann",
        {"scope": "openid profile email"},
    ),
}


def question(text: str) -> tuple[Endpoint, Question]:
    """Where to ask for a fresh login, and what. Raises NotRenewed when it has no refresh token."""
    found = read(text)
    if found is None or not found.refresh:
        raise NotRenewed("it has no refresh token")
    where = ENDPOINTS[found.program]
    document = {
        "grant_type": "refresh_token",
        "refresh_token": found.refresh,
        "client_id": where.client,
        **where.extra,
    }
    return where, Question(where.host, where.path, _FIELDS, json.dumps(document).encode())


def renewed(text: str, answer: Answer, now: float) -> tuple[str, str]:
    """The login's text with the tokens of the endpoint's answer, and why its access token is not a
    new one, or ''. All else stays as it was.

    ``now`` is in seconds since the epoch. Raises NotRenewed when the answer has no token at all.
    Whatever else is wrong with it: a refresh token that came is kept, since the one before it is
    used up.
    """
    given = _document(answer)
    tokens = {n: v for n in _TOKENS if (v := _token(given, n))} if answer.status // 100 == 2 else {}
    if not tokens:
        raise NotRenewed(f"status {answer.status}{_error(given)}")
    document, found = json.loads(text), read(text)
    if found is not None and found.program == CLAUDE:
        _into_claude(document["claudeAiOauth"], tokens, given.get("expires_in"), now)
    else:
        document["tokens"] |= tokens
    return json.dumps(document), "" if "access_token" in tokens else "no access token came"


def _document(answer: Answer) -> dict[str, Any]:
    """What the endpoint said. Numbers of any length are read, and what follows the object is
    passed over: neither is a reason to lose a token."""
    try:
        body = decode_all(answer.body, answer.coding, MAX_ANSWER).decode("utf-8-sig", "replace")
        found, _ = _LENIENT.raw_decode(body.lstrip())
    except (Undecodable, ValueError, RecursionError):
        raise NotRenewed(f"status {answer.status} without JSON") from None
    return found if isinstance(found, dict) else {}


def _into_claude(
    kept: dict[str, Any], tokens: Mapping[str, str], lifetime: object, now: float
) -> None:
    if "access_token" in tokens:
        kept["accessToken"], kept["expiresAt"] = tokens["access_token"], _end(now, lifetime)
    kept["refreshToken"] = tokens.get("refresh_token", kept["refreshToken"])


def _end(now: float, lifetime: object) -> int:
    """In milliseconds; 0, not known, for what no token can be used for, or for ever. Then a 401
    tells its end."""
    if not isinstance(lifetime, int | float) or not LEEWAY < lifetime < _LONGEST:
        return 0
    return int((now + lifetime) * 1000)


def _token(answer: Mapping[str, Any], name: str) -> str:
    """A token of printable ASCII (RFC 6749, appendix A); others cannot be sent."""
    value = answer.get(name)
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        return ""
    return value if value == value.strip() else ""


def _error(answer: Mapping[str, Any]) -> str:
    """The error's own word (RFC 6749, 5.2), when it is one of a few letters."""
    word = answer.get("error")
    plain = isinstance(word, str) and len(word) < 40 and word.replace("_", "").isalpha()
    return f", {word}" if plain else ""
